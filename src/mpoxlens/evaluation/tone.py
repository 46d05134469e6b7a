"""Skin tone as the individual typology angle (Chardon et al. 1991): arctan((L* - 50) / b*), in degrees."""

from __future__ import annotations

import cv2
import numpy as np

from mpoxlens.schema import Pixels

# Degrees. Three bands instead of the usual six (Del Bino and Bernerd 2013), since photographs of few people have to
# suffice: above 28 are very light, light and intermediate skin, from 0 tan, below 0 most brown and all dark skin.
TONE_BANDS = {"light": (28.0, 181.0), "intermediate": (0.0, 28.0), "dark": (-181.0, 0.0)}


def typology_angle(pixels: Pixels) -> float:
    """Return the angle of the median colour of the central half of a photograph [H, W, 3]; larger is lighter."""
    height, width = pixels.shape[:2]
    centre = pixels[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    lab = cv2.cvtColor(centre.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness, _, yellow = np.median(lab.reshape(-1, 3), axis=0)
    return float(np.degrees(np.arctan2(lightness - 50.0, max(float(yellow), 1e-3))))


def tone_band(angle: float) -> str:
    """Return the band of an angle in degrees."""
    return next(name for name, (low, high) in TONE_BANDS.items() if low <= angle < high)
