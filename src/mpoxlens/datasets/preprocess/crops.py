"""Propose a square of a photograph: where the skin is, or where its lesions are.

A proposal, not a segmentation: rules of thumb on a small copy. Without lesions it falls back to the skin, without skin
to the largest square in the centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mpoxlens.datasets.hide import Box, covered
from mpoxlens.schema import Floats, Pixels
from mpoxlens.screening.gate import is_skin

Kind: TypeAlias = Literal["none", "skin", "lesion"]
Mask: TypeAlias = NDArray[np.bool_]

COPY_SIDE = 256  # px of the longer side of the copy on which skin and lesions are looked for
MIN_SKIN = 0.05  # share of the copy below which there is no skin to centre on
SIDES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of squares that are tried, as shares of the shorter side
STEPS = 24  # positions of a square along each side
AREA_COSTS = 0.2  # of the captured share, for a square of the whole area: of two that hold as much the small one wins
MIN_HELD = 0.85  # of what stands out; where no small square holds it, it is everywhere, and the skin is taken
EDGE = 24  # parts of the longer side, one of which is left out along the skin's edge
CALM = 2.5  # deviations from the skin around, below which a place is no lesion
STRONG = 6.0  # deviations above which it counts no more: one tattoo must not outweigh a rash


@dataclass(frozen=True)
class Crop:
    """A proposed part of a photograph."""

    box: Box  # left, top, width, height as shares of the sides; square in pixels unless it is the whole
    score: float  # 0 to 1: the share of the skin, or of what stands out on it, that the box holds


def propose(pixels: Pixels, kind: Kind, hidden: Sequence[Box] = ()) -> Crop:
    """Return the best crop of a photograph [H, W, 3]; "none" is the whole photograph.

    Lesions are not looked for where a face is going to be hidden.
    """
    if kind == "none":
        return Crop((0.0, 0.0, 1.0, 1.0), 1.0)
    copy = _copy(pixels)
    skin = skin_mask(copy)
    if skin.mean() < MIN_SKIN:
        return _largest(copy)
    if kind == "lesion":
        salient = saliency(copy, skin)
        for box in hidden:
            salient[covered(box, salient.shape)] = 0
        found = _around_lesions(salient)
        if found.score >= MIN_HELD:
            return found
    return _around_skin(skin)


def skin_mask(rgb: Pixels) -> Mask:
    """Return the largest connected skin [h, w] of a small copy, with the lesions inside it."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(is_skin(rgb).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return np.zeros(mask.shape, dtype=np.bool_)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    outlines, _ = cv2.findContours((parts == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(
        np.zeros_like(mask), outlines, -1, 1, thickness=cv2.FILLED
    )  # a crust is no skin by colour
    return np.asarray(filled > 0)


def saliency(rgb: Pixels, skin: Mask) -> Floats:
    """Return how far each place [h, w] stands out from the skin around it: redder, or lighter or darker.

    Differences in CIELAB a* and L* from the mean of the skin within about an eighth of the copy's longer side, in
    robust deviations, from `CALM` on. Zero off the skin and at its edge.
    """
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    skin = skin & ~_ink(lab)
    margin = np.ones((1 + max(skin.shape) // EDGE,) * 2, np.uint8)  # a limb is darker where it turns away
    inside = cv2.erode(skin.astype(np.uint8), margin, borderValue=1) > 0
    if not inside.any():
        return np.zeros(skin.shape, np.float32)
    light = _deviation(lab[..., 0], skin, inside)
    red = _deviation(lab[..., 1], skin, inside)
    stands_out = np.maximum(np.abs(light), np.maximum(red, 0))
    return np.where(inside, np.clip(stands_out - CALM, 0, STRONG - CALM), 0).astype(np.float32)


def _ink(lab: Floats) -> Mask:
    """Where [h, w] letters and bars are: lumps of colourless black or white; highlights are small, crusts brown."""
    grey = np.hypot(lab[..., 1], lab[..., 2]) < 6
    extreme = grey & ((lab[..., 0] < 15) | (lab[..., 0] > 92))
    lumps = cv2.morphologyEx(extreme.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.dilate(lumps, np.ones((5, 5), np.uint8)) > 0)


def _deviation(channel: Floats, skin: Mask, inside: Mask) -> Floats:
    wide, fine = max(skin.shape) / 12, 1.0
    weight = skin.astype(np.float32)
    around = cv2.GaussianBlur(channel * weight, (0, 0), wide) / np.maximum(cv2.GaussianBlur(weight, (0, 0), wide), 1e-3)
    apart = cv2.GaussianBlur(channel, (0, 0), fine) - around
    spread = 1.4826 * float(np.median(np.abs(apart[inside] - np.median(apart[inside]))))  # of a normal distribution
    found: Floats = apart / max(spread, 0.5)  # half a unit of CIELAB: less is noise of encoding
    return found


def _around_skin(skin: Mask) -> Crop:
    """The square as large as the skin is long, where it holds most of it."""
    rows, columns = np.flatnonzero(skin.any(axis=1)), np.flatnonzero(skin.any(axis=0))
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    side = int(min(longest, *skin.shape))
    held, box = max(_held(skin.astype(np.float32), side), key=lambda one: round(one[0], 4))
    return Crop(_shares(box, skin.shape), round(held, 4))


def _around_lesions(salient: Floats) -> Crop:
    """Of squares of several sizes, the one that holds most of what stands out for its area."""
    if not salient.any():
        return Crop((0.0, 0.0, 1.0, 1.0), 0.0)
    shorter = min(salient.shape)
    tried = []
    for share in SIDES:
        side = max(8, round(share * shorter))
        tried += [(held - AREA_COSTS * share**2, held, box) for held, box in _held(salient, side)]
    _, held, box = max(tried, key=lambda one: round(one[0], 4))  # of equal ones the most central, which comes first
    return Crop(_shares(box, salient.shape), round(held, 4))


def _held(values: Floats, side: int) -> list[tuple[float, tuple[int, int, int]]]:
    """The share of all values in each square of a side, which is given as (left, top, side)."""
    height, width = values.shape
    total = cv2.integral(values)
    found = []
    for top, left in product(_starts(height - side), _starts(width - side)):
        inside = total[top + side, left + side] - total[top, left + side] - total[top + side, left] + total[top, left]
        found.append((float(inside / total[-1, -1]), (left, top, side)))
    return found


def _starts(room: int) -> list[int]:
    """Positions from the centre outwards, so that of equal squares the most central comes first."""
    places = {round(room * k / STEPS) for k in range(STEPS + 1)}
    return sorted(places, key=lambda place: (abs(place - room / 2), place))


def _largest(copy: Pixels) -> Crop:
    height, width = copy.shape[:2]
    side = min(height, width)
    return Crop(_shares(((width - side) // 2, (height - side) // 2, side), (height, width)), 0.0)


def _shares(square: tuple[int, int, int], shape: tuple[int, ...]) -> Box:
    left, top, side = square
    height, width = shape[:2]
    return left / width, top / height, side / width, side / height


def _copy(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    image.thumbnail((COPY_SIDE, COPY_SIDE), Image.Resampling.BOX)
    return np.asarray(image)
