"""Networks whose explanation can be worked out by hand: functions of the input, not stand-ins for anything."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mpoxlens.schema import Floats


@dataclass(frozen=True, eq=False)
class Linear:
    """The contrast is the sum of weights times input: what a pixel is worth is its weight times its value."""

    weights: Floats  # [3, size, size]
    name: str = "linear"
    asked: list[int] = field(default_factory=list)  # inputs of each call

    @property
    def size(self) -> int:
        return self.weights.shape[-1]

    def contrast(self, inputs: Floats) -> Floats:
        self.asked.append(len(inputs))
        return np.einsum("ncij,cij->n", inputs.astype(np.float64), self.weights).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Neighbouring quarters count only together: the product of their sums, so that no linear model fits."""

    size: int = 8
    name: str = "pairs"

    def contrast(self, inputs: Floats) -> Floats:
        half = self.size // 2
        sums = inputs.astype(np.float64).sum(axis=1)
        a, b, c, d = (
            sums[:, rows, columns].mean(axis=(1, 2))
            for rows in (slice(half), slice(half, None))
            for columns in (slice(half), slice(half, None))
        )
        return (a * b + 2 * c - a * c * d).astype(np.float32)


def ramp(size: int = 8) -> Floats:
    """An input [3, size, size] whose every value is another."""
    return np.linspace(-1, 1, 3 * size * size, dtype=np.float32).reshape(3, size, size)


def grid(size: int, cells: int) -> np.ndarray:
    """Segments: cells x cells squares, from 0 on, row by row."""
    cell = np.arange(size) * cells // size
    return cell[:, None] * cells + cell
