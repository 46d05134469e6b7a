"""What is on disk below a data set's root. Links out of it and links to folders are never followed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from mpoxlens.errors import DataError
from mpoxlens.photo import SUFFIXES


@dataclass(frozen=True)
class Tree:
    """The files below a folder. Hidden names are passed over."""

    root: Path
    files: tuple[str, ...]  # relative to the root, with forward slashes, sorted
    problems: tuple[DataError, ...] = ()  # what could not be looked into

    @cached_property
    def photos(self) -> tuple[str, ...]:
        """The files that are photographs by their suffix."""
        return tuple(path for path in self.files if PurePosixPath(path).suffix.lower() in SUFFIXES)

    @cached_property
    def known(self) -> frozenset[str]:
        """All files, to ask whether one is there."""
        return frozenset(self.files)

    @cached_property
    def class_folders(self) -> frozenset[str]:
        """Names of the folders that photographs lie in directly, in lower case."""
        return frozenset(PurePosixPath(path).parent.name.casefold() for path in self.photos)

    @cached_property
    def _named(self) -> dict[str, str]:
        """A photograph's name, with and without its suffix, and the first path of that name."""
        named: dict[str, str] = {}
        for path in self.photos:
            name = PurePosixPath(path.casefold())
            named.setdefault(name.name, path)
            named.setdefault(name.stem, path)
        return named

    def at(self, path: str) -> str:
        """Return how a file is named to the user."""
        return f"{self.root}/{path}"

    def find(self, name: str) -> str:
        """Return the path of the photograph of this path, name or stem; the name itself when there is none."""
        return name if name in self.known else self._named.get(PurePosixPath(name).name.casefold(), name)

    def table(self, *names: str) -> Path | None:
        """Return the table of the first of these names that is there, the one nearest to the root."""
        for name in names:
            found = [path for path in self.files if path.rpartition("/")[2].casefold() == name.casefold()]
            if found:
                return self.root / min(found, key=lambda path: (path.count("/"), path))
        return None


def absolute(root: Path) -> Path:
    """Return where a folder lies, under the name that the user gave it: links above it are followed, itself is not."""
    return root.resolve() if root.name in ("", "..") else root.parent.resolve() / root.name


def require_folder(root: Path) -> None:
    """Raise a DataError when there is no such folder."""
    if not os.path.isdir(root):  # noqa: PTH112 - it answers False where Path.is_dir raises, in a closed folder
        raise DataError(str(root), "no such folder", "name the data set's folder")


def walk(root: Path) -> Tree:
    """Look below a folder.

    Raises:
        DataError: no such folder, or it cannot be read.
    """
    require_folder(root)
    files: list[str] = []
    problems: list[DataError] = []
    closed: list[OSError] = []
    for folder, below, names in os.walk(root, onerror=closed.append):
        links = {name for name in below if Path(folder, name).is_symlink()}
        problems += [
            DataError(f"{folder}/{name}", "a link to a folder, not followed", "move it here") for name in links
        ]
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in links)
        inside, refused = _inside(root, folder, names)
        files += inside
        problems += refused
    problems += [_closed(error) for error in closed]
    if closed and str(closed[0].filename) == str(root):
        raise problems[-1]
    return Tree(root, tuple(sorted(files)), tuple(sorted(problems, key=str)))


def _closed(error: OSError) -> DataError:
    return DataError(str(error.filename), f"cannot be read ({error.strerror})", "check its permissions")


def _inside(root: Path, folder: str, names: Iterable[str]) -> tuple[list[str], list[DataError]]:
    """Return the usable files of a folder, relative to the root, and a line for each that is not."""
    files: list[str] = []
    problems: list[DataError] = []
    below = Path(os.path.relpath(folder, root)).as_posix()
    for name in names:
        path = name if below == "." else f"{below}/{name}"
        if name.startswith("."):
            continue
        why = _refusal(root, path)
        if why:
            printable = f"{root}/{path}".encode("utf-8", "backslashreplace").decode()
            problems.append(DataError(printable, why, "replace or rename it"))
        else:
            files.append(path)
    return files, problems


def _refusal(root: Path, path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if not os.path.islink(root / path):  # noqa: PTH114 - called for every file, and twice as fast
        return ""
    target = os.path.realpath(root / path)
    if not Path(target).is_relative_to(os.path.realpath(root)):
        return f"a link that leads out of {root}"
    return "" if os.path.isfile(target) else "a link that leads nowhere"  # noqa: PTH113 - see above
