"""Photographs on their way out of the workspace: surely those that were ingested, faces made unrecognisable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import cv2
import pyarrow as pa
from pyarrow import compute

from mpoxlens.datasets.original import decode_original
from mpoxlens.datasets.reviews import Review
from mpoxlens.datasets.reviews import box as read_box
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import PhotoError
from mpoxlens.photo import read_bytes
from mpoxlens.schema import Photo, Pixels

Box: TypeAlias = tuple[float, float, float, float]  # left, top, width, height as shares of the sides
Faces: TypeAlias = Mapping[str, Sequence[Box]]  # by sha256; only photographs with a face

CELLS = 5  # that a hidden face has across: too few to know anyone by
MARGIN = 0.15  # of the box that is hidden on each side of it: detectors cut off hair, ears and chin


def faces(work: Workspace, reviews: Sequence[Review] = ()) -> Faces:
    """Return what is to be hidden: the faces that the quality step detected, and those that reviewers marked.

    Raises:
        DataError: the quality step was run before the last photographs came.
    """
    found: dict[str, set[str]] = {}
    for review in reviews:
        if review.action == "hide":
            found.setdefault(review.sha256, set()).add(review.value)
    table = work.fresh("quality")
    if table is not None:
        for batch in table.select(["sha256", "faces"]).to_batches(max_chunksize=65_536):
            for sha, boxes in zip(batch["sha256"].to_pylist(), batch["faces"].to_pylist(), strict=True):
                if boxes:
                    found.setdefault(sha, set()).update(boxes)
    return {sha: tuple(b for text in sorted(texts) if (b := read_box(text))) for sha, texts in found.items()}


def unseen(work: Workspace, photographs: pa.ChunkedArray) -> int:
    """Return how many of these photographs, by sha256, were not looked at for faces; all where quality was not run.

    Raises:
        DataError: the quality step was run before the last photographs came.
    """
    table = work.fresh("quality")
    if table is None:
        return len(photographs)
    looked_at = table.filter(compute.equal(table["problem"], ""))["sha256"]
    return sum(compute.invert(compute.is_in(photographs, looked_at)).to_pylist())


def original(root: Path, path: str, sha256: str) -> Photo:
    """Return a photograph, upright and without metadata, before anything is hidden.

    Raises:
        PhotoError: it cannot be read; no folder of this machine is in the message.
        DataError: it is no longer the file that was ingested.
    """
    try:
        data = read_bytes(root / path)
    except PhotoError as error:
        raise PhotoError(path, error.why, error.mend) from None
    return decode_original(data, Path(path), sha256)


def hide(pixels: Pixels, boxes: Sequence[Box]) -> Pixels:
    """Return a copy of a photograph [H, W, 3] in which each box is a mosaic of `CELLS` across."""
    hidden = pixels.copy()
    for box in boxes:
        place = covered(box, pixels.shape)
        height, width = pixels[place].shape[:2]
        rows = max(1, min(round(CELLS * height / width), 2 * CELLS))
        coarse = cv2.resize(pixels[place], (CELLS, rows), interpolation=cv2.INTER_AREA)
        hidden[place] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    return hidden


def covered(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of an image of a shape [H, W, ...] that a box covers with its margin."""
    left, top, width, height = box
    return slice(*_span(top, height, shape[0])), slice(*_span(left, width, shape[1]))


def _span(start: float, length: float, side: int) -> tuple[int, int]:
    """From shares to pixels, with the margin, inside the photograph and never empty."""
    low = min(max(0, int((start - MARGIN * length) * side)), side - 1)
    return low, max(low + 1, min(side, round((start + (1 + MARGIN) * length) * side)))
