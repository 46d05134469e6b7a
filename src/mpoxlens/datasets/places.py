"""Where results may be written."""

from __future__ import annotations

from pathlib import Path

from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError


def outside_photographs(out: Path, root: Path, work: Workspace) -> None:
    """Refuse a folder among the photographs, from where results would be ingested as data.

    A root that holds the workspace, too, is only what several data sets have in common.

    Raises:
        DataError: it lies there, or is no folder.
    """
    mend = "name another folder"
    if out.resolve().is_relative_to(root.resolve()) and not work.path.resolve().is_relative_to(root.resolve()):
        raise DataError(str(out), f"it lies among the photographs in {root}", mend)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise DataError(str(out), "it is no folder", mend)
