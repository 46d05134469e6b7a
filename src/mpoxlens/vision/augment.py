"""Augmentation that breaks shortcuts: what a class must not be told by is made random.

The public photographs differ between classes in encoding, resolution, framing, background and skin tone (see
`datasets/audit`). Each function here takes one of these away. Every draw comes from the generator that is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mpoxlens.schema import Pixels

Rng = np.random.Generator


@dataclass(frozen=True)
class Strength:
    """How much is made random; chances are of a variant's having the change at all."""

    area: float  # least share of the photograph that a crop shows
    aspect: float  # largest change of the aspect, as a logarithm
    quarter: float  # chance of quarter turns
    degrees: float  # largest turn besides
    tone: float  # chance of `shift_tone`
    contrast: float  # largest change of lightness contrast, as a share
    lightness: float  # largest shift of L, of 255
    chroma: tuple[float, float]  # range that a and b are scaled by
    cast: float  # largest shift of a and b
    grey: float  # chance
    background: float  # chance of `swap_background`
    worse: float  # chance of `degrade`
    jpeg: float  # chance of `reencode`
    hole: float  # chance of `cover`


HARSH = Strength(0.25, 0.35, 0.3, 20, 0.8, 0.25, 50, (0.6, 1.3), 9, 0.1, 0.3, 0.6, 0.6, 0.3)
MILD = Strength(0.6, 0.15, 0.15, 12, 0.7, 0.15, 20, (0.8, 1.2), 5, 0.0, 0.0, 0.2, 0.4, 0.0)
STRENGTHS = {"harsh": HARSH, "mild": MILD}


def augment(pixels: Pixels, size: int, rng: Rng, strength: Strength = HARSH) -> Pixels:
    """Return one random variant [size, size, 3] of a photograph [H, W, 3]."""
    if rng.random() < strength.background:
        pixels = swap_background(pixels, rng)
    pixels = turn(crop(pixels, size, rng, strength), rng, strength)
    if rng.random() < strength.tone:
        pixels = shift_tone(pixels, rng, strength)
    if rng.random() < strength.grey:
        pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < strength.worse:
        pixels = degrade(pixels, rng)
    if rng.random() < strength.jpeg:
        pixels = reencode(pixels, rng)
    return cover(pixels, rng) if rng.random() < strength.hole else pixels


def crop(pixels: Pixels, size: int, rng: Rng, strength: Strength = HARSH) -> Pixels:
    """Cut out a share of the area at a random aspect, and resize: scale and framing tell nothing."""
    height, width = pixels.shape[:2]
    share, aspect = rng.uniform(strength.area, 1.0), np.exp(rng.uniform(-strength.aspect, strength.aspect))
    h = int(np.clip(height * np.sqrt(share / aspect), 16, height))
    w = int(np.clip(width * np.sqrt(share * aspect), 16, width))
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    cut = pixels[top : top + h, left : left + w]
    return _resize(cut, size, size)


def turn(pixels: Pixels, rng: Rng, strength: Strength = HARSH) -> Pixels:
    """Mirror, and rotate a little or by quarters: a rash has no upper side."""
    pixels = np.rot90(pixels, int(rng.integers(0, 4))) if rng.random() < strength.quarter else pixels
    pixels = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    size = pixels.shape[0]
    degrees = rng.uniform(-strength.degrees, strength.degrees)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), degrees, 1.0)
    return _uint8(cv2.warpAffine(np.ascontiguousarray(pixels), matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101))


def shift_tone(pixels: Pixels, rng: Rng, strength: Strength = HARSH) -> Pixels:
    """Move lightness, contrast and hue in CIELAB: skin tone and white balance are confounded with the label."""
    s = strength
    table = np.repeat(np.arange(256, dtype=np.float32)[:, None], 3, axis=1)  # [256, 3], what each value becomes
    contrast, lightness = rng.uniform(1 - s.contrast, 1 + s.contrast), rng.uniform(-s.lightness, s.lightness)
    table[:, 0] = (table[:, 0] - 128) * contrast + 128 + lightness
    table[:, 1:] = (table[:, 1:] - 128) * rng.uniform(*s.chroma) + 128 + rng.uniform(-s.cast, s.cast, 2)
    lab = cv2.LUT(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), np.clip(table, 0, 255).astype(np.uint8)[None])
    return _uint8(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def swap_background(pixels: Pixels, rng: Rng) -> Pixels:
    """Fill what is not skin with a random texture: studio white, hospital sheets and borders tell nothing."""
    background = ~skin(pixels)
    if not 0.05 < background.mean() < 0.8:
        return pixels
    height, width = background.shape
    coarse = rng.integers(0, 256, (*rng.integers(1, 9, 2), 3)).astype(np.uint8)
    texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(background.astype(np.float32), (0, 0), 1.5)[..., None]
    return _uint8(pixels * (1 - soft) + texture * soft)


def skin(pixels: Pixels) -> NDArray[np.bool_]:
    """Return where skin may be [H, W], by chroma alone so that every tone counts (Chai and Ngan 1999, widened)."""
    ycc = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    found = cv2.inRange(ycc, (25, 132, 80), (250, 185, 132))
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))  # lesions are not background
    return np.asarray(found > 0)


def degrade(pixels: Pixels, rng: Rng) -> Pixels:
    """Lose detail as phones and web sites do: a smaller copy, blur, noise."""
    size = pixels.shape[0]
    if rng.random() < 0.5:
        small = int(size * rng.uniform(0.3, 0.9))
        pixels = _resize(_resize(pixels, small, small), size, size)
    if rng.random() < 0.4:
        pixels = _uint8(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.8)))
    if rng.random() < 0.4:
        pixels = _uint8(pixels + rng.normal(0, rng.uniform(2, 12), pixels.shape))
    return pixels


def reencode(pixels: Pixels, rng: Rng) -> Pixels:
    """Write as JPEG and read again: compression tells nothing of the class."""
    quality = int(rng.integers(20, 96))
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _uint8(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])


def cover(pixels: Pixels, rng: Rng) -> Pixels:
    """Hide a rectangle: the decision may not hang on one lesion, caption or logo."""
    size = pixels.shape[0]
    height, width = rng.integers(size // 10, size // 3, 2)
    top, left = rng.integers(0, size - height), rng.integers(0, size - width)
    covered = np.array(pixels)
    covered[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return covered


def _resize(pixels: Pixels, width: int, height: int) -> Pixels:
    shrinks = width < pixels.shape[1]
    return _uint8(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def _uint8(values: NDArray[np.generic]) -> Pixels:
    if values.dtype != np.uint8:
        values = np.clip(values, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(values, dtype=np.uint8)
