"""The shared vectors are what Python gives now, and the page agrees with Python on whole screenings."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mpoxlens import ClinicalInfo, Screener
from mpoxlens.datasets.phantom import draw
from mpoxlens.schema import Photo
from mpoxlens.screening.json_lines import to_json

WEB = Path(__file__).parents[2] / "web"
sys.path.insert(0, str(WEB))  # its scripts are no package
from vectors import FOLDER, vectors  # noqa: E402

VITEST = WEB / "node_modules" / "vitest" / "vitest.mjs"
ANSWERS: list[dict[str, Any]] = [
    {},
    {"contact_21_days": True, "acute_rash": True, "fever_celsius": 38.6},
    {"crops_of_lesions": True, "itch": True, "inguinal_nodes": False},
]


def test_the_vectors_are_what_python_gives() -> None:
    for name, content in vectors():
        written = json.loads((FOLDER / name).read_text("utf-8"))
        _alike(written, json.loads(json.dumps(content)), name)


def _alike(written: Any, now: Any, where: str) -> None:
    """Compare; processors may differ in the last digit of a number, and in nothing else."""
    if isinstance(now, float):
        assert abs(written - now) <= 2e-6, where
    elif isinstance(now, dict):
        assert list(written) == list(now), where
        for key in now:
            _alike(written[key], now[key], f"{where} {key}")
    elif isinstance(now, list):
        assert len(written) == len(now), where
        for number, (one, other) in enumerate(zip(written, now, strict=True)):
            _alike(one, other, f"{where} {number}")
    else:
        assert written == now, where


def test_the_vectors_hold_every_decision_and_reason() -> None:
    text = (FOLDER / "decisions.json").read_text("utf-8")
    strings = json.loads((WEB / "src" / "tables" / "strings.json").read_text("utf-8"))
    elsewhere = {
        "photos_disagree",
        "photo_left_out",
        "drawing",
        "too_dark",
        "too_bright",
        "no_detail",
        "no_skin",
        "blurred",
    }
    for code in {row["code"] for row in strings["reasons"].values()} - elsewhere:
        assert f'"{code}"' in text, code
    together = json.loads((FOLDER / "together.json").read_text("utf-8"))["cases"]
    said = {reason["code"] for case in together for reason in case["expected"]["reasons"]}
    assert {"photos_disagree", "photo_left_out", "unfamiliar", "drawing"} <= said
    assert {len(case["shots"]) for case in together} == {1, 2, 3, 4}
    for decision in ("mpox likely", "mpox unlikely", "cannot tell"):
        assert f'"{decision}"' in text
    assert sum(path.stat().st_size for path in FOLDER.glob("*.json")) < 1_500_000


@pytest.mark.slow
def test_the_page_screens_as_python_does(tmp_path: Path) -> None:
    """Whole screenings of drawn photographs by the shipped bundle, in onnxruntime-web under node."""
    found = runpy.run_path(str(WEB / "build.py"))["_found_npm"]()
    if found is None or not VITEST.exists():
        pytest.skip("the page's packages are not installed: run `make web`")
    node = shutil.which("node", path=str(found[1]))
    assert node
    write_cases(tmp_path, [_phantom(seed) for seed in range(6)])
    run = [node, str(VITEST), "run", "test/unit/core.parity.test.ts"]
    env = os.environ | {"MPOXLENS_PARITY": str(tmp_path)}
    done = subprocess.run(run, cwd=WEB, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    measured = json.loads((tmp_path / "measured.json").read_text("utf-8"))
    assert measured["photos"] == 6
    assert measured["probability"] <= 0.03  # int8 kernels round differently; drawings lie near the edge of the known
    assert measured["strangeness"] <= 0.05


def _phantom(seed: int) -> Photo:
    size = (224, 448, 700)[seed % 3]
    return Photo(draw(seed, tone=30.0 - 15 * seed, size=size).pixels, f"{seed}.png", f"{seed:064x}", size, size)


def write_cases(folder: Path, photos: list[Photo]) -> None:
    """Write each photograph's pixels and its screening by Python, for web/test/unit/core.parity.test.ts."""
    screener, rows = Screener.default(), []
    for number, photo in enumerate(photos):
        answers = ANSWERS[number % len(ANSWERS)]
        (folder / f"{number}.rgb").write_bytes(photo.pixels.tobytes())
        height, width = photo.pixels.shape[:2]
        stored = {"width": photo.width, "height": photo.height, "name": photo.name, "sha256": photo.sha256}
        found = to_json(screener.screen(photo, ClinicalInfo(**answers)))
        rows.append({"width": width, "height": height, "stored": stored, "answers": answers, "expected": found})
    (folder / "cases.json").write_text(json.dumps(rows), encoding="utf-8")
