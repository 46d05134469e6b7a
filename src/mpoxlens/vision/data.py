"""Photographs in memory, and the batches that training draws from them."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mpoxlens.datasets.split import Rows
from mpoxlens.photo import decode_photo, read_bytes
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, ImageRecord, Pixels
from mpoxlens.vision.augment import STRENGTHS, augment
from mpoxlens.vision.recipe import Recipe, TrainRecipe

KEEP_SIDE = 448  # px of the shorter side kept in memory: a crop of a quarter of the area still fills the input
AHEAD = 3  # batches in preparation
UNLABELLED = -1  # target of a photograph that only a teacher speaks of

Key = tuple[int, int]  # index of a photograph, number of the draw


def load_pixels(root: Path, records: Sequence[ImageRecord]) -> list[Pixels]:
    """Decode every photograph once, reduced to `KEEP_SIDE`."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda r: _read(root / r.path), records))


def _read(path: Path) -> Pixels:
    return reduced(decode_photo(read_bytes(path), str(path)).pixels)


def reduced(pixels: Pixels) -> Pixels:
    """Return a photograph [H, W, 3] as small as it is kept in memory."""
    scale = min(pixels.shape[:2]) / KEEP_SIDE
    if scale <= 1:
        return pixels
    size = (round(pixels.shape[1] / scale), round(pixels.shape[0] / scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def inputs(pixels: Sequence[Pixels], spec: Preprocess) -> Floats:
    """Return the network's inputs [N, 3, size, size] exactly as the clinic makes them."""
    return np.stack([spec(p) for p in pixels])


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What one fit learns from."""

    pixels: list[Pixels]
    targets: list[int]  # index of the label; UNLABELLED is learned from the teacher alone
    clusters: list[str]
    identity: str  # hash of the photographs' hashes, so that a checkpoint of others is noticed

    def rows(self, chosen: Rows) -> TrainingSet:
        """Return some of it."""
        kept = chosen.tolist()
        return TrainingSet(
            [self.pixels[i] for i in kept],
            [self.targets[i] for i in kept],
            [self.clusters[i] for i in kept],
            self.identity,
        )


def identity(recipe: Recipe, records: Sequence[ImageRecord]) -> str:
    """Return the name of a fit: the same recipe on the same photographs, labels and clusters."""
    rows = [[r.sha256, r.label, r.group] for r in records]
    return hashlib.sha256(json.dumps([recipe.sha256, rows]).encode()).hexdigest()


class Variants:
    """Random variants; each is a function of (seed, draw), so that a resumed run sees what an unbroken one would.

    With `train.variants` a photograph comes in that many, whichever fold it is drawn in: what a teacher has said of one
    can be kept.
    """

    def __init__(self, pixels: Sequence[Pixels], size: int, train: TrainRecipe) -> None:
        self.pixels, self.size, self.seed, self.count = pixels, size, train.seed, train.variants
        self.strength = STRENGTHS[train.augmentation]
        self.names = [zlib.crc32(p.tobytes()) for p in pixels] if self.count else []

    def __call__(self, key: Key) -> Pixels:
        """Return the variant [size, size, 3] uint8 of a key."""
        index, draw = key
        parts = (self.seed, self.names[index], draw % self.count) if self.count else (self.seed, draw)
        return augment(self.pixels[index], self.size, np.random.default_rng(parts), self.strength)


@dataclass(frozen=True, eq=False)
class Batch:
    """One process's share of a step's photographs."""

    whole: list[Key]  # of all processes
    keys: list[Key]  # of this one
    views: NDArray[np.uint8]  # [B, size, size, 3], a row a key
    counts: bool  # False where there were fewer photographs than processes: this share only keeps step


def batches(variants: Variants, keys: Sequence[Key], size: int, part: int = 0, of: int = 1) -> Iterator[Batch]:
    """Give batches of `size` keys, or of what process `part` of `of` has of them, prepared beside the network's work.

    Threads do it, not processes: OpenCV lets go of the interpreter, and the photographs need not be sent.
    """
    pool = ThreadPoolExecutor(max(1, cores() // of))

    def start(first: int) -> tuple[list[Key], list[Key], list[Future[Pixels]]]:
        whole = list(keys[first : first + size])
        own = whole[part::of] or whole[:1]
        return whole, own, [pool.submit(variants, key) for key in own]

    started = map(start, range(0, len(keys), size))
    waiting = deque(islice(started, AHEAD))
    try:
        while waiting:
            whole, own, views = waiting.popleft()
            waiting.extend(islice(started, 1))
            yield Batch(whole, own, np.stack([view.result() for view in views]), part < len(whole))
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Balanced:
    """An epoch's keys: each class as often as any other, large clusters by their square root, and a share unlabelled.

    In an epoch as many labelled photographs are drawn as there are.
    """

    def __init__(self, targets: Sequence[int], clusters: Sequence[str], seed: int, unlabelled: float = 0.0) -> None:
        target = np.asarray(targets)
        members = Counter(zip(targets, clusters, strict=True))
        # The square root is a middle way: a cluster of eleven copies counts as 3.3 photographs, not as 11 and not as 1.
        weight = np.array([members[key] ** -0.5 for key in zip(targets, clusters, strict=True)])
        shares = dict.fromkeys(set(targets) - {UNLABELLED}, 1.0)
        if UNLABELLED in targets:
            shares[UNLABELLED] = len(shares) * unlabelled / (1 - unlabelled)
        for c, share in shares.items():
            weight[target == c] *= share / weight[target == c].sum()
        self.seed, self.weights = seed, weight / weight.sum()
        self.length = round(int((target != UNLABELLED).sum()) / (1 - unlabelled * (UNLABELLED in targets)))

    def __len__(self) -> int:
        return self.length

    def keys(self, epoch: int) -> list[Key]:
        """Return the keys of an epoch; no draw's number comes twice."""
        drawn = np.random.default_rng((self.seed, epoch)).choice(len(self.weights), self.length, p=self.weights)
        return [(int(index), epoch * self.length + i) for i, index in enumerate(drawn)]
