"""Faces in photographs, for privacy: found by CenterFace, whose weights come like all other base weights.

CenterFace (Xu et al. 2019, arXiv 1911.03599) is a small network without anchors that also finds partly covered and very
close faces, which photographs of rashes are full of. Its weights are published under the MIT licence.
"""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from mpoxlens.schema import Floats, Pixels

WEIGHTS = "centerface"
SIDES = (224, 448)  # px of the longer side of the copies; close faces show in the small one, distant ones in the large
LARGE = 600  # px; of smaller photographs the large copy is not looked at: it would hold no more than the small one
STRIDE = 4  # px of the copy per cell of the network's output
OVERLAP = 0.3  # boxes that share more of their union show the same face
# heat [1, 1, h, w]; log height and width, offset down and right [1, 2, h, w]; landmarks, which OpenCV 5 insists on
_OUTPUTS = ("537", "538", "539", "540")

Box = tuple[float, float, float, float]  # left, top, width, height as shares of the sides


class FaceFinder:
    """Finds faces; may be used by several threads."""

    def __init__(self, weights: Path) -> None:
        self._net = cv2.dnn.readNetFromONNX(str(weights))
        self._lock = threading.Lock()  # the network holds its input

    def find(self, pixels: Pixels, least: float) -> list[tuple[float, Box]]:
        """Return how sure (0 to 1) and where each face of [H, W, 3] is, the surest first; none below `least`."""
        sides = SIDES if max(pixels.shape[:2]) >= LARGE else SIDES[:1]
        found = [one for side in sides for one in self._at(pixels, side, least)]
        if not found:
            return []
        scores, boxes = [score for score, _ in found], [box for _, box in found]
        grown = [[10_000 * edge for edge in box] for box in boxes]  # the suppression counts whole pixels
        kept = cv2.dnn.NMSBoxes(grown, scores, least, OVERLAP)
        return sorted(((scores[i], boxes[i]) for i in np.ravel(kept)), reverse=True)

    def _at(self, pixels: Pixels, side: int, least: float) -> list[tuple[float, Box]]:
        height, width = (max(32, round(n * side / max(pixels.shape[:2]) / 32) * 32) for n in pixels.shape[:2])
        small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        with self._lock:
            self._net.setInput(cv2.dnn.blobFromImage(small))
            heat, size, offset, _ = self._net.forward(_OUTPUTS)
        cells = np.argwhere(heat[0, 0] >= least).tolist()
        return [
            (float(heat[0, 0, r, c]), _box(size[0, :, r, c], offset[0, :, r, c], (r, c), (height, width)))
            for r, c in cells
        ]


def _box(size: Floats, offset: Floats, cell: tuple[int, int], sides: tuple[int, int]) -> Box:
    """The face of one cell of the output, cut at the edges; all pairs are down, then across."""
    spans = []
    for log_length, shift, place, side in zip(size, offset, cell, sides, strict=True):
        length = float(np.exp(log_length)) * STRIDE / side
        middle = (place + float(shift) + 0.5) * STRIDE / side
        start, end = max(0.0, middle - length / 2), min(1.0, middle + length / 2)
        spans.append((start, end - start))
    (top, height), (left, width) = spans
    return left, top, width, height
