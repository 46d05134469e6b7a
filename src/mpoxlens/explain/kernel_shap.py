"""KernelSHAP: the Shapley value of each superpixel, as the solution of a weighted regression."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.explain.masks import Bools, Segments, mean_colour, scored, shown
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.subject import versions
from mpoxlens.explain.superpixels import superpixels
from mpoxlens.schema import Floats

SAMPLES = 1000
_MAX_EXACT = 20  # segments whose coalitions may all be written down


def kernel_shap(
    subject: Subject,
    photo: Floats,
    seed: int = 0,
    *,
    samples: int = SAMPLES,
    segments: Segments | None = None,
    tell: Tell = silent,
) -> Explanation:
    """Explain by Shapley values of superpixels (Lundberg and Lee 2017, theorem 2).

    What a coalition of segments is worth is the contrast when the others take the photograph's mean colour. The values
    add up to what the whole photograph is worth more than the mean colour alone. They are exact where all coalitions
    fit into the samples; else coalitions are drawn in pairs of complements by the Shapley kernel (Covert and Lee 2021,
    section 3). The heat of a pixel is the value of its segment, in logits.

    Args:
        subject: what is explained.
        photo: input [3, size, size].
        seed: of the coalitions.
        samples: coalitions besides the whole and the empty one.
        segments: from 0 on [size, size]; `superpixels` by default.
        tell: told how many coalitions are done.

    Raises:
        DataError: fewer samples than segments.
    """
    parts = superpixels(photo) if segments is None else segments
    count = int(parts.max()) + 1
    if samples < min(count, 2**count - 2):
        why = f"{count} segments need as many samples at least"
        raise DataError(f"{samples} samples", why, f"the default is {SAMPLES}")
    states, weight = coalitions(seed, samples, count)
    ends = np.array([[True] * count, [False] * count])
    asked = np.concatenate([ends, states])
    worth = scored(subject, photo, mean_colour(photo), shown(asked, parts), len(asked), tell, "kernel_shap")
    values = shapley(states, weight, worth[2:], float(worth[0]), float(worth[1]))
    return Explanation(
        heat=values[parts].astype(np.float32),
        method="kernel_shap",
        settings={
            "samples": len(states),
            "segments": count,
            "exact": len(states) == 2**count - 2,
            "hidden": "mean colour",
        },
        seed=seed,
        contrast=float(worth[0]),
        passes=len(asked),
        subject=subject.name,
        versions=versions(),
    )


def coalitions(seed: int, samples: int, count: int) -> tuple[Bools, NDArray[np.float64]]:
    """Return coalitions [N, count] without the whole and the empty one, and their weights [N].

    All of them with the Shapley kernel as weight if they are no more than `samples`; else pairs of complements whose
    sizes are drawn by the kernel, each of the same weight.
    """
    if count <= _MAX_EXACT and 2**count - 2 <= samples:
        states = (np.arange(1, 2**count - 1)[:, None] >> np.arange(count)) & 1 == 1
        return states, _kernel(count)[states.sum(axis=1) - 1] if count > 1 else np.ones(len(states))
    rng = np.random.default_rng(seed)
    sizes = np.arange(1, count)
    chance = 1 / (sizes * (count - sizes))  # of a size: the kernel times the number of coalitions of that size
    size = rng.choice(sizes, (samples + 1) // 2, p=chance / chance.sum())
    rank = rng.random((len(size), count)).argsort(axis=1).argsort(axis=1)
    first = rank < size[:, None]
    return np.concatenate([first, ~first])[:samples], np.ones(samples)


def _kernel(count: int) -> NDArray[np.float64]:
    """Return the Shapley kernel of one coalition of size 1, ..., count - 1."""
    return np.array([(count - 1) / (math.comb(count, s) * s * (count - s)) for s in range(1, count)])


def shapley(
    states: Bools, weight: NDArray[np.float64], worth: Floats, whole: float, empty: float
) -> NDArray[np.float64]:
    """Return the values [K] that fit the worth [N] of coalitions [N, K] best and add up to `whole` - `empty`.

    The last value is the rest of that sum, so what is solved has no constraint left.
    """
    total = whole - empty
    if states.shape[1] == 1:
        return np.array([total])
    last = states[:, -1].astype(np.float64)
    x = states[:, :-1] - last[:, None]
    y = worth.astype(np.float64) - empty - last * total
    root = np.sqrt(weight)
    first = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
    return np.append(first, total - first.sum())
