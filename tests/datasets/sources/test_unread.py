"""Pictures that are not read are told by kind; what is no picture stays silent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from mpoxlens.datasets.sources import read_source
from mpoxlens.errors import DataError

Put = Callable[..., None]


def _told(root: Path) -> list[str]:
    return [str(problem).replace(str(root), "ROOT") for problem in read_source(root).problems]


def test_a_class_of_gif_files_and_a_video_are_told(root: Path, put: Put) -> None:
    put("mpox/1.png", "zoster/1.gif", "zoster/2.GIF")
    (root / "zoster" / "3.mp4").write_bytes(b"")
    assert _told(root) == [
        "ROOT: 2 files are left out (zoster/1.gif the first): .gif files are not read; convert them to JPEG or PNG",
        ("ROOT: 1 file is left out (zoster/3.mp4): .mp4 files are not read; save single frames of it as JPEG or PNG"),
    ]


@pytest.mark.parametrize(
    ("form", "name", "why"),
    [
        ("JPEG", "1", ".jpg by the first bytes, and not by the suffix; give it the suffix .jpg"),
        ("JPEG", "1.jpg_large", ".jpg by the first bytes, and not by the suffix; give it the suffix .jpg"),
        ("PNG", "no. 1", ".png by the first bytes, and not by the suffix; give it the suffix .png"),
        ("WEBP", "1", ".webp by the first bytes, and not by the suffix; give it the suffix .webp"),
        ("BMP", "1", ".bmp by the first bytes, and not by the suffix; give it the suffix .bmp"),
        ("TIFF", "1", ".tif by the first bytes, and not by the suffix; give it the suffix .tif"),
        ("GIF", "1", ".gif files are not read; convert it to JPEG or PNG"),
    ],
)
def test_a_picture_with_another_suffix_or_none_is_told(root: Path, put: Put, form: str, name: str, why: str) -> None:
    put("mpox/1.png")
    Image.new("RGB", (40, 40)).save(root / "mpox" / name, form)
    assert _told(root) == [f"ROOT: 1 file is left out (mpox/{name}): {why}"]


@pytest.mark.parametrize(
    ("first", "kind"), [(b"\0\0\0\x18ftypheic", ".heic"), (b"\0\0\0\x1cftypavif", ".avif"), (b"8BPS\0\1", ".psd")]
)
def test_formats_that_pillow_alone_does_not_write(root: Path, put: Put, first: bytes, kind: str) -> None:
    put("mpox/1.png")
    (root / "mpox" / "2").write_bytes(first)
    assert f"ROOT: 1 file is left out (mpox/2): {kind} " in _told(root)[0]


def test_what_is_no_picture_stays_silent(root: Path, put: Put) -> None:
    put("mpox/1.png", "mpox/.hidden.gif")
    for name in ("README", "notes.txt", "a.csv", "b.json", "c.pdf", "desktop.ini", "BMI table", "empty", "Thumbs.db"):
        (root / "mpox" / name).write_text("" if name == "empty" else f"{name}: no picture at all")
    os.mkfifo(root / "mpox" / "pipe")
    assert _told(root) == []


def test_a_table_may_name_a_file_without_suffix_and_then_it_is_not_told(root: Path, put: Put) -> None:
    put("1.png")
    (root / "1.png").rename(root / "1")
    (root / "labels.csv").write_text("file,label\n1,mpox\n")
    assert [item.path for item in read_source(root).labelled] == ["1"]
    assert _told(root) == []


def test_a_folder_of_gif_files_alone_says_what_is_wrong(root: Path, put: Put) -> None:
    put("mpox/1.gif", "zoster/2.gif")
    with pytest.raises(DataError, match=r"2 files are left out \(mpox/1\.gif the first\): \.gif files are not read"):
        read_source(root)
