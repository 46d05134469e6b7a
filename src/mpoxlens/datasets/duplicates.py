"""Which images show the same photograph, and the groups that no split may cut.

Whole-image hashes miss crops and collages, so candidates come from shared keypoints, and only for images too smooth to
have any from thumbnails. Each is then confirmed: there is an affine map under which the pixels agree (see
`local_features`). What counts is the photograph, not the person: two pictures from one session are no pair.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from mpoxlens.datasets.local_features import Agreement, Features, agreement, align, extract, vote
from mpoxlens.photo import read_photo
from mpoxlens.schema import Floats, ImageRecord, Pixels

SIDE = 448  # px of the longer side that keypoints are taken at
ENLARGE = 2.0  # at most; larger adds no detail
TOP = 10  # candidates an image
LEAST_VOTES = 0.006  # a third of what the weakest true pair of the shared photographs has
THUMB = 16  # px
THUMB_COSINE = 0.9  # from which two thumbnails are looked at in full
TURNS = 8  # four quarter turns, then four of the mirror image

Progress = Callable[[int, int], None]

_reading = Lock()  # reading sets Python's warning filters, which all threads share


@dataclass(frozen=True)
class Link:
    """Two images that show the same photograph, in whole or in part."""

    a: str  # sha256 of the file, the smaller of the two
    b: str
    method: str  # "identical" (pixel by pixel), "local-features" or "hash" (the whole image)
    inliers: int  # matched keypoints that follow one map; 0 for the other methods
    overlap: float  # what both show, as a share of the smaller image's area


@dataclass(frozen=True, eq=False)
class _Print:
    """What is kept of one image."""

    digest: str  # of the decoded pixels
    grey: Pixels  # [H, W], reduced
    thumb: Floats  # [THUMB, THUMB], mean 0, length 1
    features: Features
    mirrored: Features


@dataclass(frozen=True)
class _Hint:
    """How two images may be the same."""

    mirrors: set[bool] = field(default_factory=set)  # by keypoints, with the first as it is or mirrored
    turns: set[int] = field(default_factory=set)  # by thumbnails, with the first in this turn


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
        links = [
            Link(names[first[one.digest]], names[i], "identical", 0, 1.0)
            for i, one in enumerate(prints)
            if first.setdefault(one.digest, i) != i
        ]
        hints = _hints(prints, list(first.values()))
        pairs = sorted(hints)
        checked = pool.map(lambda pair: _confirm(prints[pair[0]], prints[pair[1]], hints[pair]), pairs)
        for done, ((i, j), found) in enumerate(zip(pairs, checked, strict=True)):
            if found is not None:
                links.append(Link(names[i], names[j], *found))
            tell(len(names) + (done + 1) * len(names) // len(pairs), 2 * len(names))
    return sorted(links, key=lambda link: (link.a, link.b))


def _print(path: Path) -> _Print:
    with _reading:
        pixels = read_photo(path).pixels
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = min(SIDE / max(grey.shape), ENLARGE)
    size = [max(round(side * scale), 1) for side in reversed(grey.shape)]
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    thumb = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)
    thumb -= thumb.mean()
    thumb /= max(float(np.linalg.norm(thumb)), 1e-6)
    features = extract(grey)
    return _Print(digest, grey, thumb, features, features.mirrored(grey.shape[1]))


def _hints(prints: Sequence[_Print], unique: Sequence[int]) -> dict[tuple[int, int], _Hint]:
    """The candidate pairs (i < j) among the unique images."""
    hints: dict[tuple[int, int], _Hint] = {}
    images = [prints[i].features for i in unique]
    for mirror in (False, True):
        queries = [prints[i].mirrored for i in unique] if mirror else images
        for a, b in vote(images, queries, TOP, LEAST_VOTES):
            if a != b:
                # The mirror image of a upon b is a upon the mirror image of b, so the order is free.
                pair = unique[min(a, b)], unique[max(a, b)]
                hints.setdefault(pair, _Hint()).mirrors.add(mirror)
    for a, b, turn in _alike([prints[i].thumb for i in unique]):
        hints.setdefault((unique[a], unique[b]), _Hint()).turns.add(turn)
    return hints


def _turned(image: Pixels | Floats, turn: int) -> Pixels | Floats:
    return np.ascontiguousarray(np.rot90(np.fliplr(image) if turn >= TURNS // 2 else image, turn % 4))


def _alike(thumbs: Sequence[Floats]) -> Iterator[tuple[int, int, int]]:
    """Pairs a < b of thumbnails that look alike when a is turned so."""
    base = np.stack([thumb.ravel() for thumb in thumbs])
    for turn in range(TURNS):
        for a, thumb in enumerate(thumbs):
            cosines = base[a + 1 :] @ _turned(thumb, turn).ravel()
            for b in np.flatnonzero(cosines > THUMB_COSINE).tolist():
                yield a, a + 1 + b, turn


def _confirm(a: _Print, b: _Print, hint: _Hint) -> tuple[str, int, float] | None:
    """Method, inliers and overlap of two images that do show the same photograph."""
    found: list[tuple[str, int, float]] = []
    for mirror in sorted(hint.mirrors):
        grey = np.ascontiguousarray(np.fliplr(a.grey)) if mirror else a.grey
        for alignment in align(a.mirrored if mirror else a.features, b.features):
            seen = agreement(grey, b.grey, alignment.matrix)
            if _same(alignment.inliers, seen):
                found.append(("local-features", alignment.inliers, round(seen.overlap, 3)))
    for turn in sorted(hint.turns) if not found else ():
        turned = _turned(a.grey, turn)
        (height, width), (tall, wide) = turned.shape, b.grey.shape
        seen = agreement(turned, b.grey, np.array([[wide / width, 0, 0], [0, tall / height, 0]], np.float64))
        if seen.share >= 0.75 and seen.area >= 0.1:
            found.append(("hash", 0, round(seen.overlap, 3)))
    return max(found, key=lambda one: one[1:], default=None)


def _same(inliers: int, seen: Agreement) -> bool:
    """Few keypoints must be made up for by more pixels that agree."""
    if inliers >= 7:
        return seen.share >= 0.6
    return seen.share >= 0.75 and seen.area >= 0.1


def group(records: Sequence[ImageRecord], links: Iterable[Link]) -> list[ImageRecord]:
    """Fill in `group`: images are together when links, or one patient of one source, join them, however indirectly.

    A group is named by the first 12 digits of its smallest sha256, so that the name outlasts added images
    unless they change the group itself.
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
