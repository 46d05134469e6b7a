"""A print of a photograph: enough to know copies of it again, far too little to show it.

Some keypoints, nine bytes each: place, size, direction, and the signs of 40 Walsh-Hadamard coefficients of the
descriptor. A copy, mirrored, re-encoded or cropped a little, has keypoints of nearly the same signs that lie alike.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpoxlens.datasets.duplicates.local_features import Features
from mpoxlens.schema import Floats

METHOD = "sift-walsh-1"  # a change of anything below makes another
POINTS = 20  # of a photograph
SIZES = 8.0, 24.0  # px across, of those that are taken first: larger ones do not outlive a crop, smaller no reduction
APART = 36.0  # px between two of them at least, of 448: a crop must not lose all at once
SIGNS, NEAR = 40, 6  # kept of a descriptor, and how many may differ between two prints of one place
TURN, OCTAVES = 0.35, 0.5  # radians and octaves up to which two matches agree, and
OFF, STRETCH = (
    8.0,
    0.12,
)  # px and share of the distance, as in `candidates`, but stricter: no pixels are compared after it
LEAST = 3  # keypoints that must lie alike
_POINT = np.dtype([("x", "u1"), ("y", "u1"), ("size", "u1"), ("angle", "u1"), ("signs", "u1", (SIGNS // 8,))])


@dataclass(frozen=True, eq=False)
class Prints:
    """Keypoints of many photographs, one a row."""

    points: Floats  # [M, 2] px
    octaves: Floats  # [M] log2 of the size in px
    angles: Floats  # [M] radians
    signs: Floats  # [M, SIGNS], -1 or 1
    photo: NDArray[np.int64]  # [M] of which photograph


def fingerprint(features: Features) -> bytes:
    """Return the print of a photograph from its keypoints, at most 9 x `POINTS` bytes."""
    packed = np.zeros(len(rows := _chosen(features)), _POINT)
    chosen = features.take(rows)
    packed["x"], packed["y"] = (chosen.points / 2).round().clip(0, 255).T
    packed["size"] = (np.log2(np.maximum(chosen.sizes, 1)) * 24).round().clip(0, 255)
    packed["angle"] = (chosen.angles / (2 * np.pi) * 256).round().astype(np.int64) % 256
    packed["signs"] = np.packbits(_signs(chosen) > 0, axis=1)
    return packed.tobytes()


def unpacked(prints: Sequence[bytes]) -> Prints:
    """Return the keypoints of prints; ValueError when one is no print."""
    parts = [np.frombuffer(one, _POINT) for one in prints]
    rows = np.concatenate([np.zeros(0, _POINT), *parts])
    return Prints(
        np.stack([rows["x"], rows["y"]], axis=1).astype(np.float32) * 2,
        rows["size"].astype(np.float32) / np.float32(24),
        rows["angle"].astype(np.float32) * np.float32(2 * np.pi / 256),
        np.unpackbits(rows["signs"], axis=1).astype(np.float32) * 2 - 1,
        np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
    )


def resembling(views: Sequence[Features], stored: Prints) -> dict[int, int]:
    """Return the photographs of `stored` that a photograph may be a copy of, with the number of keypoints alike.

    Args:
        views: keypoints of the photograph, one or more aspects of it, each also looked at mirrored.
        stored: prints of others.
    """
    found: dict[int, int] = {}
    for view in views:
        for asking in (view, view.mirrored(0)):
            for photo, alike in _alike(asking, stored).items():
                found[photo] = max(alike, found.get(photo, 0))
    return {photo: alike for photo, alike in found.items() if alike >= LEAST}


def encode(one: bytes) -> str:
    """Return a print as text."""
    return base64.b64encode(one).decode()


def decode(text: str) -> bytes:
    """Return a print from text; ValueError when it is none."""
    found = base64.b64decode(text, validate=True)
    if len(found) % _POINT.itemsize:
        raise ValueError("no print of a photograph")
    return found


def _chosen(features: Features) -> NDArray[np.int64]:
    """Keypoints apart from each other, those of `SIZES` first, and of these the largest first."""
    kept: list[int] = []
    other = (features.sizes < SIZES[0]) | (features.sizes > SIZES[1])
    for row in np.lexsort((-features.sizes, other)).tolist():
        away = np.hypot(*(features.points[kept] - features.points[row]).T) if kept else np.zeros(0)
        if (away >= APART).all():
            kept.append(row)
        if len(kept) == POINTS:
            break
    return np.array(kept, np.int64)


def _signs(features: Features) -> Floats:
    """Signs [N, SIGNS] of descriptors' Walsh-Hadamard coefficients, the first of which, their sum, says nothing."""
    from scipy.linalg import hadamard

    coefficients = features.descriptors.astype(np.float32) @ hadamard(128)[1 : SIGNS + 1].T.astype(np.float32)
    return np.where(coefficients > 0, np.float32(1), np.float32(-1))


def _alike(asking: Features, stored: Prints) -> dict[int, int]:
    """Per stored photograph, the largest set of its keypoints whose likest ones in the asking photograph lie alike."""
    if not len(asking.points) or not len(stored.points):
        return {}
    agree = stored.signs @ _signs(asking).T  # [M, N], SIGNS less twice those that differ
    best = agree.argmax(axis=1)
    rows = np.flatnonzero(agree[np.arange(len(best)), best] >= SIGNS - 2 * NEAR)
    photos, counts = np.unique(stored.photo[rows], return_counts=True)
    found = {}
    for photo in photos[counts >= LEAST].tolist():
        mine = rows[stored.photo[rows] == photo]
        found[photo] = _largest(asking.take(best[mine]), stored, mine)
    return found


def _largest(asking: Features, stored: Prints, rows: NDArray[np.int64]) -> int:
    """How many matches agree with the match that most agree with: same turn, same scale, and the place that follows."""
    turn = stored.angles[rows] - asking.angles
    octaves = stored.octaves[rows] - np.log2(np.maximum(asking.sizes, 1))
    scale = np.exp2(octaves)[:, None]
    cos, sin = scale * np.cos(turn)[:, None], scale * np.sin(turn)[:, None]
    x, y = (asking.points[None] - asking.points[:, None]).transpose(2, 0, 1)
    across, down = (stored.points[rows][None] - stored.points[rows][:, None]).transpose(2, 0, 1)
    off = np.hypot(cos * x - sin * y - across, sin * x + cos * y - down)
    turned = np.abs((turn[:, None] - turn[None] + np.pi) % (2 * np.pi) - np.pi)
    near = off < OFF + STRETCH * np.hypot(across, down)
    alike = near & (turned < TURN) & (np.abs(octaves[:, None] - octaves[None]) < OCTAVES)
    return int(alike.sum(axis=1).max())
