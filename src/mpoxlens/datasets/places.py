"""Where results may be written."""

from __future__ import annotations

from pathlib import Path

from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError


def outside_photographs(out: Path, root: Path, work: Workspace) -> None:
    """Refuse a folder among the photographs, from where results would be ingested as data.

    Raises:
        DataError: it lies there, or is no folder.
    """
    mend = "name another folder"
    around = next((folder for folder in _folders(root, work) if out.resolve().is_relative_to(folder.resolve())), None)
    if around is not None:
        raise DataError(str(out), f"it lies among the photographs in {around}", mend)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise DataError(str(out), "it is no folder", mend)


def _folders(root: Path, work: Workspace) -> list[Path]:
    """The folders that were ingested.

    No workspace lies in one of them: a root that holds it only has several data sets side by side in it.
    """
    if not work.path.resolve().is_relative_to(root.resolve()):
        return [root]
    found = work.manifest()
    return [root / name for name in sorted({one.path.partition("/")[0] for one in (*found.records, *found.copies)})]
