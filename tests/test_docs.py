"""The docs say what the code does: inserted text is fresh, snippets and commands run."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

import mpoxlens
from mpoxlens.datasets.phantom import draw

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPTS = [
    "benchmarks/record.py",
    "docs/insert_backbones.py",
    "docs/insert_figures.py",
    "docs/insert_frequencies.py",
    "docs/insert_help.py",
    "docs/insert_leaderboard.py",
    "docs/insert_tree.py",
]
# A fenced block, possibly indented in a list, and what it is preceded by when it must not be run.
BLOCK = re.compile(r"(?P<skip><!-- not run: .+? -->\n[ ]*)?```(?P<kind>python|sh)\n(?P<text>.*?)\n[ ]*```", re.DOTALL)


def snippets(page: Path) -> list[tuple[str, str]]:
    """Return (kind, text) of the blocks that are to be run, in the order of the page."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [(b["kind"], "\n".join(_dedented(b["text"]))) for b in found if not b["skip"]]


def _dedented(text: str) -> list[str]:
    lines = text.splitlines()
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[indent:] for line in lines]


@pytest.mark.parametrize("script", SCRIPTS)
def test_inserted_text_is_fresh(script: str) -> None:
    done = subprocess.run([sys.executable, script, "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds what the docs speak of; `mpoxlens` and `python` are those under test."""
    (tmp_path / "photos").mkdir()
    for seed, name in enumerate(["photo.jpg", "photos/2024-01.jpg", "photos/2024-02.jpg"]):
        Image.fromarray(draw(seed, size=320).pixels).save(tmp_path / name, quality=90)
    (tmp_path / "answers.json").write_text('{"fever": true, "contact_21_days": true}', encoding="utf-8")
    (site,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "howto-site.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "site.toml").write_text("\n".join(_dedented(site)), encoding="utf-8")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.name)
def test_snippets_and_commands_run(page: Path, desk: Path) -> None:
    for kind, text in snippets(page):
        command = (
            [sys.executable, "-W", "error", "-c", text]
            if kind == "python"
            else ["bash", "-euo", "pipefail", "-c", text]
        )
        done = subprocess.run(command, cwd=desk, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{page.name}:\n{text}\n{done.stdout}{done.stderr}"


def test_what_is_not_run_is_little() -> None:
    skipped = [b["text"] for page in PAGES for b in BLOCK.finditer(page.read_text(encoding="utf-8")) if b["skip"]]
    heavy = re.compile(r"make |pip install|mpoxlens (train|data review|web|serve-chat)|Assistant\.load|runs/")
    assert all(heavy.search(text) for text in skipped)


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_version_is_the_same_everywhere() -> None:
    (top, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    (cited,) = re.findall(r"^version: (\S+)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert top == cited == mpoxlens.__version__ == metadata.version("mpoxlens")
