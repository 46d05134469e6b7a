"""From names to photographs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpoxlens.errors import PhotoError
from mpoxlens.screening.engine import Refused
from mpoxlens.screening.files import expand, require_some


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.JPG", "a.png", "note.txt", ".hidden.jpg", "sub/c.webp", "sub/deep/d.heic", ".cache/e.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def names(tree: Path, *given: str) -> list[str]:
    found = expand(tree / name for name in given)
    return [path.relative_to(tree).as_posix() for path in found if isinstance(path, Path)]


def test_folders_are_walked_in_order(tree: Path) -> None:
    assert names(tree, "") == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.heic"]


def test_patterns_files_and_missing_names(tree: Path) -> None:
    assert names(tree, "*.png", "note.txt", "gone.jpg") == ["a.png", "note.txt", "gone.jpg"]
    assert names(tree, "**/*.webp") == ["sub/c.webp"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tree: Path) -> None:
    (tree / "rash[1].jpg").write_bytes(b"")
    assert names(tree, "rash[1].jpg") == ["rash[1].jpg"]


def test_links_that_go_round_end(tree: Path) -> None:
    (tree / "sub" / "round").symlink_to(tree, target_is_directory=True)
    assert len(names(tree, "")) == 4


KINDS = ".bmp, .heic, .heif, .jfif, .jpeg, .jpg, .png, .tif, .tiff, .webp"


@pytest.mark.parametrize(
    ("name", "why"), [("empty", "no photos in this folder"), ("*.bmp", "nothing matches this pattern")]
)
def test_nothing_found_is_refused_and_the_rest_goes_on(tree: Path, name: str, why: str) -> None:
    (tree / "empty").mkdir()
    refused, rest = expand([tree / name, tree / "a.png"])
    assert isinstance(refused, Refused)
    assert refused.file == str(tree / name)
    assert str(refused.error) == f"{tree / name}: {why}; name photos ({KINDS}) or a folder that holds some"
    assert rest == tree / "a.png"


def test_two_stars_in_a_name_are_no_traceback(tree: Path) -> None:
    (found,) = expand([tree / "**.webp"])  # Python 3.13 takes them for one star
    assert isinstance(found, Refused)
    assert "**.webp: " in str(found.error)


def test_a_name_that_is_too_long_does_not_stop_the_rest(tree: Path) -> None:
    assert list(expand(["x" * 5000, tree / "a.png"]))[1] == tree / "a.png"


def test_something_must_be_found(tree: Path) -> None:
    require_some([tree / "gone.jpg", tree])
    with pytest.raises(PhotoError, match=r"gone.jpg: no such file"):
        require_some([tree / "gone.jpg", tree / "*.bmp"])
    with pytest.raises(PhotoError, match="nothing matches this pattern"):
        require_some([tree / "*.bmp"])
