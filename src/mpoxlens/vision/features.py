"""Frozen features: what a network that has seen no rash says of each photograph, computed once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from pyarrow import compute

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.original import read_original
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.tables import Row, fill
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, ImageRecord, Pixels
from mpoxlens.vision.augment import augment
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.data import reduced
from mpoxlens.vision.recipe import ModelRecipe
from mpoxlens.weights import SOURCES

BATCH = 8  # views of one photograph that go through the network at once
_SCHEMA = pa.schema([("sha256", pa.string()), ("feature", pa.list_(pa.float32())), ("problem", pa.string())])


def frozen_features(
    manifest: Manifest,
    path: Path,
    recipe: ModelRecipe | None = None,
    tell: Tell = silent,
    *,
    views: int = 1,
    seed: int = 0,
) -> tuple[list[ImageRecord], Floats]:
    """Return the pooled features of a backbone with its base weights, and the record of each photograph.

    Args:
        manifest: whose photographs; what cannot be read, or changed since it was ingested, is left out.
        path: a Parquet file that keeps them.
        recipe: backbone, weights, size and pool; EfficientNet-Lite0 of ImageNet by default.
        tell: called with the stage, photographs done and in all.
        views: the plain photograph and this many less one random variants of it (`augment`), each a function of
            seed, view and the photograph's sha256.
        seed: of the variants.

    Returns:
        the records, and features [N, D] of one view or [V, N, D] of several, float32.

    Raises:
        WeightsError: the base weights are not to be had.
        DataError: no photograph is left.
    """
    recipe = recipe or ModelRecipe()
    eye = _Eye.of(recipe, views, seed)
    paths = manifest.paths

    def row(sha256: str) -> Row:
        try:
            pixels = read_original(paths[sha256], sha256).pixels
        except MpoxlensError as error:
            return {"sha256": sha256, "problem": str(error)}
        return {"sha256": sha256, "feature": eye(pixels, sha256).ravel(), "problem": ""}

    keys = [r.sha256 for r in manifest.records]
    table = fill(path, keys, row, _SCHEMA, version=_version(recipe, eye), stage="features", tell=tell)
    good = table.filter(compute.equal(table["problem"], ""))
    if not len(good):
        raise DataError(str(manifest.root), "none of its photographs can be read", "ingest them again")
    readable = set(good["sha256"].to_pylist())
    records = [record for record in manifest.records if record.sha256 in readable]
    features = np.stack(good["feature"].to_numpy(zero_copy_only=False))  # [N, V * D]
    by_view = features.reshape(len(features), views, -1).transpose(1, 0, 2)
    return records, np.ascontiguousarray(by_view[0] if views == 1 else by_view)


@dataclass(frozen=True, eq=False)
class _Eye:
    """A network that looks at a photograph some times."""

    model: Classifier
    spec: Preprocess
    dtype: torch.dtype
    views: int
    seed: int

    @classmethod
    def of(cls, recipe: ModelRecipe, views: int, seed: int) -> _Eye:
        model = create(recipe, classes=2).eval()
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = _dtype(model, device)
        return cls(model.to(device, dtype), preprocess_of(model, recipe.size), dtype, views, seed)

    def __call__(self, pixels: Pixels, sha256: str) -> Floats:
        """Return the features [V, D] of a photograph [H, W, 3]."""
        inputs = list(self._inputs(pixels, sha256))
        parts = [self._embedding(np.stack(inputs[i : i + BATCH])) for i in range(0, self.views, BATCH)]
        return np.concatenate(parts)

    def _inputs(self, pixels: Pixels, sha256: str) -> Iterator[Floats]:
        yield self.spec(pixels)
        small = reduced(pixels) if self.views > 1 else pixels
        for view in range(1, self.views):
            rng = np.random.default_rng((self.seed, view, int(sha256, 16)))
            yield self.spec.normalise(augment(small, self.spec.size, rng))

    def _embedding(self, batch: Floats) -> Floats:
        with torch.inference_mode():
            tensor = torch.from_numpy(batch).to(self.model.head.weight)
            return np.asarray(self.model(tensor)[2].float().cpu().numpy())


def _dtype(model: Classifier, device: torch.device) -> torch.dtype:
    """Halve the time of transformers where the processor multiplies bfloat16 itself.

    Their features hardly change. Convolutional networks gain little and lose more, as batch norm
    subtracts large numbers from each other.
    """
    fast = device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if model.reading.order == "NLC" and fast else torch.float32


def _version(recipe: ModelRecipe, eye: _Eye) -> str:
    """Name whatever the features depend on besides the photograph."""
    weights = Path(recipe.weights)
    own = recipe.weights not in SOURCES and weights.is_file()
    told = hashlib.sha256(weights.read_bytes()).hexdigest() if own else recipe.weights
    parts = (recipe.backbone, told, eye.spec.size, recipe.pool, eye.views, eye.seed if eye.views > 1 else 0, eye.dtype)
    cut = (recipe.kept_blocks,) if recipe.kept_blocks else ()
    return " ".join(str(part) for part in (*parts, *cut))
