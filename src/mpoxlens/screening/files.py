"""From what was named on the command line to photographs: files, folders with all below them, and patterns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mpoxlens.errors import MpoxlensError, PhotoError
from mpoxlens.photo import SUFFIXES
from mpoxlens.screening.engine import Refused

_MAGIC = frozenset("*?[")


def expand(names: Iterable[str | Path]) -> Iterator[Path | Refused]:
    """Yield photographs lazily, each folder and pattern in sorted order.

    A file is yielded whatever its name, and missing ones too: reading them says what is wrong. A folder without
    photographs, and a pattern that nothing matches, is `Refused`; the rest go on.
    """
    for name in names:
        try:
            yield from _expanded(Path(name))
        except PhotoError as error:
            yield Refused(str(name), error)


def require_some(names: Iterable[str | Path]) -> None:
    """Raise the first name's PhotoError when not one photograph can be found."""
    first: MpoxlensError | None = None
    for one in expand(names):
        if isinstance(one, Path) and os.path.exists(one):  # noqa: PTH110 - it answers False where Path.exists raises
            return
        first = first or (one.error if isinstance(one, Refused) else _missing(one))
    if first:
        raise first


def _expanded(path: Path) -> Iterator[Path]:
    if os.path.isdir(path):  # noqa: PTH112 - as above: a name that is too long, or in a closed folder
        yield from _some(_walk(path), path, "no photos in this folder")
    elif _MAGIC & set(str(path)) and not os.path.exists(path):  # noqa: PTH110
        yield from _some(_matches(path), path, "nothing matches this pattern")
    else:
        yield path


def _missing(path: Path) -> PhotoError:
    return PhotoError(str(path), "no such file", "check the name")


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the photographs of a folder and of those below it; hidden names and links to folders are passed over."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(root) / name


def _matches(pattern: Path) -> Iterator[Path]:
    for path in _globbed(pattern):
        if path.is_dir():
            yield from _walk(path)
        elif path.suffix.lower() in SUFFIXES:
            yield path


def _globbed(pattern: Path) -> list[Path]:
    """Return what matches, sorted; PhotoError for a pattern such as `**.jpg`, which some versions of Python refuse."""
    try:
        return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, OSError):
        mend = "write ** as a whole folder name, as in photos/**/*.jpg"
        raise PhotoError(str(pattern), "this is no pattern that can be searched for", mend) from None


def _some(found: Iterator[Path], path: Path, why: str) -> Iterator[Path]:
    first = next(found, None)
    if first is None:
        kinds = ", ".join(sorted(SUFFIXES))
        raise PhotoError(str(path), why, f"name photos ({kinds}) or a folder that holds some")
    yield first
    yield from found
