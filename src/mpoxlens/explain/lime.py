"""LIME: a weighted linear model of what the network says of the photograph with some superpixels hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.explain.masks import Bools, Segments, mean_colour, scored, segment_means, shown
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.subject import versions
from mpoxlens.explain.superpixels import superpixels
from mpoxlens.schema import Floats

SAMPLES = 1000
# As in the authors' package (lime 0.2, lime_image.py and lime_base.py).
KERNEL_WIDTH = 0.25
PENALTY = 1.0


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The linear model that stands for the network near one photograph."""

    coefficients: NDArray[np.float64]  # [K], logits that showing a segment adds
    intercept: float  # logits when all is hidden
    r2: float  # share of the weighted variance of the network's answers that it accounts for


def lime(
    subject: Subject,
    photo: Floats,
    seed: int = 0,
    *,
    samples: int = SAMPLES,
    segments: Segments | None = None,
    hidden: str = "mean colour",
    tell: Tell = silent,
) -> Explanation:
    """Explain by a linear model of superpixels shown or hidden (Ribeiro et al. 2016, section 3.4).

    Given the same segments and samples, the model is that of the authors' package: cosine kernel of width 0.25, ridge
    with penalty 1. The heat of a pixel is the coefficient of its segment.

    Args:
        subject: what is explained.
        photo: input [3, size, size].
        seed: of the samples.
        samples: passes of the network; the first shows all.
        segments: from 0 on [size, size]; `superpixels` by default.
        hidden: what a hidden segment shows: the "mean colour" of the photograph, or "segment means" as the package has
            it, where a segment that is filled by one lesion looks the same hidden and shown.
        tell: told how many samples are done.

    Raises:
        DataError: too few samples, or another word for `hidden`.
    """
    if samples < 2:
        raise DataError(f"{samples} samples", "a linear model needs 2 at least", f"the default is {SAMPLES}")
    parts = superpixels(photo) if segments is None else segments
    states = drawn(seed, samples, int(parts.max()) + 1)
    values = answers(subject, photo, parts, states, hidden, tell)
    found = surrogate(states, values)
    return Explanation(
        heat=found.coefficients[parts].astype(np.float32),
        method="lime",
        settings={
            "samples": samples,
            "segments": states.shape[1],
            "kernel_width": KERNEL_WIDTH,
            "penalty": PENALTY,
            "hidden": hidden,
        },
        seed=seed,
        contrast=float(values[0]),
        passes=samples,
        subject=subject.name,
        versions=versions(),
    )


def drawn(seed: int, samples: int, count: int) -> Bools:
    """Return which segments each sample shows [samples, count], each with chance 1/2; the first shows all."""
    states = np.random.default_rng(seed).random((samples, count)) < 0.5
    states[0] = True
    return states


def answers(
    subject: Subject, photo: Floats, segments: Segments, states: Bools, hidden: str, tell: Tell = silent
) -> Floats:
    """Return the contrast [N] of the photograph with the segments shown that states [N, K] say.

    Raises:
        DataError: another word for `hidden` than "segment means" and "mean colour".
    """
    if hidden not in ("segment means", "mean colour"):
        raise DataError(f"hidden = {hidden!r}", "unknown", "use 'segment means' or 'mean colour'")
    other = segment_means(photo, segments) if hidden == "segment means" else mean_colour(photo)
    return scored(subject, photo, other, shown(states, segments), len(states), tell, "lime")


def surrogate(states: Bools, values: Floats, width: float = KERNEL_WIDTH, penalty: float = PENALTY) -> Surrogate:
    """Return the ridge regression of values [N] on states [N, K], weighted by likeness to the whole photograph.

    The intercept is not penalised, so both sides are centred first and the rest is one solve of K equations.
    """
    x, y = states.astype(np.float64), values.astype(np.float64)
    weight = kernel(states, width)
    share = weight / weight.sum()
    x_mean, y_mean = share @ x, float(share @ y)
    x, y = x - x_mean, y - y_mean
    gram = (x.T * weight) @ x
    gram[np.diag_indices_from(gram)] += penalty
    coefficients = np.linalg.solve(gram, x.T @ (weight * y))
    total, left = float(weight @ y**2), float(weight @ (y - x @ coefficients) ** 2)
    return Surrogate(coefficients, float(y_mean - x_mean @ coefficients), 1 - left / total if total > 0 else 1.0)


def kernel(states: Bools, width: float = KERNEL_WIDTH) -> NDArray[np.float64]:
    """Return the weight [N] of each sample by its cosine distance d from the whole: sqrt(exp(-d^2 / width^2))."""
    distance = 1 - np.sqrt(states.mean(axis=1, dtype=np.float64))  # of 0s and 1s from all 1s
    return np.asarray(np.exp(-0.5 * np.square(distance / width)))
