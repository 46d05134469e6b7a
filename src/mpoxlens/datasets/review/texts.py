"""What the page sends, brought into the form in which the decisions file holds it."""

from __future__ import annotations

import unicodedata

from mpoxlens.datasets.reviews import box
from mpoxlens.errors import DataError


def tidy_box(text: str) -> str:
    """Return a box cut to the photograph, to three decimals. DataError when it is none."""
    try:
        left, top, width, height = (float(part) for part in text.split())
        right, bottom = min(left + width, 1.0), min(top + height, 1.0)
        left, top = max(left, 0.0), max(top, 0.0)
        tidy = " ".join(f"{share:.3f}" for share in (left, top, right - left, bottom - top))
    except ValueError:
        tidy = ""
    if box(tidy) is None:
        raise DataError("hide", f"{text!r} is no box on the photograph", "draw it again")
    return tidy


def one_line(text: str) -> str:
    """Return a text on one line. DataError when it holds what no file can hold or its reader would stumble over."""
    if any(unicodedata.category(c) in ("Cc", "Cs") and not c.isspace() for c in text):
        raise DataError(repr(text), "it has characters that cannot stand in the file", "write it without them")
    return " ".join(text.split())
