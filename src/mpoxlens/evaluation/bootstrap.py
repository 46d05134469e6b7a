"""Cluster-bootstrap intervals for many figures at once: a sample drawn with replacement is a row of weights.

`metrics.with_interval` does the same with rows for any statistic; the two draw the same samples from the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mpoxlens.evaluation.metrics import RESAMPLES, Doubles, Figure, Flags

INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, eq=False)
class Draws:
    """How often each photograph is in each sample, clusters drawn whole (Field and Welsh 2007, "cluster bootstrap").

    The first row is the sample itself, all ones, so that a statistic gives its value and its bootstrap in one call.
    """

    counts: Doubles  # [1 + B, K], of clusters
    member: np.ndarray  # [N] int64, cluster of each photograph

    @classmethod
    def of(cls, clusters: Sequence[str], count: int = RESAMPLES, seed: int = 0) -> Draws:
        """Draw `count` samples of the clusters [N] of photographs."""
        names, member = np.unique(np.asarray(clusters), return_inverse=True)
        k = len(names)
        rng = np.random.default_rng(seed)
        drawn = [np.bincount(rng.integers(0, k, k), minlength=k) for _ in range(count)]
        return cls(np.stack([np.ones(k), *drawn]), member)

    @cached_property
    def weights(self) -> Doubles:
        """How often each photograph is in each sample [1 + B, N]."""
        return np.asarray(self.counts[:, self.member])

    def sums(self, values: Doubles | Flags) -> Doubles:
        """Return the sums of values [N] or [N, T] over each sample, [1 + B] or [1 + B, T]."""
        flat = values.reshape(len(values), -1).astype(np.float64)
        each = np.zeros((self.counts.shape[1], flat.shape[1]))
        np.add.at(each, self.member, flat)
        return (self.counts @ each).reshape(-1, *values.shape[1:])

    def mean(self, values: Doubles | Flags, among: Flags | None = None) -> Doubles:
        """Return the mean of values [N] over each sample, or over those `among` [N]; NaN where there are none."""
        inside = np.ones(len(values), dtype=np.bool_) if among is None else among
        return ratio(self.sums(np.where(inside, values, 0.0)), self.sums(inside))


def ratio(above: Doubles, below: Doubles) -> Doubles:
    """Divide; NaN where both are 0, infinite where only `below` is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)


def figure(drawn: Doubles) -> Figure:
    """Return the first of the values [1 + B] with the percentile interval of the others, undefined ones left out."""
    others = np.sort(drawn[1:][~np.isnan(drawn[1:])])
    if not len(others):
        return Figure(float(drawn[0]), float("nan"), float("nan"))
    if np.isfinite(others).all():
        low, high = np.quantile(others, INTERVAL)
    else:  # between two infinite values nothing can be interpolated
        low, high = others[np.rint(np.array(INTERVAL) * (len(others) - 1)).astype(int)]
    return Figure(float(drawn[0]), float(low), float(high))


def figures_of(drawn: dict[str, Doubles]) -> dict[str, dict[str, float | None]]:
    """Return what `bundle.json` records of each statistic [1 + B]."""
    return {name: figure(values).to_dict() for name, values in drawn.items()}


def curve(at: Doubles, drawn: Doubles) -> list[dict[str, Any]]:
    """Return one figure a point: values [1 + B, T] at the points `at` [T]."""
    return [{"at": round(float(x), 4)} | figure(drawn[:, i]).to_dict() for i, x in enumerate(at)]
