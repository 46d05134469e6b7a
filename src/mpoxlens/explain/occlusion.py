"""Occlusion: what the answer loses when a square of the photograph is hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.explain.masks import CHUNK, Bools, mean_colour, scored
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.subject import versions
from mpoxlens.schema import Floats

WINDOWS = 7  # windows side by side, if they did not overlap


def occlusion(
    subject: Subject, photo: Floats, seed: int = 0, *, window: int = 0, stride: int = 0, tell: Tell = silent
) -> Explanation:
    """Explain by hiding one square after the other (Zeiler and Fergus 2014, section 4.2).

    The heat of a pixel is the mean of what the contrast loses over all squares that cover it, in logits.

    Args:
        subject: what is explained.
        photo: input [3, size, size].
        seed: nothing here is random.
        window: pixels a side of the square; 0 for a seventh of the photograph.
        stride: pixels from one square to the next, at most `window`; 0 for half of it.
        tell: told how many squares are done.

    Raises:
        DataError: squares that do not fit into the photograph or leave pixels out.
    """
    size = photo.shape[-1]
    window = window or -(-size // WINDOWS)
    stride = stride or -(-window // 2)
    if not 1 <= stride <= window <= size:
        what = f"window {window}, stride {stride}"
        raise DataError(what, f"they do not cover a photo of {size} pixels", "use 1 <= stride <= window <= size")
    corners = _corners(size, window, stride)
    whole = float(subject.contrast(photo[None])[0])
    keeps = _with_holes(corners, size, window)
    lost = whole - scored(subject, photo, mean_colour(photo), keeps, len(corners), tell, "occlusion")
    return Explanation(
        heat=_spread(lost, corners, size, window),
        method="occlusion",
        settings={"window": window, "stride": stride, "hidden": "mean colour"},
        seed=seed,
        contrast=whole,
        passes=len(corners) + 1,
        subject=subject.name,
        versions=versions(),
    )


def _corners(size: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Return the upper left corners; the last row and column of squares end at the edge."""
    starts = sorted({*range(0, size - window, stride), size - window})
    return [(row, column) for row in starts for column in starts]


def _with_holes(corners: Sequence[tuple[int, int]], size: int, window: int) -> Iterator[Bools]:
    for start in range(0, len(corners), CHUNK):
        part = corners[start : start + CHUNK]
        keep = np.ones((len(part), size, size), dtype=np.bool_)
        for one, (row, column) in zip(keep, part, strict=True):
            one[row : row + window, column : column + window] = False
        yield keep


def _spread(lost: Floats, corners: Sequence[tuple[int, int]], size: int, window: int) -> Floats:
    total, covered = np.zeros((size, size)), np.zeros((size, size))
    for loss, (row, column) in zip(lost, corners, strict=True):
        total[row : row + window, column : column + window] += loss
        covered[row : row + window, column : column + window] += 1
    return np.asarray(total / covered, dtype=np.float32)
