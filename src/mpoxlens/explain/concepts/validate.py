"""Are the counted lesions true? On phantoms the lesions are known: error of the count, correlation of the extent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.phantom import STAGES, Phantom, draw
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.evaluation.metrics import Doubles, Figure, Rows, with_interval
from mpoxlens.explain.concepts.lesions import WINDOWS, seen

MOST = 30  # lesions on one phantom
TONES = (-50.0, 60.0)  # degrees, between which the phantoms' skin lies
LEAST = 8  # phantoms, of which half fit the line


@dataclass(frozen=True)
class Line:
    """From what the network shows to what is there: a straight line, fitted on phantoms."""

    slope: float
    intercept: float

    @classmethod
    def fitted(cls, shown: Doubles, true: Doubles) -> Line:
        """Fit by least squares; where nothing varies, the mean of what is true."""
        if np.ptp(shown) == 0:
            return cls(0.0, float(true.mean()))
        slope, intercept = np.polyfit(shown, true, 1)
        return cls(float(slope), float(intercept))

    def __call__(self, shown: Doubles) -> Doubles:
        """Return what is there, never less than none."""
        return np.asarray(np.maximum(self.slope * shown + self.intercept, 0.0))


@dataclass(frozen=True)
class Validation:
    """How far count and extent can be believed, on phantoms that no line was fitted on."""

    line: Line  # from peaks to lesions, fitted on the other half of the phantoms
    raw_error: Figure  # mean absolute error of the peaks taken for lesions
    error: Figure  # mean absolute error of the count by the line, lesions
    mean_error: Figure  # the same of always guessing the mean of the other half
    gain: Figure  # mean_error less error, paired; above 0 the map knows more than the mean
    count: Figure  # Pearson's correlation of peaks and lesions
    extent: Figure  # Pearson's correlation of the shares of the skin
    phantoms: int  # that were measured on


def validate(bundle: Bundle, phantoms: int, seed: int = 0, windows: int = WINDOWS, tell: Tell = silent) -> Validation:
    """Measure on drawings with 0 to `MOST` lesions of one stage, on skin of every tone.

    Args:
        bundle: whose network is asked.
        phantoms: in all; every other one fits the line, the rest is measured on. `LEAST` at least.
        seed: of the drawings.
        windows: see `lesions.fine_map`.
        tell: called with the stage, phantoms done and in all.
    """
    if phantoms < LEAST:
        raise ValueError(f"{phantoms} phantoms: {LEAST} at least")
    shown, true = [], []
    for n in range(phantoms):
        phantom = drawn(seed, n)
        found = seen(bundle, phantom.pixels, windows)
        shown.append((found.count, found.extent))
        true.append((len(phantom.lesions), phantom.mask.mean()))
        tell("phantoms", n + 1, phantoms)
    return compared(np.array(shown, np.float64), np.array(true, np.float64))


def drawn(seed: int, n: int) -> Phantom:
    """Return the n-th phantom of a seed."""
    rng = np.random.default_rng((seed, n))
    count, stage = int(rng.integers(0, MOST + 1)), STAGES[int(rng.integers(len(STAGES)))]
    return draw(int(rng.integers(2**31)), count=count, stage=stage, tone=float(rng.uniform(*TONES)))


def compared(shown: Doubles, true: Doubles) -> Validation:
    """Compare counts and extents [N, 2] as shown with the true ones [N, 2]; even rows fit, odd rows are measured."""
    line = Line.fitted(shown[::2, 0], true[::2, 0])
    given, there = shown[1::2], true[1::2]
    by_mean = np.abs(true[::2, 0].mean() - there[:, 0])
    by_line = np.abs(line(given[:, 0]) - there[:, 0])
    return Validation(
        line,
        _figure(lambda rows: _mean(np.abs(given - there)[rows, 0]), len(there)),
        _figure(lambda rows: _mean(by_line[rows]), len(there)),
        _figure(lambda rows: _mean(by_mean[rows]), len(there)),
        _figure(lambda rows: _mean((by_mean - by_line)[rows]), len(there)),
        _figure(lambda rows: correlation(given[rows, 0], there[rows, 0]), len(there)),
        _figure(lambda rows: correlation(given[rows, 1], there[rows, 1]), len(there)),
        len(there),
    )


def correlation(a: Doubles, b: Doubles) -> float:
    """Return Pearson's correlation; NaN where one does not vary."""
    return float("nan") if np.ptp(a) == 0 or np.ptp(b) == 0 else float(np.corrcoef(a, b)[0, 1])


def table(found: Validation) -> Sequence[tuple[str, Figure]]:
    """Return what is said of a validation, line by line."""
    return (
        ("error of the count, peaks as they are", found.raw_error),
        ("error of the count, by the line", found.error),
        ("error of always guessing the mean", found.mean_error),
        ("better than the mean by", found.gain),
        ("correlation of the count", found.count),
        ("correlation of the extent", found.extent),
    )


def _figure(statistic: Callable[[Rows], float], count: int) -> Figure:
    return with_interval(statistic, [str(n) for n in range(count)])  # every phantom is a person of its own


def _mean(values: Doubles) -> float:
    return float(values.mean())
