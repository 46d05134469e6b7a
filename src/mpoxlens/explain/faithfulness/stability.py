"""Does the same question get the same map? Over seeds, and over photographs taken a few pixels aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mpoxlens.explain.faithfulness.similarity import alike
from mpoxlens.explain.nouns import Method, Subject
from mpoxlens.schema import Floats

SEEDS = (0, 1, 2)
SHIFTS = ((0, 4), (4, 0), (-3, -3))  # px down and right: as a hand trembles


@dataclass(frozen=True)
class Spread:
    """How much maps of one photograph differ."""

    alike: float  # mean rank correlation of all pairs, 1 for the same map each time
    deviation: float  # root of the mean variance of a pixel, over the deviation of the mean map; 0 for the same map


def spread(maps: Sequence[Floats]) -> Spread:
    """Return how much two or more maps [S, S] of one question differ, such as the runs of LIME."""
    stack = np.stack(maps).astype(np.float64)
    variance, level = stack.var(axis=0, ddof=1).mean(), stack.mean(axis=0).std()
    pairs = [alike(a, b) for a, b in combinations(maps, 2)]
    deviation = float(np.sqrt(variance) / level) if level > 0 else float("inf" if variance > 0 else 0.0)
    return Spread(float(np.mean(pairs)), deviation)


def over_seeds(method: Method, subject: Subject, photo: Floats, seeds: Sequence[int] = SEEDS) -> Spread:
    """Explain one input [3, S, S] with several seeds."""
    return spread([method(subject, photo, seed).heat for seed in seeds])


def over_shifts(
    method: Method,
    subject: Subject,
    photo: Floats,
    heat: Floats,
    shifts: Sequence[tuple[int, int]] = SHIFTS,
    seed: int = 0,
) -> float:
    """Return how alike the map [S, S] of an input and those of the shifted input are, each shifted back.

    What came into the picture at its edge repeats the edge, and what left it cannot be compared: only places that both
    pictures show are.
    """
    found = []
    for down, right in shifts:
        moved = method(subject, shifted(photo, down, right), seed).heat
        back, shown = _overlap(moved, down, right), _overlap(heat, -down, -right)
        found.append(alike(back, shown))
    return float(np.mean(found))


def shifted(photo: Floats, down: int, right: int) -> Floats:
    """Return planes [..., H, W] moved by some pixels, the edge repeated."""
    height, width = photo.shape[-2:]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return np.ascontiguousarray(photo[..., rows[:, None], columns])


def _overlap(heat: Floats, down: int, right: int) -> Floats:
    """Cut away what is not in both a map and its fellow that was moved by `-down`, `-right`."""
    height, width = heat.shape
    return heat[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]
