"""Photographs whose labels nobody asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mpoxlens.datasets.sources.tree import walk
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.photo import read_bytes


def photographs(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the file of each sha256 in folders or workspaces; a file that comes twice counts once.

    Raises:
        DataError: no such folder, or no photograph in it.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        here = _in_folder(folder)
        if not here:
            raise DataError(str(folder), "no photograph in it", "name a folder of photographs")
        found = here | found
    return found


def _in_folder(folder: Path) -> dict[str, Path]:
    if Workspace(folder).table("manifest").exists():
        return Workspace(folder).clean().paths
    files = [folder / path for path in walk(folder).photos]
    return {hashlib.sha256(read_bytes(path)).hexdigest(): path for path in reversed(files)}
