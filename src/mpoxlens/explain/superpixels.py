"""Superpixels: a photograph in patches of like colour, the parts that LIME and KernelSHAP hide."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mpoxlens.explain.masks import Segments
from mpoxlens.schema import Floats

COUNT = 64
ROUNDS = 5  # the borders hardly move after that


def superpixels(photo: Floats, count: int = COUNT, rounds: int = ROUNDS) -> Segments:
    """Return the segment of each pixel, from 0 on [size, size].

    SLIC (Achanta et al. 2012) as it is done on graphics cards (Ren and Reid 2011): k-means over colour and place, each
    pixel compared with the centres of the 3 x 3 grid cells around it. Written here, as the libraries that have it are
    heavy for a clinic, and as it takes no seed: the same photograph gives the same segments. Specks are not merged:
    what hides segments does not mind.

    Args:
        photo: input [3, size, size].
        count: about how many; the nearest square number is taken.
        rounds: of k-means; 0 leaves the grid.
    """
    size = photo.shape[-1]
    side = min(max(1, round(math.sqrt(count))), size)
    place = np.indices((size, size)).reshape(2, -1) * (side / size)  # in cells
    home = np.minimum(place.astype(np.intp), side - 1)  # [2, P]
    features = np.concatenate([_standard(photo), place]).T  # [P, 5]
    near = _neighbours(home, side)  # [9, P]
    label = home[0] * side + home[1]
    centre = np.zeros((side * side, features.shape[1]))
    for _ in range(rounds):
        _move(centre, features, label)
        apart = np.stack([np.square(features - centre[one]).sum(axis=1) for one in near])
        label = near[apart.argmin(axis=0), np.arange(label.size)]
    return np.unique(label, return_inverse=True)[1].reshape(size, size)


def _standard(photo: Floats) -> NDArray[np.float64]:
    """Return colours [3, P] in units of how much they vary within the photograph."""
    centred = photo.reshape(3, -1) - photo.reshape(3, -1).mean(axis=1, keepdims=True, dtype=np.float64)
    return np.asarray(centred / max(float(centred.std()), 1e-6))


def _neighbours(home: Segments, side: int) -> Segments:
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    rows, columns = (np.clip(home[axis] + np.array(steps)[:, axis, None], 0, side - 1) for axis in (0, 1))
    return np.asarray(rows * side + columns)


def _move(centre: NDArray[np.float64], features: NDArray[np.float64], label: Segments) -> None:
    """Move each centre, in place, to the mean of its pixels; one without pixels stays."""
    areas = np.bincount(label, minlength=len(centre))
    for axis, values in enumerate(features.T):
        sums = np.bincount(label, weights=values, minlength=len(centre))
        centre[:, axis] = np.where(areas > 0, sums / np.maximum(areas, 1), centre[:, axis])
