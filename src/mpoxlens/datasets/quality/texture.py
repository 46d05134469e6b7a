"""What the spectrum and the colours of a picture say of its making: true detail, and drawing instead of photograph."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mpoxlens.schema import Floats, Pixels

SIDE = 512  # px of the middle that is measured, at full resolution: a smaller copy would hide missing detail


@dataclass(frozen=True)
class Texture:
    """Measures of the middle of a picture."""

    fall: float  # decades by which the power above 1/2 of the finest frequency lies below that at 1/10 to 1/4
    fall_fine: float  # the same for above 0.6 against 0.2 to 0.4
    cut: float  # share of the finest frequency that holds 9/10 of the power of the gradient, 0 to 1
    gradient: float  # mean strength of Sobel's gradient, grey levels
    saturation: float  # mean, of 255
    colours: float  # different colours of 5 bits a channel, per square root of the pixels

    @property
    def smooth(self) -> float:
        """High for drawings by computation: few colours, no grain, a spectrum that falls as no lens makes it."""
        return self.fall + self.fall_fine - self.colours / 2

    @property
    def vivid(self) -> float:
        """High for airbrushed medical illustrations: everything sharp, contrasting and saturated at once."""
        return self.gradient * self.saturation * max(0.0, 1.2 - self.cut) / 1000


def texture(pixels: Pixels) -> Texture:
    """Measure the middle of a picture [H, W, 3]."""
    part = _middle(pixels)
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    power, frequency = _spectrum(grey)
    steep, order = power * frequency**2, np.argsort(frequency, axis=None)
    summed = np.cumsum(steep.ravel()[order])
    cut = frequency.ravel()[order][min(np.searchsorted(summed, 0.9 * summed[-1]), summed.size - 1)]
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    coarse = (part >> 3).reshape(-1, 3).astype(np.int32) @ np.array([1024, 32, 1], dtype=np.int32)
    return Texture(
        fall=_fall(power, frequency, (0.1, 0.25), 0.5),
        fall_fine=_fall(power, frequency, (0.2, 0.4), 0.6),
        cut=float(cut),
        gradient=float(np.hypot(across, down).mean()),
        saturation=float(cv2.cvtColor(part, cv2.COLOR_RGB2HSV)[..., 1].mean()),
        colours=float(len(np.unique(coarse)) / np.sqrt(len(coarse))),
    )


def _middle(pixels: Pixels) -> Pixels:
    top, left = (max(0, (n - SIDE) // 2) for n in pixels.shape[:2])
    return pixels[top : top + SIDE, left : left + SIDE]


def _spectrum(grey: Floats) -> tuple[Floats, Floats]:
    """Power and frequency [h, w], the latter as a share of the finest; windowed, so that edges do not count."""
    height, width = grey.shape
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    down, across = (2 * np.abs(np.fft.fftfreq(n)) for n in (height, width))
    return power.astype(np.float32), np.maximum(down[:, None], across[None, :]).astype(np.float32)


def _fall(power: Floats, frequency: Floats, middle: tuple[float, float], high: float) -> float:
    below = power[(frequency > middle[0]) & (frequency < middle[1])].mean()
    return float(np.log10((below + 1e-9) / (power[frequency > high].mean() + 1e-9)))
