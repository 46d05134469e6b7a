"""Do crop proposals hold the lesions? On drawn scenes whose lesions are known: a patch of rash on healthy skin.

Half of the scenes are filled with skin, half show a limb before a plain wall. Beside it, for scale: the central square
of the same area. Drawings say whether the rule works as meant, not how often it is sensible on photographs.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.datasets.preprocess.crops import propose
from mpoxlens.schema import Pixels
from record import Row, arguments, finish

SIDE, PATCH = 448, 192  # px
ENOUGH = 0.9  # of the lesions' pixels
WALLS = ((235, 235, 235), (70, 90, 140), (60, 110, 80), (120, 120, 125))


@dataclass(frozen=True)
class Held:
    """What a crop holds of a scene."""

    lesions: float  # share of their pixels
    central: float  # the same of the central square of the same area
    area: float  # of the crop, as a share of the scene


def scene(seed: int) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return a scene [448, 448, 3] and where [448, 448] its lesions are."""
    rng = np.random.default_rng(seed)
    tone = float(rng.uniform(-45, 60))
    pixels = draw(seed, count=0, tone=tone, size=SIDE).pixels.astype(np.float32)
    rash = draw(seed + 10_000, count=int(rng.integers(3, 10)), stage=STAGES[seed % len(STAGES)], tone=tone, size=PATCH)
    y, x = rng.integers(40, SIDE - PATCH - 40, 2)
    soft = np.zeros((PATCH, PATCH), np.float32)
    soft[16:-16, 16:-16] = 1
    soft = cv2.GaussianBlur(soft, (0, 0), 6)[..., None]
    part = pixels[y : y + PATCH, x : x + PATCH]
    pixels[y : y + PATCH, x : x + PATCH] = soft * rash.pixels + (1 - soft) * part
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[y : y + PATCH, x : x + PATCH] = rash.mask & (soft[..., 0] > 0.5)
    if seed % 2:
        middle = (int(x) + PATCH // 2, int(y) + PATCH // 2)
        limb = cv2.ellipse(np.zeros((SIDE, SIDE)), middle, (260, 130), rng.uniform(0, 180), 0, 360, 1, -1)
        pixels[limb == 0] = WALLS[seed // 2 % len(WALLS)]
        mask &= limb > 0
    return pixels.round().astype(np.uint8), mask


def held(seed: int) -> Held:
    """Return what the proposed crop of a scene holds."""
    pixels, mask = scene(seed)
    left, top, width, height = (round(share * SIDE) for share in propose(pixels, "lesion").box)
    start = (SIDE - width) // 2
    inside = mask[top : top + height, left : left + width].sum() / mask.sum()
    central = mask[start : start + width, start : start + width].sum() / mask.sum()
    return Held(float(inside), float(central), width * height / SIDE**2)


def main() -> None:
    """Measure."""
    options = arguments(__doc__).parse_args()
    found = [held(seed) for seed in range(10 if options.quick else 100)]
    lesions, central, area = (
        np.array([getattr(one, name) for one in found]) for name in ("lesions", "central", "area")
    )
    enough = int(np.sum(lesions >= ENOUGH))
    interval = binomtest(enough, len(found)).proportion_ci(method="wilson")
    rows = [
        Row("drawn scenes whose lesion crop holds 9/10 of the lesions", enough / len(found), "", 0.9, at_least=True),
        Row("the same, lower end of the 95 % interval (Wilson)", float(interval.low), ""),
        Row("lesions in the worst crop, share", float(lesions.min()), ""),
        Row("area of the crop, mean share of the scene", float(area.mean()), ""),
        Row("drawn scenes of which the central square of that area holds 9/10", float(np.mean(central >= ENOUGH)), ""),
    ]
    notes = f"{len(found)} drawn scenes, a patch of rash on bare skin of all tones, half of them a limb before a wall."
    finish("crops", rows, quick=options.quick, notes=notes, packages=("numpy", "opencv-python-headless"))


if __name__ == "__main__":
    main()
