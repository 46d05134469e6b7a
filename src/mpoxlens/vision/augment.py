"""Augmentation that breaks shortcuts: what a class must not be told by is made random.

The public photographs differ between classes in encoding, resolution, framing, background and skin tone (see
`datasets/audit`). Each function here takes one of these away. Every draw comes from the generator that is handed in.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mpoxlens.schema import Pixels

Rng = np.random.Generator


def augment(pixels: Pixels, size: int, rng: Rng) -> Pixels:
    """Return one random variant [size, size, 3] of a photograph [H, W, 3]."""
    if rng.random() < 0.3:
        pixels = swap_background(pixels, rng)
    pixels = turn(crop(pixels, size, rng), rng)
    if rng.random() < 0.8:
        pixels = shift_tone(pixels, rng)
    if rng.random() < 0.1:
        pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.6:
        pixels = degrade(pixels, rng)
    if rng.random() < 0.6:
        pixels = reencode(pixels, rng)
    return cover(pixels, rng) if rng.random() < 0.3 else pixels


def crop(pixels: Pixels, size: int, rng: Rng) -> Pixels:
    """Cut out a quarter to all of the area at a random aspect, and resize: scale and framing tell nothing."""
    height, width = pixels.shape[:2]
    share, aspect = rng.uniform(0.25, 1.0), np.exp(rng.uniform(-0.35, 0.35))
    h = int(np.clip(height * np.sqrt(share / aspect), 16, height))
    w = int(np.clip(width * np.sqrt(share * aspect), 16, width))
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    cut = pixels[top : top + h, left : left + w]
    return _resize(cut, size, size)


def turn(pixels: Pixels, rng: Rng) -> Pixels:
    """Mirror, and rotate a little or by quarters: a rash has no upper side."""
    pixels = np.rot90(pixels, int(rng.integers(0, 4))) if rng.random() < 0.3 else pixels
    pixels = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    size = pixels.shape[0]
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(-20, 20), 1.0)
    return _uint8(cv2.warpAffine(np.ascontiguousarray(pixels), matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101))


def shift_tone(pixels: Pixels, rng: Rng) -> Pixels:
    """Move lightness, contrast and hue in CIELAB: skin tone and white balance are confounded with the label."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] = (lab[..., 0] - 128) * rng.uniform(0.75, 1.25) + 128 + rng.uniform(-50, 50)
    lab[..., 1:] = (lab[..., 1:] - 128) * rng.uniform(0.6, 1.3) + 128 + rng.uniform(-9, 9, 2)
    return _uint8(cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB))


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
    return np.ascontiguousarray(np.clip(values, 0, 255).astype(np.uint8))
