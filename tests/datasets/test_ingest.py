"""Where data sets may lie, what their photographs are called, and how a file that cannot be used is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import apply
from mpoxlens.errors import DataError


def _save(path: Path, grey: int, side: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (side, side), grey).save(path)
    return path


def _clinic(folder: Path, greys: tuple[int, int]) -> Path:
    """A data set of two patients."""
    for patient, grey in enumerate(greys, 1):
        _save(folder / f"{patient}.png", grey)
    (folder / "labels.csv").write_text("file,label,patient\n1.png,mpox,1\n2.png,mpox,2\n")
    return folder


def test_patients_of_two_data_sets_are_two_persons(tmp_path: Path) -> None:
    """The folders are both called images, and stand side by side as links of other names."""
    one, two = _clinic(tmp_path / "u" / "images", (1, 2)), _clinic(tmp_path / "v" / "images", (3, 4))
    (tmp_path / "all").mkdir()
    for name, root in (("oslo", one), ("lagos", two)):
        (tmp_path / "all" / name).symlink_to(root)
    found = collect([tmp_path / "all" / "oslo", tmp_path / "all" / "lagos"])
    assert found.root == tmp_path / "all"
    assert sorted((r.path, r.source, r.patient) for r in found.records) == [
        ("lagos/1.png", "lagos", "1"),
        ("lagos/2.png", "lagos", "2"),
        ("oslo/1.png", "oslo", "1"),
        ("oslo/2.png", "oslo", "2"),
    ]
    assert len({r.group for r in apply(found, []).records}) == 4
    assert all(path.is_file() for path in found.paths.values())


def test_sources_that_the_tables_name_stay_as_they_are(tmp_path: Path) -> None:
    for name, grey in (("a", 1), ("b", 2)):
        _save(tmp_path / name / "1.png", grey)
        (tmp_path / name / "labels.csv").write_text("file,label,source,patient\n1.png,mpox,clinic,7\n")
    found = collect([tmp_path / "a", tmp_path / "b"])
    assert {r.source for r in found.records} == {"clinic"}
    assert len({r.group for r in apply(found, []).records}) == 1


def test_folders_in_different_places_are_refused(tmp_path: Path) -> None:
    one, two = _clinic(tmp_path / "u" / "images", (1, 2)), _clinic(tmp_path / "v" / "images", (3, 4))
    with pytest.raises(DataError) as refused:
        collect([one, two])
    assert str(refused.value) == (
        f"{one} and {two}: they lie in different folders; put them, or links to them, side by side in one folder"
    )


def test_a_folder_in_another_is_refused_by_whatever_name(tmp_path: Path) -> None:
    _save(tmp_path / "a" / "mpox" / "1.png", 1)
    (tmp_path / "b").symlink_to(tmp_path / "a" / "mpox")
    for inner in (tmp_path / "a" / "mpox", tmp_path / "b"):
        for roots in ([tmp_path / "a", inner], [inner, tmp_path / "a"]):
            with pytest.raises(DataError) as refused:
                collect(roots)
            assert str(refused.value) == (
                f"{inner}: it lies in {tmp_path / 'a'}, which is given too; give one of the two"
            )


def test_a_folder_given_twice_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _clinic(tmp_path / "a", (1, 2))
    (tmp_path / "b").symlink_to(root)
    monkeypatch.chdir(root)
    alone = collect([root])
    assert {r.source for r in alone.records} == {"a"}
    for again in (root, Path("../a"), Path(), Path("../b")):
        found = collect([root, again])
        assert (found.root, found.records, found.copies) == (root, alone.records, ())
    assert {r.source for r in collect([Path()]).records} == {"a"}


def test_a_folder_that_is_not_there_is_told_before_where_it_lies(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such folder; name the data set's folder$"):
        collect([_clinic(tmp_path / "a", (1, 2)), tmp_path / "u" / "nowhere"])


def test_what_is_wrong_with_a_file_is_told_to_whom_makes_a_data_set(tmp_path: Path) -> None:
    root = tmp_path / "data" / "mpox"
    _save(root / "good.png", 1)
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.jpg").write_bytes(b"no picture")
    (root / "cut  short.png").write_bytes((root / "good.png").read_bytes()[:60])
    _save(root / "speck.png", 2, side=20)
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue", "green")]
    frames[0].save(root / "moves.webp", save_all=True, append_images=frames[1:], lossless=True)
    os.mkfifo(root / "pipe.png")
    found = collect([tmp_path / "data"])
    assert [r.path for r in found.records] == ["mpox/good.png"]
    told = {one.what: (one.why, one.mend) for one in found.problems}
    cut = told.pop("mpox/cut short.png")
    assert cut[0].startswith("damaged or cut short (")
    assert cut[1] == "replace or remove it"
    assert told == {
        "mpox/empty.jpg": ("0 bytes, an empty file holds no photo", "replace or remove it"),
        "mpox/moves.webp": ("3 frames, an animation is not a photo", "replace or remove it"),
        "mpox/pipe.png": ("a device or pipe, not a file", "replace or remove it"),
        "mpox/speck.png": ("20 x 20 pixels, a photo has at least 32 a side", "replace or remove it"),
        "mpox/text.jpg": ("not a photo in a format that we read", "save it as a JPEG or PNG"),
    }
