"""The features of every image, on disk: extraction goes on where it was stopped, and memory holds a few images only.

A shard is one .npz file of some hundred images. It is written whole, and its name carries the settings that it was made
with, so shards of another version are never read. A damaged shard is made again.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from mpoxlens.datasets.duplicates.local_features import KEYPOINTS, Features, extract
from mpoxlens.datasets.original import read_original
from mpoxlens.errors import MpoxlensError
from mpoxlens.schema import Pixels

SIDE = 448  # px of the longer side that keypoints are taken at
ENLARGE = 2.0  # at most; larger adds no detail
OBLONG = 1.4  # ratio of the sides from which an image is looked at squashed to a square as well
QUALITY = 92  # of the JPEG that keeps a grey view: a tenth of the bytes, and correlation does not notice
SHARD = 500  # images; what a kill loses at most
OPEN = 128  # shards
WARM = 600  # views in memory, 0.3 MB each
SETTINGS = f"1-{SIDE}-{ENLARGE}-{OBLONG}-{QUALITY}-{KEYPOINTS}-{cv2.__version__}"

_KEYPOINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("size", "<f4"), ("angle", "<f4"), ("descriptor", "u1", (128,))])

Place = tuple[int, int]  # an image, and which view of it
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class View:
    """An image at one size and aspect."""

    grey: Pixels  # [H, W]
    features: Features

    def mirrored(self) -> View:
        """The view flipped left to right."""
        return View(np.ascontiguousarray(self.grey[:, ::-1]), self.features.mirrored(self.grey.shape[1]))


@dataclass(frozen=True, eq=False)
class _Print:
    """What is kept of one image."""

    digest: str  # of the decoded pixels
    views: tuple[View, ...]


class FeatureCache:
    """Features of images that are named by their sha256, sorted; image i is `names[i]`."""

    def __init__(self, names: Sequence[str], shards: Mapping[str, tuple[Path, int]]) -> None:
        self.names = tuple(names)
        self._at = [shards[name] for name in names]
        self._open: OrderedDict[Path, NpzFile] = OrderedDict()
        self._lock = Lock()
        self.digests, self.views = self._contents()
        self.view = lru_cache(WARM)(self._view)

    def close(self) -> None:
        """Close the shards, before their folder goes; those that are read later open again."""
        self.view.cache_clear()
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _member(self, path: Path, name: str) -> NDArray[Any]:
        """Read from a shard; the last ones used stay open."""
        with self._lock:
            if path not in self._open:
                self._open[path] = np.load(path)  # without pickle, numpy's default
            self._open.move_to_end(path)
            if len(self._open) > OPEN:
                self._open.popitem(last=False)[1].close()
            member: NDArray[Any] = self._open[path][name]
            return member

    def _contents(self) -> tuple[list[str], list[int]]:
        """Of each image the digest of its pixels, and the number of its views."""
        digests, views = [], []
        known: dict[Path, tuple[list[str], list[int]]] = {}
        for path, row in self._at:
            if path not in known:
                known[path] = self._member(path, "digests").tolist(), self._member(path, "views").tolist()
            digests.append(known[path][0][row])
            views.append(known[path][1][row])
        return digests, views

    def features(self, place: Place) -> Features:
        """The keypoints of one view."""
        path, row = self._at[place[0]]
        return _unpacked(self._member(path, f"{row}.{place[1]}.keypoints"))

    def _view(self, place: Place) -> View:
        """One view with its pixels."""
        path, row = self._at[place[0]]
        grey = cv2.imdecode(self._member(path, f"{row}.{place[1]}.grey"), cv2.IMREAD_GRAYSCALE)
        return View(np.asarray(grey, np.uint8), self.features(place))


def cached_features(
    paths: Mapping[str, Path],
    folder: Path,
    threads: int,
    progress: Progress,
    problems: list[MpoxlensError] | None = None,
) -> FeatureCache:
    """Extract the features of every image that has none in the folder yet.

    Args:
        paths: the file of each sha256.
        folder: of the shards; made if missing.
        threads: at most.
        progress: called with the images done and the images in all.
        problems: takes what is wrong with an image, which then has no part in the cache.

    Raises:
        PhotoError: a file that is no usable photograph, unless `problems` takes it.
        DataError: a file whose content is another than its hash says, unless `problems` takes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(paths)
    shards = _intact(folder)
    missing = [name for name in names if name not in shards]
    done = len(names) - len(missing)
    progress(done, len(names))
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(missing), SHARD):
            chunk = missing[start : start + SHARD]
            prints: dict[str, _Print] = {}
            for name, one in zip(chunk, pool.map(_tried, chunk, (paths[name] for name in chunk)), strict=True):
                if isinstance(one, _Print):
                    prints[name] = one
                elif problems is None:
                    raise one
                else:
                    problems.append(one)
                done += 1
                progress(done, len(names))
            if prints:
                path = _write(folder, list(prints), list(prints.values()))
                shards |= {name: (path, row) for row, name in enumerate(prints)}
    return FeatureCache([name for name in names if name in shards], shards)


