"""Photographs in memory, and the batches that training draws from them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from mpoxlens.photo import decode_photo, read_bytes
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, ImageRecord, Pixels
from mpoxlens.vision.augment import augment

KEEP_SIDE = 448  # px of the shorter side kept in memory: a crop of a quarter of the area still fills the input


def load_pixels(root: Path, records: Sequence[ImageRecord]) -> list[Pixels]:
    """Decode every photograph once, reduced to `KEEP_SIDE`."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda r: _reduced(root / r.path), records))


def _reduced(path: Path) -> Pixels:
    image = Image.fromarray(decode_photo(read_bytes(path), str(path)).pixels)
    scale = min(image.size) / KEEP_SIDE
    if scale > 1:
        image = image.resize((round(image.width / scale), round(image.height / scale)), Image.Resampling.BILINEAR)
    return np.asarray(image)


def inputs(pixels: Sequence[Pixels], spec: Preprocess) -> Floats:
    """Return the network's inputs [N, 3, size, size] exactly as the clinic makes them."""
    return np.stack([spec(p) for p in pixels])


class Augmented(Dataset[tuple[Tensor, int]]):
    """Random variants; each is a function of (seed, draw), so that a resumed run sees what an unbroken one would."""

    def __init__(self, pixels: Sequence[Pixels], targets: Sequence[int], spec: Preprocess, seed: int) -> None:
        self.pixels, self.targets, self.spec, self.seed = pixels, targets, spec, seed

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        """Return input [3, size, size] and target for key (index, draw)."""
        index, draw = key
        variant = augment(self.pixels[index], self.spec.size, np.random.default_rng((self.seed, draw)))
        return torch.from_numpy(self.spec.normalise(variant)), self.targets[index]


class Balanced(Sampler[tuple[int, int]]):
    """One epoch's keys, each class as often as any other; large clusters count by their square root."""

    def __init__(self, targets: Sequence[int], clusters: Sequence[str], seed: int) -> None:
        self.seed, self.epoch = seed, 0
        classes, sizes = np.unique(targets, return_counts=True)
        per_class = dict(zip(classes.tolist(), sizes.tolist(), strict=True))
        members: dict[tuple[int, str], int] = {}
        for key in zip(targets, clusters, strict=True):
            members[key] = members.get(key, 0) + 1
        # The square root is a middle way: a cluster of eleven copies counts as 3.3 photographs, not as 11 and not as 1.
        cluster_weight = [members[key] ** -0.5 for key in zip(targets, clusters, strict=True)]
        totals = {c: sum(w for w, t in zip(cluster_weight, targets, strict=True) if t == c) for c in per_class}
        self.weights = np.array([w / totals[t] for w, t in zip(cluster_weight, targets, strict=True)])
        self.weights /= self.weights.sum()

    def __len__(self) -> int:
        return len(self.weights)

    def __iter__(self):  # type: ignore[no-untyped-def]
        n = len(self)
        drawn = np.random.default_rng((self.seed, self.epoch)).choice(n, n, p=self.weights)
        yield from ((int(index), self.epoch * n + i) for i, index in enumerate(drawn))
