"""Local features of two images: how one lies upon the other, and whether the pixels then agree.

Keypoints survive crops, collages and captions, which whole-image hashes do not. `align` fits affine maps to matched
keypoints. Each match alone gives a hypothesis, since a keypoint has place, size and direction (Philbin et al., CVPR
2007, section 3.2), so nothing is drawn at random. `agreement` then lays one image upon the other and compares pixels.
It is what refuses two different photographs that share a logo or a caption: only the logo agrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mpoxlens.schema import Floats, Pixels

KEYPOINTS = 800  # of an image, the strongest kept
MATCH_RATIO = 0.86  # Lowe's ratio of distances; loose, because geometry and pixels are checked after it
LEAST = 5  # keypoints at different places that a map must explain: an affine map has six numbers, three points fix it
HYPOTHESES = 8  # the best of them are refined
SAME = 0.65  # local correlation from which a place counts as the same; a re-encoded copy has .8 to 1, strangers about 0
DOUBTFUL, CLEAR = 0.3, 0.8  # agreeing shares between which the map is refined
FLAT = 2.0  # variance in grey levels squared up to which a place is plain: nothing there but noise

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

# A mirrored keypoint's descriptor is the descriptor's own numbers in another order: 4 x 4 places, 8 directions.
_MIRROR = np.arange(128).reshape(4, 4, 8)[::-1][:, :, (-np.arange(8)) % 8].reshape(-1)


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
        return Features(points, self.sizes, np.float32(np.pi) - self.angles, self.descriptors[:, _MIRROR])

    def take(self, rows: Indices) -> Features:
        """The keypoints of these rows."""
        return Features(self.points[rows], self.sizes[rows], self.angles[rows], self.descriptors[rows])


@dataclass(frozen=True, eq=False)
class Alignment:
    """An affine map of one image upon another."""

    matrix: Matrix  # [2, 3]
    inliers: int  # matched keypoints that follow it, at different places


@dataclass(frozen=True)
class Agreement:
    """How well one image, laid upon another, shows the same."""

    share: float  # of the textured overlap that agrees
    area: float  # what agrees, as a share of the smaller image
    overlap: float  # the overlap, as a share of the smaller image


def extract(grey: Pixels) -> Features:
    """SIFT keypoints of a grey image [H, W], also where it is smooth, as RootSIFT (Arandjelović, CVPR 2012)."""
    even = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(4, 4)).apply(grey)
    sift = cv2.SIFT.create(nfeatures=KEYPOINTS, contrastThreshold=0.008, edgeThreshold=15)
    keypoints, raw = sift.detectAndCompute(even, None)
    if not keypoints:
        none = np.zeros(0, np.float32)
        return Features(np.zeros((0, 2), np.float32), none, none, np.zeros((0, 128), np.uint8))
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


def align(a: Features, b: Features, maps: int = 3) -> list[Alignment]:
    """Affine maps of a upon b, each from other matches: a logo may follow one map and the photograph another."""
    rows, columns = _matches(a, b)
    found: list[Alignment] = []
    while len(found) < maps and len(rows) >= LEAST:
        alignment, inside = _best_map(a.take(rows), b.take(columns))
        if alignment is None:
            break
        found.append(alignment)
        rows, columns = rows[~inside], columns[~inside]
    return found


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
    maps = _hypotheses(a, b)
    placed = np.einsum("hij,mj->hmi", maps[:, :, :2], source) + maps[:, None, :, 2]  # [H, M, 2]
    offset = np.linalg.norm(placed - target, axis=2)
    # A squashed copy follows no similarity, so the tolerance grows with the distance from the match itself.
    close = offset < 6 + 0.2 * np.linalg.norm(target[None] - target[:, None], axis=2)
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
        if not _plausible(matrix):
            return None, inside
        inside = np.linalg.norm(ones @ matrix.T - target, axis=1) < tolerance
    return matrix, inside


def _places(points: Matrix) -> int:
    """How many different places there are, so that keypoints upon one spot count once."""
    cells = np.round(points / 3).astype(np.int64)
    return len(set((cells[:, 0] * 100_000 + cells[:, 1]).tolist()))


def _plausible(matrix: Matrix) -> bool:
    """Neither mirrored, nor collapsed, nor squashed beyond what a careless resize does."""
    (p, q), (r, s) = matrix[:, :2].tolist()
    determinant = p * s - q * r
    if determinant <= 0:
        return False
    trace = p * p + q * q + r * r + s * s  # sum of the squared singular values, whose product is the determinant
    root = float(np.sqrt(max(trace * trace - 4 * determinant**2, 0)))
    large, small = np.sqrt((trace + root) / 2), np.sqrt(max((trace - root) / 2, 0))
    return bool(small > 0.12 and large < 8 and large < 2.6 * small)


def agreement(a: Pixels, b: Pixels, matrix: Matrix) -> Agreement:
    """Lay one grey image [H, W] upon another by an affine map [2, 3] of a's pixels to b's, and compare."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale > 1:  # compare at the coarser of the two scales: detail that one copy lost is no disagreement
        a, b, matrix, scale = b, a, cv2.invertAffineTransform(matrix), 1 / scale
    if scale < 0.8:
        a = cv2.GaussianBlur(a, (0, 0), 0.5 / scale)
    seen = _compared(a, b, matrix)
    if DOUBTFUL <= seen.share < CLEAR:  # a few keypoints may place a true copy some pixels off
        seen = max(seen, _compared(a, b, _refined_by_pixels(a, b, matrix)), key=lambda one: one.share)
    return seen


