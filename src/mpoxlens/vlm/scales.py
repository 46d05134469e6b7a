"""Distributions over whole numbers and temperatures, each with a way to draw and an exact mass for the same law."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

COLDEST, HOTTEST = 34.0, 43.0  # degrees Celsius; what the question accepts
TENTHS = np.arange(round(COLDEST * 10), round(HOTTEST * 10) + 1)


@dataclass(frozen=True)
class Scale:
    """Whole numbers in classes: a table gives each class its share, and a fixed law spreads it inside the class."""

    lows: tuple[int, ...]  # where each class begins
    last: int  # where the last class ends
    log: bool = False  # inside a class P(n) ~ log((n + 1) / n), as counts over decades go; else all alike

    def draw(self, shares: tuple[float, ...], rng: np.random.Generator) -> int:
        """Draw a number; `shares` [K] sum to 1."""
        k = int(rng.choice(len(shares), p=shares))
        low, high = self._ends(k)
        if not self.log:
            return int(rng.integers(low, high + 1))
        return min(int(low * ((high + 1) / low) ** rng.random()), high)

    def share(self, shares: tuple[float, ...], first: int, last: int) -> float:
        """Return P(first <= n <= last)."""
        total = 0.0
        for k in range(bisect_right(self.lows, first) - 1 if first >= self.lows[0] else 0, len(shares)):
            low, high = self._ends(k)
            a, b = max(first, low), min(last, high)
            if a <= b:
                total += shares[k] * self._weight(a, b) / self._weight(low, high)
        return total

    def _ends(self, k: int) -> tuple[int, int]:
        return self.lows[k], (self.lows[k + 1] - 1 if k + 1 < len(self.lows) else self.last)

    def _weight(self, first: int, last: int) -> float:
        return math.log((last + 1) / first) if self.log else last - first + 1.0


AGE = Scale((0, 1, 5, 12, 18, 30, 45, 65), 120)  # years
DAYS = Scale((0, 6, 11, 22), 365)  # since the first sign
LESIONS = Scale((1, 5, 10, 25, 100, 500), 20000, log=True)
SCALES = {"age": AGE, "days_since_onset": DAYS, "lesion_count": LESIONS}


@lru_cache(maxsize=256)
def temperature_masses(mean: float, sd: float, highest: float = HOTTEST) -> NDArray[np.float64]:
    """Return P(each of TENTHS): a normal law on tenths of a degree, cut off above `highest`."""
    log = -0.5 * ((TENTHS / 10 - mean) / sd) ** 2
    masses: NDArray[np.float64] = np.where(round(highest * 10) >= TENTHS, np.exp(log - log.max()), 0.0)
    masses /= masses.sum()
    return masses


def temperature_mass(celsius: float, masses: NDArray[np.float64]) -> float:
    """Return the mass of a temperature, read to the nearest tenth; 0 outside what the question accepts."""
    n = round(celsius * 10) - int(TENTHS[0])
    return float(masses[n]) if 0 <= n < len(masses) else 0.0
