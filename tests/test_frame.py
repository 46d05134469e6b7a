"""What may be in the tree, and what may not."""

import csv
import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from mpoxlens.vision import recipe
from mpoxlens.vlm import recipe as vlm_recipe

ROOT = Path(__file__).resolve().parent.parent
LABELS = ROOT.parent / "shared" / "data" / "skin" / "labels.csv"
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:" + "|".join(("work", "root", "home")) + r")/\w")
LARGEST = 20 * 2**20  # bytes


def files() -> list[Path]:
    """Return what git has or would take; in an unpacked archive, everything."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\0") if done.returncode == 0 else [str(p) for p in ROOT.rglob("*")]
    found = [ROOT / name for name in names if name]
    return [path for path in found if path.is_file()]


def test_no_file_is_large() -> None:
    assert [str(path) for path in files() if path.stat().st_size > LARGEST] == []


def test_no_path_of_one_machine() -> None:
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # binary
        found += [f"{path.relative_to(ROOT)}: {hit.group()}" for hit in MACHINE_PATH.finditer(text)]
    assert found == []


@pytest.mark.real_data
def test_no_photograph_of_the_shared_set() -> None:
    if not LABELS.is_file():
        pytest.skip(f"{LABELS.name} of the shared photographs is not there")
    with LABELS.open(newline="", encoding="utf-8") as lines:
        known = {row["sha256"] for row in csv.DictReader(lines)}
    assert len(known) > 100
    inside = [str(path) for path in files() if hashlib.sha256(path.read_bytes()).hexdigest() in known]
    assert inside == []


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_parses(path: Path) -> None:
    loaded = vlm_recipe.load(path) if path.name.startswith("vlm-") else recipe.load(path)
    assert loaded.path == path


def test_there_are_recipes() -> None:
    assert RECIPES


def test_the_pins_have_no_place_of_one_machine() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.+]+", line)] == []
    assert {"torch==2.14.1", "torchvision==0.29.1", "timm==1.0.31", "onnxruntime==1.31.1"} <= set(pins)
