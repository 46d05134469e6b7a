"""How a picture is put together: bands along its edges, seams across it, white studio paper behind a person."""

from __future__ import annotations

import cv2
import numpy as np

from mpoxlens.schema import Floats, Pixels

FLAT = 10.0  # grey levels; lines of a band differ less from one colour, JPEG's ringing included
STEP = 12.0  # grey levels; a seam or the end of a band is a step that the eye sees
MAX_BAND = 0.45  # of a side; two bands leave something between them
HAIR = 2  # px
ROUNDS = 3  # bands within bands: a hair line around a white border around the photograph
PAPER = 235  # of 255; studio paper lies above, walls and sheets mostly below
PAPER_CHROMA = 24  # of 255, between the largest and the smallest channel


def inside_bands(pixels: Pixels) -> Pixels:
    """Return the part [h, w, 3] within even bands along the edges of [H, W, 3] that end in a straight line.

    A white background also reaches the edge, but it ends where the person begins, not in a line.
    """
    for _ in range(ROUNDS):
        image = pixels.astype(np.float32)
        top, bottom = _band(image), _band(image[::-1])
        across = image[top : len(image) - bottom].swapaxes(0, 1)  # pillars stand between the bands above and below
        left, right = _band(across), _band(across[::-1])
        if not top + bottom + left + right:
            break
        pixels = pixels[top : pixels.shape[0] - bottom, left : pixels.shape[1] - right]
    return pixels


def _band(image: Floats) -> int:
    """How many lines of [lines, n, 3] from the first on make a band; a hair line of another colour may lie outside."""
    return max(_even_lines(image, 0), _even_lines(image, HAIR))


def _even_lines(image: Floats, start: int) -> int:
    """The number of lines up to the end of the band that line `start` belongs to, 0 without such a band."""
    most = int(len(image) * MAX_BAND)
    away = np.abs(image[: most + 4] - np.median(image[start], axis=0)).max(axis=2)  # [lines, n]
    even = np.quantile(away, 0.97, axis=1) <= FLAT
    even[:start] = True
    count = len(even) if even.all() else int(np.argmin(even))
    if not start < count <= most:
        return 0
    after = away[count : count + 4].max(axis=0)  # the step may be smeared over some lines
    return count if np.quantile(after, 0.2) > STEP else 0


def seam(pixels: Pixels) -> float:
    """Return the share of the height or width along which the strongest straight seam runs, 0 to 1."""
    if min(pixels.shape[:2]) < 16:
        return 0.0
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return max(_seam(grey), _seam(grey.T))


def _seam(grey: Floats) -> float:
    """The same for seams between columns: a step that is much larger than those some columns off."""
    step = np.abs(np.diff(grey, axis=1))  # [h, w - 1]
    wide = np.maximum(step[:, 1:], step[:, :-1])  # a resized seam is smeared over two steps
    around = cv2.blur(step, (15, 1))[:, 1:]
    share = ((wide > STEP) & (wide > 3 * around)).mean(axis=0)
    margin = max(4, round(0.06 * len(share)))  # nearer to the edge it is a frame
    return float(share[margin:-margin].max(initial=0.0))


def white_studio(pixels: Pixels) -> float:
    """Return the share of the edge that is white paper, above and on the upper half of the sides: there no person is.

    The outermost pixels do not count: many pictures carry a hair line there.
    """
    image = pixels[2:-2, 2:-2]
    half = len(image) // 2
    edge = np.concatenate([image[0], image[:half, 0], image[:half, -1]])  # [n, 3]
    low, high = edge.min(axis=1), edge.max(axis=1)
    return float(((low >= PAPER) & (high - low <= PAPER_CHROMA)).mean())
