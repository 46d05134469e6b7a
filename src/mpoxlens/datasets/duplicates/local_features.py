"""Local features of two images, and how one lies upon the other.

Keypoints survive crops, collages and captions, which whole-image hashes do not. `align` fits affine maps to matched
keypoints. Each match alone gives a hypothesis, since a keypoint has place, size and direction (Philbin et al., CVPR
2007, section 3.2), so nothing is drawn at random. `agreement` then says whether the pixels bear the map out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mpoxlens.schema import Floats, Pixels

KEYPOINTS = 800  # of an image, the strongest kept
MATCH_RATIO = 0.86  # Lowe's ratio of distances; loose, because geometry and pixels are checked after it
LEAST = 5  # keypoints at different places that a map must explain: an affine map has six numbers, three points fix it
SEEDS = 128  # matches that give a hypothesis; more cost time, and find no other map
HYPOTHESES = 8  # the best of them are refined

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

# A mirrored keypoint's descriptor is the descriptor's own numbers in another order: 4 x 4 places, 8 directions.
MIRROR: Indices = np.arange(128).reshape(4, 4, 8)[::-1][:, :, (-np.arange(8)) % 8].reshape(-1)


@dataclass(frozen=True, eq=False)
class Features:
    """The keypoints of one image."""

    points: Floats  # [N, 2] x, y in pixels
    sizes: Floats  # [N] diameter in pixels
    angles: Floats  # [N] radians, from x towards y
    descriptors: Pixels  # [N, 128] RootSIFT x 512

    def mirrored(self, width: int) -> Features:
        """The keypoints that the image would have when flipped left to right."""
        points = np.stack([np.float32(width - 1) - self.points[:, 0], self.points[:, 1]], axis=1)
        return Features(points, self.sizes, np.float32(np.pi) - self.angles, self.descriptors[:, MIRROR])

    def take(self, rows: Indices | slice) -> Features:
        """The keypoints of these rows."""
        return Features(self.points[rows], self.sizes[rows], self.angles[rows], self.descriptors[rows])

    @classmethod
    def joined(cls, parts: Sequence[Features]) -> Features:
        """The keypoints of all parts, in order."""
        none = np.zeros(0, np.float32)
        empty = cls(np.zeros((0, 2), np.float32), none, none, np.zeros((0, 128), np.uint8))
        names = ("points", "sizes", "angles", "descriptors")
        return cls(*(np.concatenate([getattr(part, name) for part in (empty, *parts)]) for name in names))


@dataclass(frozen=True, eq=False)
class Alignment:
    """An affine map of one image upon another."""

    matrix: Matrix  # [2, 3]
    inliers: int  # matched keypoints that follow it, at different places


def extract(grey: Pixels) -> Features:
    """SIFT keypoints of a grey image [H, W], also where it is smooth, as RootSIFT (Arandjelović, CVPR 2012)."""
    even = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(4, 4)).apply(grey)
    sift = cv2.SIFT.create(nfeatures=KEYPOINTS, contrastThreshold=0.008, edgeThreshold=15)
    keypoints, raw = sift.detectAndCompute(even, None)
    if not keypoints:
        return Features.joined([])
    unit = np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-6))
    return Features(
        points=np.array([k.pt for k in keypoints], np.float32),
        sizes=np.array([k.size for k in keypoints], np.float32),
        angles=np.deg2rad(np.array([k.angle for k in keypoints], np.float32)),
        descriptors=np.clip(unit * 512 + 0.5, 0, 255).astype(np.uint8),
    )


def unit_length(descriptors: Pixels) -> Floats:
    """Descriptors [N, 128] as vectors of length 1, whose products are cosines."""
    floats = descriptors.astype(np.float32)
    floats /= np.maximum(np.linalg.norm(floats, axis=1, keepdims=True), 1e-6)
    return floats


def align(a: Features, b: Features, maps: int = 3) -> Iterator[Alignment]:
    """Affine maps of a upon b, each from other matches: a logo may follow one map and the photograph another."""
    rows, columns = _matches(a, b)
    for _ in range(maps):
        if len(rows) < LEAST:
            return
        alignment, inside = _best_map(a.take(rows), b.take(columns))
        if alignment is None:
            return
        yield alignment
        rows, columns = rows[~inside], columns[~inside]


def _matches(a: Features, b: Features) -> tuple[Indices, Indices]:
    """Rows of a and b that match, from either side, since one keypoint may have several close cousins on one side."""
    if min(len(a.points), len(b.points)) < LEAST:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    cosines = unit_length(a.descriptors) @ unit_length(b.descriptors).T
    rows, columns = _distinct(cosines)
    columns_too, rows_too = _distinct(np.ascontiguousarray(cosines.T))
    width = len(b.points)
    pairs = np.unique(np.concatenate([rows * width + columns, rows_too * width + columns_too]))
    return pairs // width, pairs % width


def _distinct(cosines: Floats) -> tuple[Indices, Indices]:
    """Rows whose best column is clearly nearer than the second, and that column."""
    rows = np.arange(len(cosines))
    best = cosines.argmax(axis=1)
    first = cosines[rows, best]
    cosines = cosines.copy()
    cosines[rows, best] = -1
    second = cosines.max(axis=1)
    clear = (1 - first) < MATCH_RATIO**2 * (1 - second)  # the squared distance of unit vectors is 2 - 2 cosine
    return rows[clear], best[clear]


def _best_map(a: Features, b: Features) -> tuple[Alignment | None, Mask]:
    """The affine map that most of the matches a[i] to b[i] follow, and which of them do."""
    source, target = a.points.astype(np.float64), b.points.astype(np.float64)
    seeds = np.unique(np.linspace(0, len(source) - 1, SEEDS).astype(np.int64))
    maps = _hypotheses(a.take(seeds), b.take(seeds))
    placed = source @ maps[:, :, :2].transpose(0, 2, 1) + maps[:, None, :, 2]  # [H, M, 2]
    offset = _length(placed - target)
    # A squashed copy follows no similarity, so the tolerance grows with the distance from the match itself.
    close = offset < 6 + 0.2 * _length(target[None] - target[seeds][:, None])
    score = (close / (1 + offset / 10)).sum(axis=1)
    best, best_inside = None, np.zeros(len(source), bool)
    for index in np.argsort(-score, kind="stable")[:HYPOTHESES]:
        matrix, inside = _refined(source, target, close[index])
        count = min(_places(source[inside]), _places(target[inside]))
        if matrix is not None and count >= LEAST and (best is None or count > best.inliers):
            best, best_inside = Alignment(matrix, count), inside
            if count > 40:  # beyond doubt
                break
    return best, best_inside


def _length(offsets: Matrix) -> Matrix:
    length: Matrix = np.sqrt(offsets[..., 0] ** 2 + offsets[..., 1] ** 2)  # norm() is slow over so short an axis
    return length


def _hypotheses(a: Features, b: Features) -> Matrix:
    """One similarity [2, 3] a match, from the place, size and direction of its two keypoints."""
    scale = (b.sizes / a.sizes).astype(np.float64)
    turn = (b.angles - a.angles).astype(np.float64)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)  # [M, 2, 2]
    shift = b.points - np.einsum("mij,mj->mi", linear, a.points.astype(np.float64))
    return np.concatenate([linear, shift[:, :, None]], axis=2)


def _refined(source: Matrix, target: Matrix, inside: Mask) -> tuple[Matrix | None, Mask]:
    """Least squares on the matches that agree, with a tolerance that shrinks, in pixels."""
    ones = np.concatenate([source, np.ones((len(source), 1))], axis=1)
    matrix = None
    for tolerance in (14, 9, 6, 4, 4):
        if _places(target[inside]) < LEAST - 1:
            return None, inside
        matrix = np.linalg.lstsq(ones[inside], target[inside], rcond=None)[0].T
        if not plausible(matrix):
            return None, inside
        inside = np.linalg.norm(ones @ matrix.T - target, axis=1) < tolerance
    return matrix, inside


def _places(points: Matrix) -> int:
    """How many different places there are, so that keypoints upon one spot count once."""
    cells = np.round(points / 3).astype(np.int64)
    return len(set((cells[:, 0] * 100_000 + cells[:, 1]).tolist()))


def plausible(matrix: Matrix) -> bool:
    """Neither mirrored, nor collapsed, nor squashed beyond what a careless resize does."""
    (p, q), (r, s) = matrix[:, :2].tolist()
    determinant = p * s - q * r
    if determinant <= 0:
        return False
    trace = p * p + q * q + r * r + s * s  # sum of the squared singular values, whose product is the determinant
    root = float(np.sqrt(max(trace * trace - 4 * determinant**2, 0)))
    large, small = np.sqrt((trace + root) / 2), np.sqrt(max((trace - root) / 2, 0))
    return bool(small > 0.12 and large < 8 and large < 2.6 * small)
