"""RISE: what the answer gains where random soft masks show the photograph."""

from __future__ import annotations

import math

import numpy as np

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.explain.masks import CHUNK, blended, mean_colour
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.subject import versions
from mpoxlens.schema import Floats

SAMPLES = 1000


def rise(
    subject: Subject,
    photo: Floats,
    seed: int = 0,
    *,
    samples: int = SAMPLES,
    cells: int = 7,
    share: float = 0.5,
    tell: Tell = silent,
) -> Explanation:
    """Explain by random masks (Petsiuk et al. 2018, section 3).

    The paper's map is the mean of masks weighted by the answer. Its value at a pixel is, but for the scale, what a
    mask shows there by chance plus the covariance of answer and mask; the heat is that covariance over the mask's
    variance: by how many logits the contrast rises when the pixel and what its mask shows along are shown.

    Args:
        subject: what is explained.
        photo: input [3, size, size].
        seed: of the masks.
        samples: masks, 2 at least.
        cells: of a mask, a side.
        share: of the cells that a mask shows.
        tell: told how many masks are done.

    Raises:
        DataError: too few samples.
    """
    if samples < 2:
        raise DataError(f"{samples} samples", "a covariance needs 2 at least", f"the default is {SAMPLES}")
    rng, size, other = np.random.default_rng(seed), photo.shape[-1], mean_colour(photo)
    whole = float(subject.contrast(photo[None])[0])
    sums = _Sums(size)
    for start in range(0, samples, CHUNK):
        keep = soft_masks(rng, min(CHUNK, samples - start), size, cells, share)
        # Differences from one value are small, so that sums of squares lose no digits.
        sums.add(keep, subject.contrast(blended(photo, other, keep)) - np.float32(whole))
        tell("rise", start + len(keep), samples)
    return Explanation(
        heat=sums.slope(),
        method="rise",
        settings={"samples": samples, "cells": cells, "share": share, "hidden": "mean colour"},
        seed=seed,
        contrast=whole,
        passes=samples + 1,
        subject=subject.name,
        versions=versions(),
    )


def soft_masks(rng: np.random.Generator, count: int, size: int, cells: int, share: float) -> Floats:
    """Return masks [count, size, size] in 0..1: a grid of random cells, enlarged bilinearly and shifted at random."""
    cell = math.ceil(size / cells)
    grid = (rng.random((count, cells + 1, cells + 1)) < share).astype(np.float32)
    enlarge = _bilinear(cells + 1, cell)
    shift = rng.integers(0, cell, (2, count, 1)) + np.arange(size)  # [2, count, size]
    return np.asarray(enlarge[shift[0]] @ grid @ enlarge[shift[1]].transpose(0, 2, 1))


def _bilinear(cells: int, cell: int) -> Floats:
    """Return the matrix [cells * cell, cells] that enlarges a row of cells to `cell` pixels each."""
    place = np.clip((np.arange(cells * cell) + 0.5) / cell - 0.5, 0, cells - 1)
    apart = np.abs(place[:, None] - np.arange(cells))
    return np.asarray(np.clip(1 - apart, 0, None), np.float32)


class _Sums:
    """Running sums over masks, as all masks together would fill the memory."""

    def __init__(self, size: int) -> None:
        self.count, self.answer = 0, 0.0
        self.mask, self.square, self.product = (np.zeros((size, size)) for _ in range(3))

    def add(self, keep: Floats, answer: Floats) -> None:
        self.count += len(keep)
        self.answer += float(answer.sum(dtype=np.float64))
        self.mask += keep.sum(axis=0, dtype=np.float64)
        self.square += np.einsum("nij,nij->ij", keep, keep, dtype=np.float64)
        self.product += np.tensordot(answer.astype(np.float64), keep.astype(np.float64), axes=1)

    def slope(self) -> Floats:
        """Return the covariance of answer and mask over the mask's variance [size, size]; 0 where it never varied."""
        mean = self.mask / self.count
        variance = self.square - self.count * mean**2
        varied = variance > 1e-9 * self.count
        slope = (self.product - self.answer * mean) / np.where(varied, variance, 1)
        return np.asarray(np.where(varied, slope, 0), dtype=np.float32)
