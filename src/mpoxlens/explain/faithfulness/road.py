"""Remove and debias (Rong et al. 2022, "ROAD"): removed pixels are filled in so that nothing shows what was removed.

A pixel that is blackened or blurred out leaves an edge whose shape speaks to the network. Here each becomes the
weighted mean of its eight neighbours, removed ones among them, which is one sparse linear system; a little noise hides
how smooth the result is (their section 4, "noisy linear imputation").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.explain.faithfulness.curves import Score, ranking
from mpoxlens.schema import Floats

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the pixels that are removed
NOISE = 0.01  # deviation in the unit of the network's input, theirs
# Sides count twice what corners do, as in theirs: 4/6 + 4/12 = 1.
NEIGHBOURS = {
    (-1, 0): 1 / 6,
    (1, 0): 1 / 6,
    (0, -1): 1 / 6,
    (0, 1): 1 / 6,
    (-1, -1): 1 / 12,
    (-1, 1): 1 / 12,
    (1, -1): 1 / 12,
    (1, 1): 1 / 12,
}


@dataclass(frozen=True, eq=False)
class Road:
    """Scores as the strongest pixels go first (MoRF), and the weakest (LeRF)."""

    shares: Doubles  # [T] removed
    most_relevant_first: Doubles  # [T] or [T, K], the scores
    least_relevant_first: Doubles  # [T] or [T, K]

    @property
    def gap(self) -> Doubles:
        """Mean of LeRF less MoRF over the shares, [] or [K], in the score's unit: above 0 for a map that is true."""
        return np.asarray((self.least_relevant_first - self.most_relevant_first).mean(axis=0))


def road(
    score: Score,
    photo: Floats,
    heat: Floats,
    *,
    shares: tuple[float, ...] = SHARES,
    noise: float = NOISE,
    seed: int = 0,
) -> Road:
    """Remove pixels of an input [3, S, S] by a map [S, S], both ways, and score what is left."""
    order, rng = ranking(heat), np.random.default_rng(seed)
    counts = [round(share * heat.size) for share in shares]
    inputs = [_without(photo, turn[:n], noise, rng) for turn in (order, order[::-1]) for n in counts]
    values = np.asarray(score(np.stack(inputs)), np.float64)
    return Road(np.asarray(shares), values[: len(shares)], values[len(shares) :])


def impute(photo: Floats, removed: Flags) -> Floats:
    """Fill the removed pixels [H, W] of an input [3, H, W] from their neighbours.

    Raises:
        ValueError: nothing is left to fill in from.
    """
    if removed.all():
        raise ValueError("every pixel is removed: nothing is left to fill in from")
    if not removed.any():
        return photo
    matrix, known = _system(removed)
    right = known @ photo.reshape(len(photo), -1).T.astype(np.float64)  # [M, 3]
    # The matrix is symmetric and its diagonal the strongest: so ordered and pivoted, it takes a quarter of the time.
    solved = splu(
        matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    ).solve(right)  # fmt: skip
    filled = photo.copy()
    filled[:, removed] = solved.T
    return filled


def _without(photo: Floats, pixels: np.ndarray, noise: float, rng: np.random.Generator) -> Floats:
    removed = np.zeros(photo[0].size, np.bool_)
    removed[pixels] = True
    removed = removed.reshape(photo.shape[1:])
    filled = impute(photo, removed).copy()
    filled[:, removed] += rng.normal(0, noise, (len(photo), int(removed.sum()))).astype(np.float32)
    return filled


def _system(removed: Flags) -> tuple[sparse.csc_matrix, sparse.csr_matrix]:
    """Return A [M, M] and B [M, H * W] with A @ filled = B @ photo; neighbours beyond the edge do not count."""
    height, width = removed.shape
    rows, columns = np.nonzero(removed)
    number = np.full(removed.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    own = np.zeros(len(rows))
    inner, outer = [], []  # each (values, of, to)
    for (down, right), weight in NEIGHBOURS.items():
        r, c = rows + down, columns + right
        inside = np.flatnonzero((r >= 0) & (r < height) & (c >= 0) & (c < width))
        own[inside] += weight
        r, c = r[inside], c[inside]
        gone = removed[r, c]
        inner.append((np.full(gone.sum(), -weight), inside[gone], number[r[gone], c[gone]]))
        outer.append((np.full((~gone).sum(), weight), inside[~gone], (r * width + c)[~gone]))
    every = np.arange(len(rows))
    a = _matrix([*inner, (own, every, every)], (len(rows), len(rows)))
    return a.tocsc(), _matrix(outer, (len(rows), removed.size)).tocsr()


def _matrix(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], shape: tuple[int, int]) -> sparse.coo_matrix:
    values, of, to = (np.concatenate(some) for some in zip(*parts, strict=True))
    return sparse.coo_matrix((values, (of, to)), shape=shape)
