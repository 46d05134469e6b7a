"""Where the skin is, where it differs from the skin around it, and how to paint such places over.

Rules of thumb for tests, checked against phantoms whose lesions are known. They find creases, hair and shadows too.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mpoxlens.evaluation.metrics import Flags
from mpoxlens.schema import Floats, Pixels
from mpoxlens.screening.gate import is_skin
from mpoxlens.vision.augment import skin

SIDE = 224  # px of the shorter side of the copy that lesions are looked for in
AROUND = 1 / 4  # of that side: what counts as the skin around a place
COARSE = 4  # the surroundings are smooth, and a copy so many times smaller shows them as well
LITTLE = 0.02  # of usual skin around a place; with less, the whole photograph's mean stands in
LIGHTNESS = 0.6  # weight of lightness beside hue: shadows are not lesions, yet on dark skin lesions are darker
SPREADS = 2.2  # a lesion's colour lies so many times further off than skin usually does
LEAST = 5.0  # and at least so far, in units of CIELAB; less can hardly be seen
LEAST_SKIN = 0.05  # share of the photograph; on less there is nothing to look for


def skin_mask(pixels: Pixels) -> Flags:
    """Return where [H, W] skin is, with the lesions on it: by chroma or by chromaticity, holes closed."""
    found = (skin(pixels) | is_skin(pixels)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(found, cv2.MORPH_CLOSE, _disc(min(pixels.shape[:2]) // 12)) > 0)


def lesion_mask(pixels: Pixels) -> Flags:
    """Return where [H, W] the skin's colour is unlike that of the skin around it."""
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) * np.array((LIGHTNESS, 1, 1), np.float32)
    shown = skin_mask(small)
    if shown.mean() < LEAST_SKIN:
        return np.zeros((height, width), dtype=bool)
    found = _whole(_unlike(lab, shown))
    return np.asarray(cv2.resize(found.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0)


def _unlike(lab: Floats, shown: Flags) -> Flags:
    """Return where skin is unlike its surroundings; the second look leaves the first one's finds out of these."""
    found = usual = shown
    for _ in range(2):
        apart = cv2.absdiff(lab, _around(lab, usual))
        away = np.sqrt(cv2.transform(apart * apart, np.ones((1, 3), np.float32)))
        found = shown & (away > max(LEAST, SPREADS * float(np.median(away[::2, ::2][usual[::2, ::2]]))))
        usual = shown & ~found
        if not usual[::2, ::2].any():
            break
    return found


def _around(lab: Floats, usual: Flags) -> Floats:
    """Return the mean colour [h, w, 3] of the usual skin around each place, from a coarse copy."""
    height, width = usual.shape
    weight = usual.astype(np.float32)
    both = cv2.merge([*cv2.split(cv2.copyTo(lab, usual.astype(np.uint8))), weight])
    both = cv2.resize(both, (max(1, width // COARSE), max(1, height // COARSE)), interpolation=cv2.INTER_AREA)
    box = max(3, int(min(both.shape[:2]) * AROUND) // 2)
    for _ in range(2):  # two boxes make a tent, nearly a Gaussian and quicker at this width
        both = cv2.blur(both, (box, box), borderType=cv2.BORDER_REFLECT_101)
    known = both[..., 3:] > LITTLE
    mean = np.where(known, both[..., :3] / np.maximum(both[..., 3:], LITTLE), lab[usual].mean(axis=0))
    return np.asarray(cv2.resize(mean.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))


def _whole(found: Flags) -> Flags:
    """Drop specks, close what a lesion's pale centre leaves open, and take in the rim."""
    mask = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, _disc(3))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _disc(9))
    return np.asarray(cv2.dilate(mask, _disc(5)) > 0)


def filled(pixels: Pixels, hole: Flags, known: Flags | None = None) -> Pixels:
    """Paint a hole over with the colours around it, smoothly (push-pull of Gortler et al. 1996, "The Lumigraph").

    Args:
        pixels: [H, W, 3].
        hole: [H, W], what is painted over.
        known: [H, W], where the colours are taken from; all but the hole when None or when there is none.
    """
    source = ~hole if known is None or not (known & ~hole).any() else known & ~hole
    if not source.any():
        return np.full_like(pixels, 128)
    weight = source.astype(np.float32)[..., None]
    paint = _pulled(np.concatenate([pixels * weight, weight], axis=2))
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 1.0)[..., None]
    soft = np.maximum(soft, hole[..., None])  # nothing of the hole shines through
    return np.asarray((pixels * (1 - soft) + paint * soft).round().clip(0, 255).astype(np.uint8))


def _pulled(level: NDArray[np.float32]) -> Floats:
    """Return colour [H, W, 3] from colour times weight and weight [H, W, 4]; the unknown comes from coarser levels."""
    height, width = level.shape[:2]
    weight = level[..., 3:].clip(0, 1)
    colour = level[..., :3] / np.maximum(level[..., 3:], 1e-6)
    if min(height, width) <= 2:
        mean = level.sum(axis=(0, 1))
        coarse = np.broadcast_to(mean[:3] / max(float(mean[3]), 1e-6), colour.shape)
    else:
        coarse = cv2.resize(_pulled(cv2.pyrDown(level)), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(colour * weight + coarse * (1 - weight), dtype=np.float32)


def _disc(width: int) -> NDArray[np.uint8]:
    size = max(1, width | 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
