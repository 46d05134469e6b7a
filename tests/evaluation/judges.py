"""Judges whose answers can be worked out by hand: each reads one thing of a photograph and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mpoxlens.datasets.phantom import Phantom, draw
from mpoxlens.evaluation.judge import DecisionRules, Judgement, Photographs
from mpoxlens.rules import Calibration, Conformal, OutOfDistribution
from mpoxlens.schema import Gate, Pixels

OOD = OutOfDistribution(np.zeros(2, np.float32), np.eye(2, dtype=np.float32), 1.0, 1.0)
RULES = DecisionRules(0, Calibration(1.0, 0.0, ((1.0, 0.0),)), 0.5, Conformal(0.1, 0.5, 0.5), OOD)


class Reader:
    """P(mpox) is whatever is read of the photograph; everything is usable and familiar."""

    labels, positive = ("mpox", "other"), 0

    def __init__(self, read: Callable[[Pixels], float]) -> None:
        self.read = read

    def judge(self, pixels: Sequence[Pixels], _keys: Sequence[str]) -> Judgement:
        p = np.array([self.read(one) for one in pixels])
        return RULES.decided(p, np.zeros(len(p)), [Gate(usable=True)] * len(p))


def frame(pixels: Pixels) -> float:
    """Brightness of the outermost pixels: the background and nothing else."""
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return float(edge.mean()) / 255


def darkness(pixels: Pixels) -> float:
    """How dark the photograph is: skin tone and nothing else."""
    return 1 - float(np.median(pixels)) / 255


def redness(pixels: Pixels) -> float:
    """Whether any place is much redder than most: lesions and nothing else."""
    red = cv2.cvtColor(cv2.GaussianBlur(pixels, (0, 0), 1.0), cv2.COLOR_RGB2LAB)[..., 1].astype(float)
    return float(np.clip((np.quantile(red, 0.99) - np.median(red)) / 16, 0, 1))


def on_background(phantom: Phantom, level: int) -> Pixels:
    """Put a phantom on a background of one grey level, a third as wide as it on every side."""
    width = phantom.pixels.shape[0] // 3
    framed = cv2.copyMakeBorder(
        phantom.pixels, width, width, width, width, cv2.BORDER_CONSTANT, value=(level, level, level)
    )
    return np.asarray(framed)


def photographs(pictures: Sequence[Pixels], positive: Sequence[bool]) -> Photographs:
    names = tuple(str(i) for i in range(len(pictures)))
    return Photographs(pictures, np.array(positive), names, names)


def rashes(count: int = 8) -> Photographs:
    """Return `count` phantoms with lesions, which are positive, and as many of bare skin; all of one tone."""
    sick = [draw(i, count=14, stage="macule", tone=30, size=160).pixels for i in range(count)]
    bare = [draw(100 + i, count=0, tone=30, size=160).pixels for i in range(count)]
    return photographs([*sick, *bare], [True] * count + [False] * count)
