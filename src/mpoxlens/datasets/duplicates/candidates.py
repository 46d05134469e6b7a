"""Which images may show the same photograph: shared keypoints that also lie alike, by one vector index over all images.

Every keypoint asks the index for its nearest cousins in other images (Sivic and Zisserman, ICCV 2003), as it is and
mirrored. Each cousin says how the asking image would have to be turned, scaled and moved; votes that agree on that
count together (Jégou et al., ECCV 2008), so chance resemblances, which agree on nothing, stay few however many images
there are. The index holds a bounded number of keypoints: the more images, the fewer of each, the largest first, since
these outlive a reduction in size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from mpoxlens.datasets.duplicates.local_features import Features, Indices, Mask
from mpoxlens.schema import Floats, Pixels

MOST, FEWEST = 800, 32  # keypoints of a view that the index holds, 0.3 kB each:
FEW_VIEWS = 1000  # the most up to so many views, then fewer by the square root: a tenth for a hundred times the views
CELL = 300  # keypoints that a cell of the index holds on average,
MOST_CELLS = 4096  # as long as there are no more cells than this
PROBES = 8  # cells that a keypoint looks into
COUSINS = 5  # votes that a keypoint casts
STRANGER = 0.6  # cosine of two descriptors of different places
CHUNK = 16384  # keypoints asked for at a time
TURN, OCTAVES = 0.6, 1.0  # radians and octaves up to which two votes agree, and pixels:
OFF, STRETCH = 10.0, 0.3  # so many, and such a share of their distance, since a squashed copy follows no similarity
STRONGEST = 24  # votes of one view for another that are compared with each other
LEAST_SCORE = 0.2  # weight of the votes that agree
KEPT = 20  # views that a view's votes count for

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """Two views that may show the same photograph."""

    a: int  # view, the smaller number
    b: int
    mirrored: bool
    score: float  # the weight of the votes that agree


@dataclass(frozen=True, eq=False)
class _Pool:
    """The indexed keypoints of all views, one a row, view by view."""

    features: Features  # [N]
    view: Indices  # [N]
    starts: Indices  # [views + 1] rows

    @property
    def views(self) -> int:
        return len(self.starts) - 1


@dataclass(frozen=True, eq=False)
class _Votes:
    """Votes of asking keypoints for indexed ones, sorted by pair, and the strongest of each pair first."""

    pair: Indices  # asking view * views + view voted for
    weight: Doubles
    turn: Floats  # radians
    octaves: Floats
    asking: Floats  # [N, 2] px
    voted: Floats  # [N, 2] px

    def take(self, rows: Indices | Mask) -> _Votes:
        motion = self.turn[rows], self.octaves[rows], self.asking[rows], self.voted[rows]
        return _Votes(self.pair[rows], self.weight[rows], *motion)


def find_candidates(
    features: Callable[[int], Features],
    images: Sequence[int],
    *,
    threads: int,
    tell: Callable[[int, int], None],
) -> list[Candidate]:
    """Find views of different images whose keypoints vote for each other.

    Args:
        features: the keypoints of a view, by its number.
        images: the image of each view.
        threads: that the index may use.
        tell: called with the views done and the views in all, twice over since each is asked mirrored as well.

    Returns:
        Candidates sorted by views, the same on every run.
    """
    pool = _pooled(features, len(images))
    if len(pool.view) == 0:
        return []
    image = np.asarray(images, np.int64)
    faiss.omp_set_num_threads(threads)
    index = _index(pool.features.descriptors)
    step = max(CHUNK // _limit(pool.views), 1)
    keys, scores = [], []
    for mirrored in (False, True):
        for first in range(0, pool.views, step):
            rows = slice(int(pool.starts[first]), int(pool.starts[min(first + step, pool.views)]))
            pair, score = _agreeing(_cast(pool, index, rows, image, mirrored))
            asking, voted = np.divmod(pair, pool.views)
            # The mirror image of a lies upon b as a upon the mirror image of b, so the order is free.
            keys.append((np.minimum(asking, voted) * pool.views + np.maximum(asking, voted)) * 2 + mirrored)
            scores.append(score)
            tell(mirrored * pool.views + first, 2 * pool.views)
    return list(_summed(np.concatenate(keys), np.concatenate(scores), pool.views))


def _limit(views: int) -> int:
    return max(int(MOST * min(1, (FEW_VIEWS / max(views, 1)) ** 0.5)), FEWEST)


def _pooled(features: Callable[[int], Features], views: int) -> _Pool:
    chosen = []
    for number in range(views):
        every = features(number)
        chosen.append(every.take(np.argsort(-every.sizes, kind="stable")[: _limit(views)]))
    counts = [len(one.points) for one in chosen]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return _Pool(Features.joined(chosen), np.repeat(np.arange(views), counts), starts)


def _index(descriptors: Pixels) -> faiss.IndexIVFScalarQuantizer:
    """An inverted file over the descriptors as they are, one byte a number."""
    cells = min(max(len(descriptors) // CELL, 1), MOST_CELLS)
    kind = faiss.ScalarQuantizer.QT_8bit_direct
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatL2(128), 128, cells, kind, faiss.METRIC_L2, False)
    index.cp.seed, index.cp.niter, index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 0, 8, 1, 64
    sample = np.random.default_rng(0).permutation(len(descriptors))[: cells * 64]
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # the cells would depend on the number of threads, and with them the links
    index.train(descriptors[np.sort(sample)].astype(np.float32))
    faiss.omp_set_num_threads(threads)
    for start in range(0, len(descriptors), 100_000):
        index.add(descriptors[start : start + 100_000].astype(np.float32))
    index.nprobe = PROBES
    return index


def _cast(pool: _Pool, index: faiss.IndexIVFScalarQuantizer, rows: slice, image: Indices, mirrored: bool) -> _Votes:
    """The votes of the keypoints of these rows, each by how much nearer it is than strangers are, squared."""
    asking = pool.features.take(rows)
    asking = asking.mirrored(0) if mirrored else asking
    far, found = index.search(asking.descriptors.astype(np.float32), COUSINS + 1)
    weight = np.maximum(1 - far / (2 * 512.0**2) - STRANGER, 0) ** 2  # descriptors have the length 512
    own, other = pool.view[rows], pool.view[found]
    weight[(found < 0) | (image[other] == image[own][:, None])] = 0
    asker, rank = np.nonzero(weight)
    voted = pool.features.take(found[asker, rank])
    votes = _Votes(
        pair=own[asker] * pool.views + other[asker, rank],
        weight=weight[asker, rank].astype(np.float64),
        turn=voted.angles - asking.angles[asker],
        octaves=np.log2(voted.sizes / asking.sizes[asker]),
        asking=asking.points[asker],
        voted=voted.points,
    )
    return votes.take(_one_a_spot(votes))


def _one_a_spot(votes: _Votes) -> Indices:
    """Rows of the strongest vote of each spot for each other view, sorted by pair and weight.

    Keypoints of several directions or sizes on one spot say the same thing several times.
    """
    rows = np.lexsort((-votes.weight, votes.pair))
    for points in (votes.asking, votes.voted):
        spot = np.round(points[rows] / 3).astype(np.int64) @ [1 << 16, 1]
        kept = np.unique(np.stack([votes.pair[rows], spot]), axis=1, return_index=True)[1]
        rows = rows[np.sort(kept)]
    return rows


def _agreeing(votes: _Votes) -> tuple[Indices, Doubles]:
    """The pairs that have votes which agree, and the weight of the best such set of votes."""
    pairs, starts, counts = np.unique(votes.pair, return_index=True, return_counts=True)
    rank = np.arange(len(votes.pair)) - np.repeat(starts, counts)
    votes = votes.take((rank < STRONGEST) & (np.repeat(counts, counts) > 1))
    pairs, starts, counts = np.unique(votes.pair, return_index=True, return_counts=True)
    size = np.repeat(counts, counts)  # of the pair that a vote belongs to
    left = np.repeat(np.arange(len(size)), size)
    within = np.arange(len(left)) - np.repeat(np.cumsum(size) - size, size)
    right = np.repeat(np.repeat(starts, counts), size) + within
    agree = _agree(votes.take(left), votes.take(right)) & (left != right)
    support = np.bincount(left, votes.weight[right] * agree, minlength=len(size))
    alone = np.bincount(left, agree, minlength=len(size)) == 0
    support = np.where(alone, 0.0, support + votes.weight)
    best: Doubles = np.maximum.reduceat(support, starts) if len(starts) else np.zeros(0)
    return pairs[best > 0], best[best > 0]


def _agree(a: _Votes, b: _Votes) -> Mask:
    """Whether two votes turn and scale alike, and the first puts the second's keypoint about where it lies."""
    scale, (x, y) = 2**a.octaves, (b.asking - a.asking).T
    cos, sin = scale * np.cos(a.turn), scale * np.sin(a.turn)
    across, down = (b.voted - a.voted).T
    off = np.hypot(cos * x - sin * y - across, sin * x + cos * y - down)
    turn = np.abs((a.turn - b.turn + np.pi) % (2 * np.pi) - np.pi)
    near = off < OFF + STRETCH * np.hypot(across, down)
    agree: Mask = near & (turn < TURN) & (np.abs(a.octaves - b.octaves) < OCTAVES)
    return agree


def _summed(keys: Indices, scores: Doubles, views: int) -> Iterator[Candidate]:
    """The candidates of either direction together, those with the most votes for each view."""
    keys, where = np.unique(keys, return_inverse=True)
    scores = np.bincount(where, scores, minlength=len(keys)).astype(np.float64)
    a, b = np.divmod(keys // 2, views)
    kept = (scores >= LEAST_SCORE) & (_among_best(a, scores) | _among_best(b, scores))
    for key, score in zip(keys[kept].tolist(), scores[kept].tolist(), strict=True):
        yield Candidate(key // 2 // views, key // 2 % views, bool(key % 2), score)


def _among_best(view: Indices, scores: Doubles) -> Mask:
    order = np.lexsort((-scores, view))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(view[order], view[order])
    best: Mask = rank < KEPT
    return best