def _compared(a: Pixels, b: Pixels, matrix: Matrix) -> Agreement:
    laid, inside = _laid(a, b, matrix)
    area = float(inside.sum())
    if area < 400:  # fewer than 20 x 20 pixels: nothing can be said
        return Agreement(0.0, 0.0, 0.0)
    correlation, textured = _local_correlation(laid, b, inside)
    agrees = float((textured & (correlation > SAME)).sum())
    smaller = min(a.size * abs(float(np.linalg.det(matrix[:, :2]))), float(b.size))
    return Agreement(agrees / max(float(textured.sum()), 1.0), min(agrees / smaller, 1.0), min(area / smaller, 1.0))


def _laid(a: Pixels, b: Pixels, matrix: Matrix) -> tuple[Pixels, Mask]:
    """The image a upon the canvas of b, and where it lies."""
    size = (b.shape[1], b.shape[0])
    inside = cv2.warpAffine(np.full_like(a, 255), matrix, size, flags=cv2.INTER_NEAREST) > 0
    return cv2.warpAffine(a, matrix, size, flags=cv2.INTER_LINEAR), inside


def _refined_by_pixels(a: Pixels, b: Pixels, matrix: Matrix) -> Matrix:
    """The map moved to where the pixels correlate best (Evangelidis and Psarakis, PAMI 2008), if that succeeds."""
    x, y, width, height = cv2.boundingRect(_laid(a, b, matrix)[1].astype(np.uint8))
    back = cv2.invertAffineTransform(matrix)
    back[:, 2] += back[:, :2] @ (x, y)  # from the overlap's own corner, since the whole of the first image must overlap
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
    part = b[y : y + height, x : x + width]
    try:
        back = cv2.findTransformECC(part, a, back.astype(np.float32), cv2.MOTION_AFFINE, stop, None, 5)[1]
    except cv2.error:  # the images do not correlate at all
        return matrix
    back = back.astype(np.float64)
    back[:, 2] -= back[:, :2] @ (x, y)
    refined: Matrix = cv2.invertAffineTransform(back)
    return refined if _plausible(refined) else matrix


def _local_correlation(a: Pixels, b: Pixels, inside: Mask) -> tuple[Floats, Mask]:
    """Correlation of two images in a window about each pixel, and where either has anything to compare, both [H, W]."""
    window = int(np.clip(np.sqrt(inside.sum()) / 8, 7, 41)) | 1
    inside = cv2.erode(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0  # the blur drags in the black around a
    mask = inside.astype(np.float32)
    weight = np.maximum(_mean(mask, window), 1e-3)
    x, y = (cv2.GaussianBlur(image, (0, 0), 1.2).astype(np.float32) * mask for image in (a, b))
    mean_x, mean_y = _mean(x, window) / weight, _mean(y, window) / weight
    var_x = np.maximum(_mean(x * x, window) / weight - mean_x**2, 0)
    var_y = np.maximum(_mean(y * y, window) / weight - mean_y**2, 0)
    both = _mean(x * y, window) / weight - mean_x * mean_y
    correlation = (both / np.sqrt(var_x * var_y + 0.5)).astype(np.float32)
    return correlation, (np.maximum(var_x, var_y) > FLAT) & inside


def _mean(image: NDArray[np.floating], window: int) -> Floats:
    mean: Floats = cv2.boxFilter(image, -1, (window, window))
    return mean
