"""From what was named on the command line to photographs: files, folders with all below them, and patterns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mpoxlens.errors import PhotoError
from mpoxlens.photo import SUFFIXES

_MAGIC = frozenset("*?[")


def expand(names: Iterable[str | Path]) -> Iterator[Path]:
    """Yield photographs lazily, each folder and pattern in sorted order.

    A file is yielded whatever its name, and missing ones too: reading them says what is wrong.

    Raises:
        PhotoError: a folder without photographs, or a pattern that nothing matches.
    """
    for name in names:
        path = Path(name)
        if path.is_dir():
            yield from _some(_walk(path), path, "no photos in this folder")
        elif not path.exists() and _MAGIC & set(path.name + str(path.parent)):
            yield from _some(_matches(path), path, "nothing matches this pattern")
        else:
            yield path


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the photographs of a folder and of those below it; hidden names and links to folders are passed over."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(root) / name


def _matches(pattern: Path) -> Iterator[Path]:
    start = Path(pattern.anchor)
    for path in sorted(start.glob(str(pattern.relative_to(pattern.anchor)))):
        if path.is_dir():
            yield from _walk(path)
        elif path.suffix.lower() in SUFFIXES:
            yield path


def _some(found: Iterator[Path], path: Path, why: str) -> Iterator[Path]:
    first = next(found, None)
    if first is None:
        kinds = ", ".join(sorted(SUFFIXES))
        raise PhotoError(str(path), why, f"name photos ({kinds}) or a folder that holds some")
    yield first
    yield from found
