"""Which images show the same photograph.

Whole-image hashes miss crops and collages, so candidates come from shared keypoints (see `candidates`). A candidate is
confirmed when there is an affine map under which the pixels agree (see `local_features` and `agreement`). What counts
is the photograph, not the person: two pictures from one session are no pair; `group` joins them where the patient is
known.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from mpoxlens.datasets.duplicates.agreement import Agreement, agreement
from mpoxlens.datasets.duplicates.candidates import find_candidates
from mpoxlens.datasets.duplicates.feature_cache import FeatureCache, Place, cached_features
from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.duplicates.local_features import Matrix, align
from mpoxlens.errors import MpoxlensError
from mpoxlens.schema import Pixels

VERSION = "3"  # of all that decides which links are found
CHECKED = (2000, 3)  # pairs compared by their pixels at most, the likeliest: so many, and so many more an image
FAMILY = 12  # copies of one image among which all pairs are compared
AT_ONCE = 1000  # pairs handed to the threads, so that results do not heap up

Progress = Callable[[int, int], None]
Way = tuple[Place, Place, bool]  # a view of each image, and whether the first is to be mirrored


@dataclass(frozen=True)
class _Pair:
    """Two images, the smaller number first, and the ways in which they may be one photograph, the likeliest first."""

    a: int
    b: int
    ways: tuple[Way, ...]


def find_links(
    paths: Mapping[str, Path],
    *,
    cache: Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    problems: list[MpoxlensError] | None = None,
) -> list[Link]:
    """Find every pair of images that show the same photograph.

    Args:
        paths: the file of each sha256.
        cache: folder that keeps the features, 0.15 MB an image, for the next run; a temporary one without it.
        threads: at most; as many as there are cores, up to 8, without it.
        progress: called with the photographs done and the photographs in all; one is half done when it is measured.
        problems: takes what is wrong with an image; the links of the others are found without it.

    Returns:
        Links sorted by (a, b), the same on every run.

    Raises:
        PhotoError: a file that is no usable photograph, unless `problems` takes it.
        DataError: a file whose content is another than its hash says, unless `problems` takes it.
    """
    threads = threads or min(os.cpu_count() or 1, 8)
    tell, total = _halves(progress or _silent), 2 * len(paths)
    with tempfile.TemporaryDirectory() as folder:
        features = cached_features(paths, cache or Path(folder), threads, lambda done, _: tell(done, total), problems)
        without = total - 2 * len(features.names)  # the steps of images that have a problem
        with closing(features):
            links = _links(features, threads, lambda done, _: tell(without + done, total))
    tell(total, total)
    return [links[pair] for pair in sorted(links)]


def _links(features: FeatureCache, threads: int, tell: Progress) -> dict[tuple[int, int], Link]:
    names, total = features.names, 2 * len(features.names)
    twins = _twins(features.digests)
    links = {(j, i): Link(names[j], names[i], "identical", 0, 1.0) for i, j in twins.items()}
    pairs = _pairs(features, [i for i in range(len(names)) if i not in twins], threads, tell)
    for done, link in enumerate(_confirmed(features, pairs, threads)):
        if link is not None:
            links[pairs[done].a, pairs[done].b] = link
        tell(total - len(names) // 2 + done * (len(names) // 2) // len(pairs), total)
    kin = _kin(features, links, {(pair.a, pair.b) for pair in pairs})
    for pair, link in zip(kin, _confirmed(features, kin, threads), strict=True):
        if link is not None:
            links[pair.a, pair.b] = link
    return links


def _halves(progress: Progress) -> Progress:
    """Return what takes steps, two a photograph, and tells of photographs."""
    return lambda done, of: progress(done // 2, of // 2)


def _silent(_done: int, _of: int) -> None:
    return


def _twins(digests: Sequence[str]) -> dict[int, int]:
    """The first image of the same pixels, of each that is not itself the first."""
    first: dict[str, int] = {}
    return {i: j for i, digest in enumerate(digests) if (j := first.setdefault(digest, i)) != i}


def _pairs(features: FeatureCache, images: Sequence[int], threads: int, tell: Progress) -> list[_Pair]:
    places = [(i, k) for i in images for k in range(features.views[i])]
    count = len(features.names)
    found = find_candidates(
        lambda view: features.features(places[view]),
        [i for i, _ in places],
        threads=threads,
        tell=lambda done, of: tell(count + done * (count // 2) // of, 2 * count),
    )
    ways: dict[tuple[int, int], list[Way]] = {}
    best: dict[tuple[int, int], float] = {}
    for one in sorted(found, key=lambda one: -one.score):
        first, second = places[one.a], places[one.b]
        ways.setdefault((first[0], second[0]), []).append((first, second, one.mirrored))
        best.setdefault((first[0], second[0]), one.score)
    likeliest = sorted(ways, key=lambda pair: (-best[pair], pair))[: CHECKED[0] + CHECKED[1] * count]
    # Sorted, so that an image's pairs are compared one after the other while its view is in memory.
    return [_Pair(*pair, tuple(ways[pair])) for pair in sorted(likeliest)]


def _kin(features: FeatureCache, links: Iterable[tuple[int, int]], compared: Set[tuple[int, int]]) -> list[_Pair]:
    """Images that are both linked to a third, if they were not compared: few votes may hide a true pair."""
    linked: dict[int, set[int]] = {}
    for a, b in links:
        linked.setdefault(a, set()).add(b)
        linked.setdefault(b, set()).add(a)
    families = (sorted(family)[:FAMILY] for family in linked.values())
    known = compared | set(links)
    fresh = {pair for family in families for pair in combinations(family, 2)} - known
    return [_Pair(a, b, tuple(_ways(features, a, b))) for a, b in sorted(fresh)]


def _ways(features: FeatureCache, a: int, b: int) -> Iterator[Way]:
    for mirrored in (False, True):
        for first in range(features.views[a]):
            for second in range(features.views[b]):
                yield (a, first), (b, second), mirrored


def _confirmed(features: FeatureCache, pairs: Sequence[_Pair], threads: int) -> Iterator[Link | None]:
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(pairs), AT_ONCE):
            yield from pool.map(partial(_confirm, features), pairs[start : start + AT_ONCE])


def _confirm(features: FeatureCache, pair: _Pair) -> Link | None:
    """The link by the likeliest way under which the two show the same photograph."""
    for first, second, mirrored in pair.ways:
        plain, b = features.view(first), features.view(second)
        a = plain.mirrored() if mirrored else plain
        for alignment in align(a.features, b.features):
            seen = agreement(a.grey, b.grey, alignment.matrix)
            if _same(alignment.inliers, seen):
                shares = _in_shares(alignment.matrix, a.grey, b.grey, mirrored)
                ends = features.names[pair.a], features.names[pair.b]
                return Link(*ends, "local-features", alignment.inliers, round(seen.overlap, 3), shares)
    return None


def _in_shares(matrix: Matrix, a: Pixels, b: Pixels, mirrored: bool) -> tuple[float, ...]:
    """The map of pixel centres as `Link.map` has it: of shares of width and height, and of a as it is."""
    size_a, size_b = np.array(a.shape[::-1], np.float64), np.array(b.shape[::-1], np.float64)
    linear = matrix[:, :2] * size_a / size_b[:, None]
    shift = (matrix[:, 2] - matrix[:, :2] @ [0.5, 0.5] + 0.5) / size_b
    if mirrored:
        shift, linear = shift + linear[:, 0], linear * [-1, 1]
    return tuple(np.column_stack([linear, shift]).round(5).ravel().tolist())


def _same(inliers: int, seen: Agreement) -> bool:
    """Whether it is one photograph: the weaker one kind of evidence is, the stronger the others must be.

    Set on made copies of the 627 photographs. Strangers, and two frames of one session, reach a share of .66 with up
    to 20 inliers; two photographs under one very large logo have any number of inliers and a share of .5.
    """
    share, area = seen.share, seen.area
    caption = seen.overlap < 0.25 and area < 0.75 * seen.overlap  # a strip, and mostly plain
    return (
        (inliers >= 40 and share >= 0.52 and area >= 0.25)  # under a large caption
        or (inliers >= 20 and share >= 0.65 and area >= 0.2)
        # the edges of two crops, or one picture of a collage
        or (inliers >= 12 and share >= 0.85 and area >= 0.08 and not caption)
        or (inliers >= 7 and share >= 0.75 and area >= 0.2)
        or (share >= 0.8 and area >= 0.3)  # skin too smooth for many keypoints
    )
