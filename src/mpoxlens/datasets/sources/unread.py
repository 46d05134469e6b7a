"""Pictures that are not read, told by kind: a class of GIF files does not vanish without a word."""

from __future__ import annotations

import re
import stat
from collections.abc import Container
from pathlib import Path, PurePosixPath

from mpoxlens.datasets.sources.nouns import LeftOut
from mpoxlens.datasets.sources.tree import Tree
from mpoxlens.errors import DataError
from mpoxlens.photo import SUFFIXES

_RAW = frozenset({".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raw", ".rw2", ".srw"})
_STILL = frozenset({".avif", ".dcm", ".gif", ".jp2", ".jxl", ".psd", ".svg"}) | _RAW
_MOVING = frozenset({".avi", ".mkv", ".mov", ".mp4", ".webm"})
_FIRST = {  # what the first bytes of a format are, as file(1) and Pillow know them
    rb"\xff\xd8\xff": ".jpg",
    rb"\x89PNG\r\n\x1a\n": ".png",
    rb"RIFF....WEBP": ".webp",
    rb"....ftyp(hei[cxms]|mif1|msf1)": ".heic",
    rb"BM....\0\0\0\0": ".bmp",
    rb"II\*\0|MM\0\*": ".tif",
    rb"GIF8[79]a": ".gif",
    rb"....ftypavi[fs]": ".avif",
    rb"....ftyp(isom|iso2|mp4.|qt  )": ".mp4",
    rb"8BPS": ".psd",
}


def unread(tree: Tree, mentioned: Container[str]) -> list[DataError]:
    """Return a line for each kind of picture that is not read; `mentioned` are the files that have a line already."""
    kinds: dict[tuple[str, bool], list[str]] = {}
    for path in tree.files:
        if path not in mentioned and (kind := _kind(tree.root / path)):
            kinds.setdefault((kind, kind in SUFFIXES), []).append(path)
    told = []
    for (kind, readable), paths in sorted(kinds.items()):
        them = "it" if len(paths) == 1 else "them"
        why, mend = f"{kind} files are not read", f"convert {them} to JPEG or PNG"
        if readable:
            why, mend = f"{kind} by the first bytes, and not by the suffix", f"give {them} the suffix {kind}"
        elif kind in _MOVING:
            mend = f"save single frames of {them} as JPEG or PNG"
        told.append(LeftOut(tuple(paths), why, mend, noun="file").told(str(tree.root)))
    return told


def _kind(path: Path) -> str:
    """Return the suffix that a picture has or should have; "" for one that is read, and for what is no picture."""
    suffix = PurePosixPath(path.name).suffix.lower()
    if suffix in SUFFIXES:
        return ""
    return suffix if suffix in _STILL | _MOVING else _by_bytes(path)


def _by_bytes(path: Path) -> str:
    """Any other suffix is looked into: scraped files are called 1.jpg_large, 1.jpg~ or nothing at all."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for ever
            return ""
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return ""
    return next((kind for first, kind in _FIRST.items() if re.match(first, head, re.DOTALL)), "")
