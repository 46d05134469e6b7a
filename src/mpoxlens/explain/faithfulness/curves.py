"""Deletion and insertion (Petsiuk et al. 2018, "RISE", section 4.2): does the score go where the map says it lies?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.schema import Floats

Score: TypeAlias = Callable[[Floats], Doubles]  # inputs [N, 3, S, S] to one or several scores each, [N] or [N, K]
STEPS = 16  # parts in which the pixels go; twice as many move the areas of smooth curves by less than a hundredth
BLUR = 10 / 224  # of the side: deviation of the blurred baseline, in which no lesion is left


@dataclass(frozen=True, eq=False)
class Curve:
    """The score as pixels go or come, the ones first that the map calls the strongest evidence for mpox."""

    shares: Doubles  # [T + 1] of the pixels, 0 to 1
    values: Doubles  # [T + 1] or [T + 1, K], the scores

    @property
    def area(self) -> Doubles:
        """Area under the curve by trapezia, [] or [K], in the score's own unit: its mean over all shares."""
        between = (self.values[1:] + self.values[:-1]) / 2
        return np.asarray(np.tensordot(np.diff(self.shares), between, axes=1))


def blurred(photo: Floats) -> Floats:
    """Return the baseline that keeps tone and light: the input [3, S, S] so blurred that no lesion is left."""
    return np.asarray(gaussian_filter(photo, BLUR * photo.shape[-1], axes=(1, 2), mode="nearest"), np.float32)


def mean(photo: Floats) -> Floats:
    """Return the baseline that keeps nothing but tone: each plane of the input [3, S, S] at its mean."""
    return np.broadcast_to(photo.mean(axis=(1, 2), keepdims=True), photo.shape).astype(np.float32)


BASELINES: dict[str, Callable[[Floats], Floats]] = {"blurred": blurred, "mean": mean}


def ranking(heat: Floats, seed: int = 0) -> NDArray[np.int64]:
    """Return the pixels [S * S] of a map [S, S], the strongest evidence first; equal ones in an order by chance."""
    chance = np.random.default_rng(seed).permutation(heat.size)  # raster order would prefer the upper left
    return np.lexsort((chance, -heat.ravel()))


def deletion(score: Score, photo: Floats, heat: Floats, baseline: Floats, steps: int = STEPS) -> Curve:
    """Replace pixels of `photo` [3, S, S] by those of `baseline`; the lower the area, the better the map [S, S]."""
    return _curve(score, photo, baseline, ranking(heat), steps)


def insertion(score: Score, photo: Floats, heat: Floats, baseline: Floats, steps: int = STEPS) -> Curve:
    """Bring pixels of `photo` [3, S, S] into `baseline`; the higher the area, the better the map [S, S]."""
    return _curve(score, baseline, photo, ranking(heat), steps)


def _curve(score: Score, begin: Floats, end: Floats, order: NDArray[np.int64], steps: int) -> Curve:
    counts = np.rint(np.linspace(0, len(order), steps + 1)).astype(int)
    inputs = np.repeat(begin[None], steps + 1, axis=0).reshape(steps + 1, len(begin), -1)  # [T + 1, 3, S * S]
    last = end.reshape(len(end), -1)
    for row, count in zip(inputs, counts, strict=True):
        row[:, order[:count]] = last[:, order[:count]]
    return Curve(counts / len(order), np.asarray(score(inputs.reshape(-1, *begin.shape)), np.float64))
