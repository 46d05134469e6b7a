"""Damage that phones, hands and networks do to a photograph, in five severities.

After Hendrycks and Dietterich (ICLR 2019, "Benchmarking neural network robustness to common corruptions"), with
strengths for photographs of about 224 px a side: the first is hardly seen, the last is worse than anyone should send.
Lengths are shares of the shorter side, so that large photographs suffer alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from mpoxlens.schema import Pixels

Rng = np.random.Generator
SEVERITIES = 5


@dataclass(frozen=True)
class Sweep:
    """One kind of damage at rising strength."""

    name: str
    unit: str
    strengths: tuple[float, ...]  # SEVERITIES of them
    damage: Callable[[Pixels, Rng, float], Pixels]


def blurred(pixels: Pixels, _rng: Rng, share: float) -> Pixels:
    """Blur as out of focus: a Gaussian whose deviation is `share` per cent of the shorter side."""
    return _uint8(cv2.GaussianBlur(pixels, (0, 0), share / 100 * min(pixels.shape[:2])))


def shaken(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """Blur along a line of random direction, `share` per cent of the shorter side long."""
    length = max(3, round(share / 100 * min(pixels.shape[:2])) | 1)
    angle, middle = rng.uniform(0, np.pi), length // 2
    reach = middle * np.array((np.cos(angle), np.sin(angle)))
    kernel = np.zeros((length, length), np.float32)
    ends = [tuple(int(v) for v in (middle + sign * reach).round()) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return _uint8(cv2.filter2D(pixels, -1, kernel / kernel.sum()))


def noisy(pixels: Pixels, rng: Rng, deviation: float) -> Pixels:
    """Add the noise of a sensor in poor light, in grey levels."""
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(deviation)
    return _uint8(pixels + noise)


def exposed(pixels: Pixels, _rng: Rng, stops: float) -> Pixels:
    """Expose by so many stops more or less, in linear light; what is too bright is cut off."""
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4) * 2.0**stops
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return _uint8(cv2.LUT(pixels, _uint8(curve.clip(0, 1) * 255 + 0.5)))


def flattened(pixels: Pixels, _rng: Rng, contrast: float) -> Pixels:
    """Keep a share of the contrast around the photograph's mean."""
    mean = float(pixels.mean())
    return _uint8((np.arange(256)[pixels] - mean) * contrast + mean)


def compressed(pixels: Pixels, _rng: Rng, quality: float) -> Pixels:
    """Write as JPEG of this quality and read again."""
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.ascontiguousarray(_uint8(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)))[..., ::-1])


def occluded(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """Hide a square of `share` of the area under one colour, anywhere."""
    height, width = pixels.shape[:2]
    h, w = (max(1, round(n * share**0.5)) for n in (height, width))
    top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    copy = np.array(pixels)
    copy[top : top + h, left : left + w] = rng.integers(0, 256, 3)
    return copy


def rotated(pixels: Pixels, rng: Rng, degrees: float) -> Pixels:
    """Turn to either side; the corners are filled by mirroring."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees * float(rng.choice((-1, 1))), 1.0)
    return _uint8(cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101))


def zoomed(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """Cut out `share` of the area, anywhere."""
    height, width = pixels.shape[:2]
    h, w = (max(16, round(n * share**0.5)) for n in (height, width))
    top, left = int(rng.integers(0, max(1, height - h + 1))), int(rng.integers(0, max(1, width - w + 1)))
    return np.ascontiguousarray(pixels[top : top + h, left : left + w])


def shrunk(pixels: Pixels, _rng: Rng, share: float) -> Pixels:
    """Show from further away: the photograph takes `share` of the area, mirrored copies of its edges the rest."""
    height, width = pixels.shape[:2]
    v, h = (min(n - 1, round(n * (share**-0.5 - 1) / 2)) for n in (height, width))
    return _uint8(cv2.copyMakeBorder(pixels, v, v, h, h, cv2.BORDER_REFLECT_101))


def sweeps() -> tuple[Sweep, ...]:
    """Return all of them."""
    return (
        Sweep("blur", "% of the shorter side", (0.3, 0.6, 1.0, 1.6, 2.5), blurred),
        Sweep("shake", "% of the shorter side", (2, 3.5, 5, 8, 12), shaken),
        Sweep("noise", "grey levels", (5, 10, 18, 30, 45), noisy),
        Sweep("too little light", "stops", (-0.5, -1, -1.75, -2.5, -3.5), exposed),
        Sweep("too much light", "stops", (0.4, 0.8, 1.2, 1.7, 2.3), exposed),
        Sweep("contrast", "share kept", (0.8, 0.6, 0.45, 0.3, 0.2), flattened),
        Sweep("compression", "JPEG quality", (60, 40, 25, 15, 8), compressed),
        Sweep("occlusion", "share of the area", (0.05, 0.1, 0.2, 0.3, 0.45), occluded),
        Sweep("rotation", "degrees", (10, 20, 35, 60, 90), rotated),
        Sweep("crop", "share of the area kept", (0.8, 0.6, 0.45, 0.3, 0.2), zoomed),
        Sweep("distance", "share of the area filled", (0.8, 0.65, 0.5, 0.4, 0.3), shrunk),
    )


def _uint8(values: np.ndarray) -> Pixels:
    return np.asarray(values.clip(0, 255).astype(np.uint8))
