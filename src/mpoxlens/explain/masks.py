"""What it is to hide a part of a photograph, and what the network says of many such photographs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.explain.nouns import Subject
from mpoxlens.schema import Floats

Bools: TypeAlias = NDArray[np.bool_]
Segments: TypeAlias = NDArray[np.intp]  # [size, size], which segment each pixel is of, from 0 on
CHUNK = 64  # inputs made at once: 39 MB at 224 px, and work for eight cores


def mean_colour(photo: Floats) -> Floats:
    """Return the mean of each channel [3, 1, 1] of an input [3, size, size].

    What is hidden takes this colour: on skin it is one of skin, which is less strange to a network than black or grey.
    """
    return np.asarray(photo.mean(axis=(1, 2), keepdims=True, dtype=np.float64), dtype=np.float32)


def segment_means(photo: Floats, segments: Segments) -> Floats:
    """Return the input [3, size, size] with every segment in its mean colour."""
    areas = np.bincount(segments.ravel())
    sums = np.stack([np.bincount(segments.ravel(), weights=plane.ravel()) for plane in photo])  # [3, K]
    return np.asarray((sums / np.maximum(areas, 1))[:, segments], dtype=np.float32)


def blended(photo: Floats, other: Floats, keep: Bools | Floats) -> Floats:
    """Return inputs [N, 3, size, size]: the photograph where `keep` [N, size, size] is 1, `other` where it is 0."""
    if keep.dtype == np.bool_:
        return np.where(keep[:, None], photo, other)
    return np.asarray(other + keep[:, None] * (photo - other), dtype=np.float32)


def shown(states: Bools, segments: Segments) -> Iterator[Bools]:
    """Yield masks [<= CHUNK, size, size] that show the segments whose state is True, of states [N, K]."""
    for start in range(0, len(states), CHUNK):
        yield states[start : start + CHUNK][:, segments]


def scored(
    subject: Subject,
    photo: Floats,
    other: Floats,
    keeps: Iterable[Bools | Floats],
    count: int,
    tell: Tell = silent,
    stage: str = "passes",
) -> Floats:
    """Return the contrast [count] of the photograph under masks that come in batches [B, size, size]."""
    found: list[Floats] = []
    done = 0
    for keep in keeps:
        found.append(subject.contrast(blended(photo, other, keep)))
        done += len(keep)
        tell(stage, done, count)
    return np.concatenate(found)
