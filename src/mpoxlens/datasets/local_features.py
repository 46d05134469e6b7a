"""Local features: which images share keypoints, how one lies upon the other, and whether the pixels then agree.

Keypoints survive crops, collages and captions, which whole-image hashes do not. Three steps, cheapest first:

1. `vote` finds candidate pairs through one inverted file over the pooled descriptors (Sivic and Zisserman, ICCV 2003),
   so that the work grows with the number of descriptors and not with the number of pairs.
2. `align` fits affine maps to the matched keypoints of one pair. Each match alone gives a hypothesis, since a keypoint
   has place, size and direction (Philbin et al., CVPR 2007, section 3.2), so nothing is drawn at random.
3. `agreement` lays one image upon the other and compares pixels. It is what refuses two different photographs that
   share a logo or a caption: only the logo agrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mpoxlens.schema import Floats, Pixels

KEYPOINTS = 800  # of an image, the strongest kept
CELL = 600  # descriptors that a cell of the inverted file holds on average
PROBES = 3  # cells that a descriptor looks into
NEIGHBOURS = 6  # votes that a descriptor casts in a cell
PENDING = 10_000_000  # votes after which they are summed, so that memory stays small
MATCH_RATIO = 0.86  # Lowe's ratio of distances; loose, because geometry and pixels are checked after it
LEAST = 5  # keypoints at different places that a map must explain: an affine map has six numbers, three points fix it
HYPOTHESES = 8  # the best of them are refined
SAME = 0.65  # local correlation from which a place counts as the same; a re-encoded copy has .8 to 1, strangers about 0
FLAT = 6.0  # variance in grey levels squared below which a place has nothing to compare

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]
Votes = tuple[Indices, NDArray[np.float64]]  # asker * images + owner, and the weight

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
        points = self.points * np.float32([-1, 1]) + np.float32([width - 1, 0])
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
    sift = cv2.SIFT_create(nfeatures=KEYPOINTS, contrastThreshold=0.008, edgeThreshold=15)
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


def vote(images: Sequence[Features], queries: Sequence[Features], top: int, least: float) -> list[tuple[int, int]]:
    """Which images share descriptors with each query, query i being image i itself or its mirror image.

    Returns:
        Pairs (query, image), at most `top` a query, with at least `least` votes.
    """
    pool, owner = _pooled(images)
    asked, asker = _pooled(queries)
    if len(pool) == 0:
        return []
    cells = max(1, len(pool) // CELL)
    centres = _centres(pool, cells)
    inside = _by_cell(_nearest(pool, centres, 1), cells)
    looking = _by_cell(_nearest(asked, centres, PROBES), cells)
    parts: list[Votes] = []
    for here, seekers in zip(inside, looking, strict=True):
        if len(here) > 1 and len(seekers):
            askers, owners = asker[seekers], owner[here]
            rows, columns, weight = _cell_votes(asked[seekers], pool[here], askers[:, None] == owners[None, :])
            parts.append((askers[rows] * len(images) + owners[columns], weight))
        if sum(len(part[0]) for part in parts) > PENDING:
            parts = [_summed(parts)]
    return list(_best(_summed(parts), len(images), top, least)) if parts else []


def _pooled(images: Sequence[Features]) -> tuple[Pixels, Indices]:
    """All descriptors, and the image that each belongs to."""
    owner = np.repeat(np.arange(len(images)), [len(image.points) for image in images])
    return np.concatenate([image.descriptors for image in images]), owner


def _centres(pool: Pixels, cells: int) -> Floats:
    """Centres [cells, 128] of the inverted file: a few rounds of k-means on a sample. Rough cells will do."""
    sample = unit_length(pool[np.random.default_rng(0).permutation(len(pool))[: cells * 40]])
    centres = sample[:cells]
    for _ in range(5):
        sums = np.zeros_like(centres)
        np.add.at(sums, (sample @ centres.T).argmax(axis=1), sample)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.maximum(norms, 1e-6), centres)
    return centres


def _nearest(pool: Pixels, centres: Floats, count: int) -> Indices:
    """The nearest cells of each descriptor, [N, count]."""
    count = min(count, len(centres))
    found = np.empty((len(pool), count), np.int64)
    for start in range(0, len(pool), 8192):
        far = -unit_length(pool[start : start + 8192]) @ centres.T
        found[start : start + 8192] = np.argpartition(far, count - 1, axis=1)[:, :count]
    return found


def _by_cell(cells: Indices, count: int) -> list[Indices]:
    """The row numbers of each cell."""
    flat = cells.reshape(-1)
    order = np.argsort(flat, kind="stable")
    return np.split(order // cells.shape[1], np.searchsorted(flat[order], np.arange(1, count)))


def _cell_votes(asked: Pixels, pool: Pixels, own: Mask) -> tuple[Indices, Indices, NDArray[np.float64]]:
    """Votes of each asked descriptor for its neighbours in other images.

    A vote counts by how much nearer the neighbour is than the next after the last, squared: among stubble or weave,
    where all neighbours are alike, it counts for nothing.
    """
    cosines = unit_length(asked) @ unit_length(pool).T
    cosines[own] = 0
    count = min(NEIGHBOURS, cosines.shape[1] - 1)
    columns = np.argpartition(-cosines, count, axis=1)[:, : count + 1]
    chosen = np.take_along_axis(cosines, columns, axis=1)
    gain = chosen - np.maximum(chosen.min(axis=1, keepdims=True), 0.6)  # .6: of another place, however alone it stands
    rows, ranks = np.nonzero(gain > 0)
    return rows, columns[rows, ranks], gain[rows, ranks].astype(np.float64) ** 2


def _summed(parts: Sequence[Votes]) -> Votes:
    keys, where = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    return keys, np.bincount(where, np.concatenate([part[1] for part in parts]), minlength=len(keys))


def _best(votes: Votes, images: int, top: int, least: float) -> Iterator[tuple[int, int]]:
    keys, weight = votes
    order = np.lexsort((keys, -weight, keys // images))
    order = order[weight[order] >= least]
    asker = keys[order] // images
    rank = np.arange(len(order)) - np.searchsorted(asker, asker)
    for key in keys[order][rank < top].tolist():
        yield key // images, key % images


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
    size = (b.shape[1], b.shape[0])
    laid = cv2.warpAffine(a, matrix, size, flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.full_like(a, 255), matrix, size, flags=cv2.INTER_NEAREST) > 0
    area = float(inside.sum())
    if area < 400:  # fewer than 20 x 20 pixels: nothing can be said
        return Agreement(0.0, 0.0, 0.0)
    correlation, textured = _local_correlation(laid, b, inside)
    agrees = float((textured & (correlation > SAME)).sum())
    smaller = min(a.size * scale**2, float(b.size))
    return Agreement(agrees / max(float(textured.sum()), 1.0), min(agrees / smaller, 1.0), min(area / smaller, 1.0))


def _local_correlation(a: Pixels, b: Pixels, inside: Mask) -> tuple[Floats, Mask]:
    """Correlation of two images in a window about each pixel, and where either has anything to compare, both [H, W]."""
    window = int(np.clip(np.sqrt(inside.sum()) / 8, 7, 41)) | 1
    mask = inside.astype(np.float32)
    weight = np.maximum(_mean(mask, window), 1e-3)
    x, y = (cv2.GaussianBlur(image, (0, 0), 1.2).astype(np.float32) * mask for image in (a, b))
    mean_x, mean_y = _mean(x, window) / weight, _mean(y, window) / weight
    var_x = np.maximum(_mean(x * x, window) / weight - mean_x**2, 0)
    var_y = np.maximum(_mean(y * y, window) / weight - mean_y**2, 0)
    both = _mean(x * y, window) / weight - mean_x * mean_y
    correlation: Floats = both / np.sqrt(var_x * var_y + 0.5)
    return correlation, (np.maximum(var_x, var_y) > FLAT) & inside


def _mean(image: Floats, window: int) -> Floats:
    mean: Floats = cv2.boxFilter(image, -1, (window, window))
    return mean
