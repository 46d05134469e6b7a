"""What a picture's encoding and grid of pixels tell: how hard it was compressed, whether its sides were squashed."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from mpoxlens.schema import Floats, Pixels

# The luminance table of ITU-T T.81, annex K, which encoders scale by their quality.
_STANDARD = np.array(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
     87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
     72, 92, 95, 98, 112, 100, 103, 99]
)  # fmt: skip
GRID = 8  # px; the side of JPEG's blocks
SCALES = np.exp(np.linspace(np.log(0.35), np.log(3.0), 900))  # by which a side may have been resized
_LENGTH = 8192  # of the padded spectrum
PLAUSIBLE = 0.75  # of the clearest scale's clarity; scales above it may be the true one
_LOUDEST = 8.0  # times the usual level; one strong line in the picture is no grid


def jpeg_quality(data: bytes) -> float:
    """Return the quality 1 to 100 with which a JPEG was written, from its luminance table; 100 for other formats."""
    try:
        tables = JpegImageFile(io.BytesIO(data)).quantization
    except (SyntaxError, OSError, LookupError, ValueError, struct.error):  # no JPEG
        return 100.0
    return table_quality(tables[0]) if 0 in tables else 100.0


def table_quality(table: Sequence[int]) -> float:
    """Return the quality, 1 to 100, at which the Independent JPEG Group's encoder writes such a luminance table."""
    steps = np.asarray(table)
    below = steps < 255  # where a table ends; what would lie above is cut off
    if not below.any():
        return 1.0
    scale = 100 * steps[below].sum() / _STANDARD[below].sum()  # per cent of the standard table
    return float(np.clip(5000 / scale if scale > 100 else (200 - scale) / 2, 1, 100))


def blockiness(pixels: Pixels) -> float:
    """Return by how many grey levels the steps between JPEG's blocks exceed those within, in any file format.

    The grid may begin anywhere, as it does in a picture that was cropped after compression.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return min(_excess(np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)) for axis in (0, 1))


def _excess(steps: Floats) -> float:
    levels = np.array([steps[phase::GRID].mean() for phase in range(GRID)])
    return float(levels.max() - np.median(levels))


def squash(pixels: Pixels, least: float) -> float:
    """Return how much more one side was resized than the other, 1 when alike or when nothing can be told.

    Resizing a JPEG stretches its 8-pixel grid; the period that remains in each direction tells by how much. Where the
    period falls below some 3 pixels, or the compression was light, nothing is left to see. A grid is easily mistaken
    for one of twice the period, so that the answer is the least squash that both directions allow.

    Args:
        pixels: [H, W, 3] as decoded.
        least: how clearly both grids must show; see `grid`.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = grid(grey), grid(grey.T)
    if min(across.max(), down.max()) < least:
        return 1.0
    one, other = (np.log(SCALES[clear >= PLAUSIBLE * clear.max()]) for clear in (across, down))
    return float(np.exp(np.abs(one[:, None] - other[None, :]).min()))


def grid(grey: Floats) -> Floats:
    """Return how clearly the columns of a picture [H, W] show JPEG's grid resized by each of `SCALES`; 2 by chance."""
    bends = np.minimum(np.abs(np.diff(grey, n=2, axis=1)), 12).mean(axis=0)  # a strong edge must not outweigh the grid
    bends -= cv2.blur(bends[None], (25, 1), borderType=cv2.BORDER_REFLECT)[0]
    level = np.abs(np.fft.rfft(bends * np.hanning(len(bends)), _LENGTH)).astype(np.float32)
    level /= np.median(level[_LENGTH // 20 :]) + 1e-9
    near = int(0.7 * _LENGTH / len(bends)) + 1  # the width of a line in the spectrum of so few pixels
    loudness = cv2.dilate(level[None], np.ones((1, near)))[0]
    place, holds = _lines()
    usual = np.median(loudness[_LENGTH // 20 :])
    found = np.where(holds, np.minimum(loudness[place], _LOUDEST) - usual, 0)
    return np.asarray(found.sum(axis=1) / np.sqrt(holds.sum(axis=1)), dtype=np.float32)


@functools.cache
def _lines() -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where in the spectrum a grid of 8 px and its overtones lie at each scale [scales, 32], and whether they count."""
    lines = np.arange(1, 33) / (GRID * SCALES[:, None])  # per px
    holds = (lines > 0.04) & (lines < 0.47)  # slower is the picture, faster is noise
    return np.rint(np.where(holds, lines, 0) * _LENGTH).astype(np.int64), holds
