"""Skin tone as the individual typology angle (Chardon et al. 1991): arctan((L* - 50) / b*), in degrees."""

from __future__ import annotations

import cv2
import numpy as np

from mpoxlens.schema import Pixels


def typology_angle(pixels: Pixels) -> float:
    """Return the angle of the median colour of the central half of a photograph [H, W, 3]; larger is lighter."""
    height, width = pixels.shape[:2]
    centre = pixels[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    lab = cv2.cvtColor(centre.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness, _, yellow = np.median(lab.reshape(-1, 3), axis=0)
    return float(np.degrees(np.arctan2(lightness - 50.0, max(float(yellow), 1e-3))))
