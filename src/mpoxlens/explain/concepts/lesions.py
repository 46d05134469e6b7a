"""How many lesions, and on how much of the skin, as the network sees them: peaks of its own map.

A map of some 7 x 7 cells cannot tell lesions apart that lie in one cell, so the photograph is read in windows, each of
which gives a map of its own; they overlap by half and are averaged. What comes out is what speaks for mpox to this
network, which need not be a lesion, and a lesion that leaves the network cold is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mpoxlens.bundle import Bundle
from mpoxlens.errors import PhotoError
from mpoxlens.evaluation.lesions import LEAST_SKIN, skin_mask
from mpoxlens.schema import Floats, Pixels
from mpoxlens.screening.heatmap import evidence

if TYPE_CHECKING:
    from mpoxlens.evaluation.metrics import Flags

WINDOWS = 4  # of the photograph's side a window is 1 / WINDOWS; 1 is the network's map of the whole photograph
BATCH = 8  # windows that go through the network at once
SPREAD = 1.0  # half cells: deviation of the blur that keeps one lesion from being several peaks
FROM = 0.0  # logits from which on a place counts: it speaks for mpox rather than against it


@dataclass(frozen=True)
class Peak:
    """One place that stands out: centre as shares of width and height, and how strongly it speaks for mpox."""

    x: float
    y: float
    strength: float  # logits


@dataclass(frozen=True, eq=False)
class Seen:
    """Lesions as a network sees them."""

    peaks: tuple[Peak, ...]  # the strongest first
    extent: float  # share of the skin that speaks for mpox
    skin: float  # share of the photograph that is skin
    cell: tuple[float, float]  # width and height of a cell of the map, px: no finer place can be told
    passes: int  # forward passes that it took

    @property
    def count(self) -> int:
        """How many places stand out."""
        return len(self.peaks)


def seen(bundle: Bundle, pixels: Pixels, windows: int = WINDOWS) -> Seen:
    """Return the lesions of a photograph [H, W, 3] as the network of a bundle sees them.

    Raises:
        PhotoError: too little skin to look for anything on it.
    """
    skin = skin_mask(pixels)
    if skin.mean() < LEAST_SKIN:
        raise PhotoError(
            "the photo", "it shows little or no skin", "take a colour photo in which skin fills most of it"
        )
    heat = fine_map(bundle, pixels, windows)
    height, width = heat.shape
    shown = cv2.resize(skin.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(heat, (0, 0), SPREAD, borderType=cv2.BORDER_REPLICATE)
    speaks = np.asarray(smooth > FROM)
    return Seen(
        peaks=peaks(smooth, speaks & (shown >= 0.5)),
        extent=float((shown * speaks).sum() / shown.sum()),
        skin=float(skin.mean()),
        cell=(2 * pixels.shape[1] / width, 2 * pixels.shape[0] / height),
        passes=(2 * windows - 1) ** 2,
    )


def fine_map(bundle: Bundle, pixels: Pixels, windows: int = WINDOWS) -> Floats:
    """Return what each place speaks for the positive class [2 * h * windows, 2 * w * windows], in logits.

    A cell of a window's map [h, w] is four of these, so that windows that overlap by half fall on whole ones. In an
    overlap the map counts most whose window has the place in its middle.
    """
    positive = bundle.spec.labels.index(bundle.spec.positive)
    parts: list[Floats] = []
    inputs = [bundle.spec.preprocess(np.ascontiguousarray(part)) for part in _cut(pixels, windows)]
    for start in range(0, len(inputs), BATCH):
        cams = bundle.run(np.stack(inputs[start : start + BATCH])).cam
        parts += [evidence(cam, positive).repeat(2, axis=0).repeat(2, axis=1) for cam in cams]
    return _joined(parts, windows)


def peaks(heat: Floats, among: Flags) -> tuple[Peak, ...]:
    """Return the local maxima of a map [h, w] among some of its places [h, w]; a plateau is one of them."""
    highest = cv2.dilate(heat, np.ones((3, 3), np.uint8))
    tops = ((heat == highest) & among).astype(np.uint8)
    count, place = cv2.connectedComponents(tops, connectivity=8)
    found = []
    for n in range(1, count):
        rows, columns = np.nonzero(place == n)
        x, y = (columns.mean() + 0.5) / heat.shape[1], (rows.mean() + 0.5) / heat.shape[0]
        found.append(Peak(float(x), float(y), float(heat[rows[0], columns[0]])))
    return tuple(sorted(found, key=lambda peak: -peak.strength))


def _cut(pixels: Pixels, windows: int) -> Iterator[Pixels]:
    """Windows of 1 / `windows` of each side, a half of that apart, row by row."""
    down, across = (_edges(length, windows) for length in pixels.shape[:2])
    for top, bottom in zip(down, down[2:], strict=False):
        for left, right in zip(across, across[2:], strict=False):
            yield pixels[top:bottom, left:right]


def _edges(length: int, windows: int) -> Sequence[int]:
    return [round(n * length / (2 * windows)) for n in range(2 * windows + 1)]


def _joined(parts: Sequence[Floats], windows: int) -> Floats:
    """Lay the maps [2h, 2w] of windows where these lie, weighted by their distance from the window's edge."""
    height, width = parts[0].shape
    tent = np.outer(_tent(height), _tent(width))
    total = np.zeros((height * windows, width * windows), np.float32)
    weight = np.zeros_like(total)
    for n, part in enumerate(parts):
        row, column = divmod(n, 2 * windows - 1)
        here = np.s_[row * height // 2 :, column * width // 2 :]
        total[here][:height, :width] += part * tent
        weight[here][:height, :width] += tent
    return np.asarray(total / weight, np.float32)


def _tent(length: int) -> Floats:
    place = np.arange(length) + 0.5
    return np.asarray(np.minimum(place, length - place), np.float32)
