"""Files that are written whole or not at all, and what is said when they cannot be."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from mpoxlens.errors import MpoxlensError
from mpoxlens.photo import read_photo
from mpoxlens.rules import Conformal
from mpoxlens.schema import Photo, Screening

MAX_IN_REPORT = 50  # photographs; each takes about 200 kB of the report
SIDE = 768  # px; no report shows more, and 50 photographs of full size would not fit into memory


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in the place of `path`.

    Raises:
        MpoxlensError: the folder is missing or closed, or the disk is full; `path` is as it was.
    """
    part = path.with_name(f".{os.getpid()}.part-{path.name}")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        raise unwritten(path, error) from None
    finally:
        part.unlink(missing_ok=True)


def save_report(screenings: Sequence[Screening], path: Path, conformal: Conformal, refused: Sequence[str] = ()) -> None:
    """Write the HTML report; the photographs are read again. MpoxlensError when it cannot be written."""
    from mpoxlens.screening.report import write_report

    try:
        shown = [(one, _small(read_photo(one.file))) for one in screenings]
        write_report(shown, path, conformal=conformal, refused=refused)
    except OSError as error:
        raise unwritten(path, error) from None


def check_report(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse, before any work, a report that cannot be written or that would replace what is read.

    Raises:
        MpoxlensError: no .html file, a folder that does not exist, or one of `inputs`.
    """
    what = f"--report {path}"
    if path.suffix.lower() not in (".html", ".htm"):
        raise MpoxlensError(what, "a report is a web page", "give it a name that ends in .html")
    if path.is_dir():
        raise MpoxlensError(what, "it is a folder", "name a file in it, such as report.html")
    if not path.parent.is_dir():
        raise MpoxlensError(what, f"there is no folder {path.parent}", "make the folder, or name another place")
    if any(_same(path, one) for one in inputs):
        raise MpoxlensError(what, "this file is read as a photo or as answers", "name another file for the report")


def check_drawing(path: Path) -> None:
    """Refuse to draw over anything but an earlier drawing. MpoxlensError also when the name does not end in .png."""
    if path.suffix.lower() != ".png":
        raise MpoxlensError(str(path), "a drawing is a PNG file", "give it a name that ends in .png")
    if os.path.lexists(path) and not _drawn(path):
        raise MpoxlensError(str(path), "it exists, and it is no drawing of ours", "name another file")


def _drawn(path: Path) -> bool:
    try:
        return read_photo(path).drawn
    except MpoxlensError:
        return False


def _same(a: Path, b: Path) -> bool:
    try:
        return a.resolve() == b.resolve() or a.samefile(b)
    except (OSError, RuntimeError):  # one is missing, or its links go round
        return False


def too_many(path: Path) -> MpoxlensError:
    """Return the error of a report that would hold more than `MAX_IN_REPORT` photographs."""
    why = f"a report holds at most {MAX_IN_REPORT} photos"
    return MpoxlensError(f"--report {path}", why, "name fewer photos, or use --json")


def unwritten(path: Path, error: OSError) -> MpoxlensError:
    """Return one line for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MpoxlensError(str(path), "the disk is full, nothing was written", "free some space and try again")
    return MpoxlensError(str(path), f"cannot be written ({error.strerror})", "name another place")


def _small(photo: Photo) -> Photo:
    image = Image.fromarray(photo.pixels)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return replace(photo, pixels=np.asarray(image))