def _intact(folder: Path) -> dict[str, tuple[Path, int]]:
    """Where each image is, by the shards of these settings that can be read to their last byte."""
    found = {}
    for path in sorted(folder.glob(f"features-{SETTINGS}-*.npz")):
        for row, name in enumerate(_names(path)):
            found[name] = (path, row)
    return found


def _names(path: Path) -> list[str]:
    """The images of a shard, none if it is damaged: every member carries a checksum, and this reads them all."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return []
        with np.load(path) as shard:
            return list(shard["names"].tolist())
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError):
        return []


def _write(folder: Path, names: Sequence[str], prints: Sequence[_Print]) -> Path:
    members: dict[str, NDArray[Any]] = {
        "names": np.array(names),
        "digests": np.array([one.digest for one in prints]),
        "views": np.array([len(one.views) for one in prints], np.uint8),
        **dict(_members(prints)),
    }
    path = folder / f"features-{SETTINGS}-{hashlib.sha256(repr(names).encode()).hexdigest()[:16]}.npz"
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, **members)  # type: ignore[arg-type]
    part.replace(path)
    return path


def _members(prints: Sequence[_Print]) -> Iterator[tuple[str, NDArray[Any]]]:
    for row, one in enumerate(prints):
        for number, view in enumerate(one.views):
            yield f"{row}.{number}.keypoints", _packed(view.features)
            yield f"{row}.{number}.grey", cv2.imencode(".jpg", view.grey, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]


def _packed(features: Features) -> NDArray[np.void]:
    packed = np.empty(len(features.points), _KEYPOINT)
    packed["x"], packed["y"] = features.points.T
    packed["size"], packed["angle"], packed["descriptor"] = features.sizes, features.angles, features.descriptors
    return packed


def _unpacked(packed: NDArray[np.void]) -> Features:
    points = np.stack([packed["x"], packed["y"]], axis=1)
    return Features(points, packed["size"].copy(), packed["angle"].copy(), np.ascontiguousarray(packed["descriptor"]))


def _tried(sha256: str, path: Path) -> _Print | MpoxlensError:
    try:
        return _print(read_original(path, sha256).pixels)
    except MpoxlensError as error:
        return error


def _print(pixels: Pixels) -> _Print:
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    views = [_view(grey, width, height)]
    if max(width, height) > OBLONG * min(width, height):
        # Data sets squash phone photographs to squares; keypoints do not survive so strong a squash.
        views.append(_view(grey, max(width, height), max(width, height)))
    return _Print(digest, tuple(views))


def _view(grey: Pixels, width: int, height: int) -> View:
    scale = min(SIDE / max(width, height), ENLARGE)
    size = [max(round(side * scale), 1) for side in (width, height)]
    reduced = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return View(reduced, extract(reduced))
