"""Colour constancy by shades of grey (Finlayson and Trezzi, Color Imaging Conference 2004)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpoxlens.schema import Floats, Pixels

NORM = 6  # Minkowski's p; the authors' best on photographs. 1 is grey world, infinity the brightest patch
NEUTRAL = 3**-0.5  # of each channel of white light


def illuminant(pixels: Pixels) -> NDArray[np.float64]:
    """Return the colour [3] of the light on a photograph [H, W, 3], of length 1; white is 0.577 in each channel.

    Estimated in linear light. On a photograph that skin fills, the skin itself is the average, and its colour is taken
    for the light's: use it to compare, not by default.
    """
    powers = to_linear(pixels).reshape(-1, 3).astype(np.float64) ** NORM
    mean = powers.mean(axis=0) ** (1 / NORM)
    length = float(np.linalg.norm(mean))
    return mean / length if mean.min() > 1e-4 else np.full(3, NEUTRAL)  # a channel without any light says nothing


def in_white_light(pixels: Pixels, light: NDArray[np.float64]) -> Pixels:
    """Return pixels [H, W, 3] as white light would show them; what becomes too bright is cut off."""
    gains = (NEUTRAL / light).astype(np.float32)
    return to_srgb(to_linear(pixels) * gains)


def to_linear(pixels: Pixels) -> Floats:
    """From sRGB 0..255 to linear light 0..1 (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    table = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return table.astype(np.float32)[pixels]


def to_srgb(linear: Floats) -> Pixels:
    """From linear light to sRGB 0..255, cut off at both ends."""
    x = np.clip(linear, 0, 1)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** np.float32(1 / 2.4) - 0.055)
    return np.asarray((curve * 255).round().astype(np.uint8))
