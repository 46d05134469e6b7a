"""Which images show the same photograph, and the groups that no split may cut.

Whole-image hashes miss crops and collages, so candidates come from shared keypoints: one inverted file over the pooled
descriptors of all images (Sivic and Zisserman, ICCV 2003) spares comparing every pair. A candidate is confirmed when
there is an affine map under which the pixels agree (see `local_features`). What counts is the photograph, not the
person: two pictures from one session are no pair; `group` joins them where the patient is known.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mpoxlens.datasets.local_features import (
    Agreement,
    Features,
    Indices,
    Mask,
    agreement,
    align,
    extract,
    unit_length,
)
from mpoxlens.photo import read_photo
from mpoxlens.schema import Floats, ImageRecord, Pixels

SIDE = 448  # px of the longer side that keypoints are taken at
ENLARGE = 2.0  # at most; larger adds no detail
OBLONG = 1.4  # ratio of the sides from which an image is looked at squashed to a square as well
CELL = 600  # descriptors that a cell of the inverted file holds on average
MOST_CELLS = 4096
PROBES = 3  # cells that a descriptor looks into
NEIGHBOURS = 6  # votes that a descriptor casts in a cell
PENDING = 10_000_000  # votes after which they are summed, so that memory stays small
STRANGER = 0.6  # cosine of two descriptors of different places
ALWAYS = 3  # candidates a view, however few their votes
TOP = 10  # candidates a view, with at least so many votes:
LEAST_VOTES = 0.01  # the weakest true pair among the 627 photographs had .016 when this was set

Progress = Callable[[int, int], None]
Votes = tuple[Indices, NDArray[np.float64]]  # asker * views + owner, and the weight
Place = tuple[int, int]  # an image, and which view of it
Candidate = tuple[Place, Place, bool]  # of two images, the smaller number first, and whether that is to be mirrored


@dataclass(frozen=True)
class Link:
    """Two images that show the same photograph, in whole or in part."""

    a: str  # sha256 of the file, the smaller of the two
    b: str
    method: str  # "identical" (pixel by pixel) or "local-features"
    inliers: int  # matched keypoints that follow one map; 0 for identical images
    overlap: float  # what both show, as a share of the smaller image's area


@dataclass(frozen=True, eq=False)
class _View:
    """An image at one size and aspect."""

    grey: Pixels  # [H, W]
    features: Features

    def mirrored(self) -> _View:
        return _View(np.ascontiguousarray(self.grey[:, ::-1]), self.features.mirrored(self.grey.shape[1]))


@dataclass(frozen=True, eq=False)
class _Print:
    """What is kept of one image."""

    digest: str  # of the decoded pixels
    views: tuple[_View, ...]


def find_links(paths: Mapping[str, Path], *, progress: Progress | None = None) -> list[Link]:
    """Find every pair of images that show the same photograph.

    Args:
        paths: the file of each sha256.
        progress: called with the steps done and the steps in all, two for each image.

    Returns:
        Links sorted by (a, b), the same on every run.

    Raises:
        PhotoError: a file that is no usable photograph.
    """
    names = sorted(paths)
    tell = progress or (lambda done, total: None)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        prints: list[_Print] = []
        for one in pool.map(_print, (paths[name] for name in names)):
            prints.append(one)
            tell(len(prints), 2 * len(names))
        first: dict[str, int] = {}
        twins = {i: j for i, one in enumerate(prints) if (j := first.setdefault(one.digest, i)) != i}
        links = {(j, i): Link(names[j], names[i], "identical", 0, 1.0) for i, j in twins.items()}
        candidates = _candidates(prints, [i for i in range(len(names)) if i not in twins])
        checked = pool.map(lambda one: _confirm(*one), ((prints, *one) for one in candidates))
        for done, (((i, _), (j, _), _), found) in enumerate(zip(candidates, checked, strict=True)):
            if found and ((i, j) not in links or found[0] > links[i, j].inliers):
                links[i, j] = Link(names[i], names[j], "local-features", *found)
            tell(len(names) + done * len(names) // len(candidates), 2 * len(names))
    tell(2 * len(names), 2 * len(names))
    return [links[pair] for pair in sorted(links)]


def _print(path: Path) -> _Print:
    pixels = read_photo(path).pixels
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    views = [_view(grey, width, height)]
    if max(width, height) > OBLONG * min(width, height):
        # Data sets squash phone photographs to squares; keypoints do not survive so strong a squash.
        views.append(_view(grey, max(width, height), max(width, height)))
    return _Print(digest, tuple(views))


def _view(grey: Pixels, width: int, height: int) -> _View:
    scale = min(SIDE / max(width, height), ENLARGE)
    size = [max(round(side * scale), 1) for side in (width, height)]
    reduced = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return _View(reduced, extract(reduced))


def _candidates(prints: Sequence[_Print], unique: Sequence[int]) -> list[Candidate]:
    places = [(i, k) for i in unique for k in range(len(prints[i].views))]
    views = [prints[i].views[k].features for i, k in places]
    owner = np.array([i for i, _ in places], np.int64)
    found: set[Candidate] = set()
    for mirror in (False, True):
        queries = [prints[i].views[k].mirrored().features for i, k in places] if mirror else views
        for a, b in _vote(views, queries, owner):
            # The mirror image of a lies upon b as a upon the mirror image of b, so the order is free.
            found.add((places[min(a, b)], places[max(a, b)], mirror))
    return sorted(found)


def _vote(views: Sequence[Features], queries: Sequence[Features], image: Indices) -> list[tuple[int, int]]:
    """The views of other images that share most descriptors with each query; query i is view i or its mirror image."""
    pool, owner = _pooled(views)
    asked, asker = _pooled(queries)
    if len(pool) == 0:
        return []
    cells = min(max(1, len(pool) // CELL), MOST_CELLS)
    centres = _centres(pool, cells)
    parts, pending = [(np.zeros(0, np.int64), np.zeros(0))], 0
    for here, seekers in zip(_by_cell(pool, centres, 1), _by_cell(asked, centres, PROBES), strict=True):
        if len(here) < 2 or len(seekers) == 0:
            continue
        askers, owners = asker[seekers], owner[here]
        own = image[askers][:, None] == image[owners][None, :]
        rows, columns, weight = _cell_votes(asked[seekers], pool[here], own)
        parts.append((askers[rows] * len(views) + owners[columns], weight))
        pending += len(rows)
        if pending > PENDING:
            parts, pending = [_summed(parts)], 0
    return _best(_summed(parts), len(views))


def _pooled(views: Sequence[Features]) -> tuple[Pixels, Indices]:
    """All descriptors, and the view that each belongs to."""
    owner = np.repeat(np.arange(len(views)), [len(view.points) for view in views])
    return np.concatenate([np.zeros((0, 128), np.uint8), *(view.descriptors for view in views)]), owner


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


def _by_cell(descriptors: Pixels, centres: Floats, probes: int) -> list[Indices]:
    """The rows of the descriptors in each cell, every descriptor being in the cells of its nearest centres."""
    probes = min(probes, len(centres))
    cells = np.empty((len(descriptors), probes), np.int64)
    for start in range(0, len(descriptors), 8192):
        far = -unit_length(descriptors[start : start + 8192]) @ centres.T
        cells[start : start + 8192] = np.argpartition(far, probes - 1, axis=1)[:, :probes]
    order = np.argsort(cells.reshape(-1), kind="stable")
    return np.split(order // probes, np.searchsorted(cells.reshape(-1)[order], np.arange(1, len(centres))))


def _cell_votes(asked: Pixels, pool: Pixels, own: Mask) -> tuple[Indices, Indices, NDArray[np.float64]]:
    """Votes of each asked descriptor for its neighbours in other images: rows of both, and the weight.

    A vote counts by how much nearer the neighbour is than the first that gets no vote, squared: among stubble or
    weave, where all neighbours are alike, it counts for nothing.
    """
    cosines = unit_length(asked) @ unit_length(pool).T
    cosines[own] = 0
    count = min(NEIGHBOURS, cosines.shape[1] - 1)
    columns = np.argpartition(-cosines, count, axis=1)[:, : count + 1]
    chosen = np.take_along_axis(cosines, columns, axis=1)
    gain = chosen - np.maximum(chosen.min(axis=1, keepdims=True), STRANGER)
    rows, ranks = np.nonzero(gain > 0)
    return rows, columns[rows, ranks], gain[rows, ranks].astype(np.float64) ** 2


def _summed(parts: Sequence[Votes]) -> Votes:
    keys, where = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    weight = np.bincount(where, np.concatenate([part[1] for part in parts]), minlength=len(keys))
    return keys, weight.astype(np.float64)


def _best(votes: Votes, views: int) -> list[tuple[int, int]]:
    """The most voted for of each asker, as (asker, owner)."""
    keys, weight = votes
    order = np.lexsort((keys, -weight, keys // views))
    asker = keys[order] // views
    rank = np.arange(len(order)) - np.searchsorted(asker, asker)
    chosen = (rank < ALWAYS) | ((rank < TOP) & (weight[order] >= LEAST_VOTES))
    return [divmod(key, views) for key in keys[order][chosen].tolist()]


def _confirm(prints: Sequence[_Print], first: Place, second: Place, mirror: bool) -> tuple[int, float] | None:
    """Inliers and overlap of the best map under which the two show the same photograph."""
    a, b = (prints[image].views[view] for image, view in (first, second))
    a = a.mirrored() if mirror else a
    found = []
    for alignment in align(a.features, b.features):
        seen = agreement(a.grey, b.grey, alignment.matrix)
        if _same(alignment.inliers, seen):
            found.append((alignment.inliers, round(seen.overlap, 3)))
    return max(found, default=None)


def _same(inliers: int, seen: Agreement) -> bool:
    """Whether it is one photograph: the weaker one kind of evidence is, the stronger the others must be.

    Set on made copies of the 627 photographs. Strangers, and two frames of one session, reach a share of .66 with up
    to 20 inliers; two photographs under one very large logo have any number of inliers and a share of .5.
    """
    share, area = seen.share, seen.area
    return (
        (inliers >= 40 and share >= 0.52 and area >= 0.25)  # under a large caption
        or (inliers >= 20 and share >= 0.65 and area >= 0.2)
        or (inliers >= 12 and share >= 0.85 and area >= 0.08)  # the edges of two crops, or one picture of a collage
        or (inliers >= 7 and share >= 0.75 and area >= 0.2)
        or (share >= 0.8 and area >= 0.3)  # skin too smooth for many keypoints
    )


def group(records: Sequence[ImageRecord], links: Iterable[Link]) -> list[ImageRecord]:
    """Fill in `group`: images are together when links, or one patient of one source, join them, however indirectly.

    A group is named by the first 12 digits of its smallest sha256, so the name stays when other images come or go.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    def join(a: str, b: str) -> None:
        small, large = sorted((root(a), root(b)))
        parent[large] = small  # so that the root is always the smallest

    for link in links:
        join(link.a, link.b)
    patients: dict[tuple[str, str], str] = {}
    for record in records:
        if record.patient is not None:
            join(patients.setdefault((record.source, record.patient), record.sha256), record.sha256)
    return [replace(record, group=root(record.sha256)[:12]) for record in records]
