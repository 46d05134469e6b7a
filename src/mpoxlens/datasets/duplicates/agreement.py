"""Whether two images show the same where one, laid upon the other, says they do.

This is what refuses two different photographs that share a logo or a caption: only the logo agrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mpoxlens.datasets.duplicates.local_features import Mask, Matrix, plausible
from mpoxlens.schema import Floats, Pixels

SAME = 0.65  # local correlation from which a place counts as the same; a re-encoded copy has .8 to 1, strangers about 0
DOUBTFUL, CLEAR = 0.3, 0.8  # agreeing shares between which the map is refined
FLAT = 2.0  # variance in grey levels squared up to which a place is plain: nothing there but noise


@dataclass(frozen=True)
class Agreement:
    """How well one image, laid upon another, shows the same."""

    share: float  # of the textured overlap that agrees
    area: float  # what agrees, as a share of the smaller image
    overlap: float  # the overlap, as a share of the smaller image


def agreement(a: Pixels, b: Pixels, matrix: Matrix) -> Agreement:
    """Lay one grey image [H, W] upon another by an affine map [2, 3] of a's pixels to b's, and compare."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale > 1:  # compare at the coarser of the two scales: detail that one copy lost is no disagreement
        a, b, matrix, scale = b, a, cv2.invertAffineTransform(matrix), 1 / scale
    if scale < 0.8:
        a = cv2.GaussianBlur(a, (0, 0), 0.5 / scale)
    seen = _compared(a, b, matrix)
    if DOUBTFUL <= seen.share < CLEAR:  # a few keypoints may place a true copy some pixels off
        seen = max(seen, _compared(a, b, _refined_by_pixels(a, b, matrix)), key=lambda one: one.share)
    return seen


def _compared(a: Pixels, b: Pixels, matrix: Matrix) -> Agreement:
    laid, inside = _laid(a, b, matrix)
    area = float(inside.sum())
    if area < 400:  # fewer than 20 x 20 pixels: nothing can be said
        return Agreement(0.0, 0.0, 0.0)
    correlation, textured = _local_correlation(laid, b, inside)
    agrees = float((textured & (correlation > SAME)).sum())
    smaller = min(a.size * abs(float(np.linalg.det(matrix[:, :2]))), float(b.size))
    return Agreement(agrees / max(float(textured.sum()), 1.0), min(agrees / smaller, 1.0), min(area / smaller, 1.0))


def _laid(a: Pixels, b: Pixels, matrix: Matrix) -> tuple[Pixels, Mask]:
    """The image a upon the canvas of b, and where it lies."""
    size = (b.shape[1], b.shape[0])
    inside = cv2.warpAffine(np.full_like(a, 255), matrix, size, flags=cv2.INTER_NEAREST) > 0
    return cv2.warpAffine(a, matrix, size, flags=cv2.INTER_LINEAR), inside


def _refined_by_pixels(a: Pixels, b: Pixels, matrix: Matrix) -> Matrix:
    """The map moved to where the pixels correlate best (Evangelidis and Psarakis, PAMI 2008), if that succeeds."""
    x, y, width, height = cv2.boundingRect(_laid(a, b, matrix)[1].astype(np.uint8))
    back = cv2.invertAffineTransform(matrix)
    back[:, 2] += back[:, :2] @ (x, y)  # from the overlap's own corner, since the whole of the first image must overlap
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
    part = b[y : y + height, x : x + width]
    try:
        back = cv2.findTransformECC(part, a, back.astype(np.float32), cv2.MOTION_AFFINE, stop, None, 5)[1]
    except cv2.error:  # the images do not correlate at all
        return matrix
    back = back.astype(np.float64)
    back[:, 2] -= back[:, :2] @ (x, y)
    refined: Matrix = cv2.invertAffineTransform(back)
    return refined if plausible(refined) else matrix


def _local_correlation(a: Pixels, b: Pixels, inside: Mask) -> tuple[Floats, Mask]:
    """Correlation of two images in a window about each pixel, and where either has anything to compare, both [H, W]."""
    window = int(np.clip(np.sqrt(inside.sum()) / 8, 7, 41)) | 1
    inside = cv2.erode(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0  # the blur drags in the black around a
    mask = inside.astype(np.float32)
    weight = np.maximum(_mean(mask, window), 1e-3)
    x, y = (cv2.GaussianBlur(image, (0, 0), 1.2).astype(np.float32) * mask for image in (a, b))
    mean_x, mean_y = _mean(x, window) / weight, _mean(y, window) / weight
    var_x = np.maximum(_mean(x * x, window) / weight - mean_x**2, 0)
    var_y = np.maximum(_mean(y * y, window) / weight - mean_y**2, 0)
    both = _mean(x * y, window) / weight - mean_x * mean_y
    correlation = (both / np.sqrt(var_x * var_y + 0.5)).astype(np.float32)
    return correlation, (np.maximum(var_x, var_y) > FLAT) & inside


def _mean(image: NDArray[np.floating], window: int) -> Floats:
    mean: Floats = cv2.boxFilter(image, -1, (window, window))
    return mean
