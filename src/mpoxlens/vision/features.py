"""Frozen features: what a network that has seen no rash says of each photograph, computed once and kept."""

from __future__ import annotations

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
from mpoxlens.schema import Floats, ImageRecord
from mpoxlens.vision.backbones import create
from mpoxlens.vision.fit import preprocess_of
from mpoxlens.vision.recipe import ModelRecipe

_SCHEMA = pa.schema([("sha256", pa.string()), ("feature", pa.list_(pa.float32())), ("problem", pa.string())])


def frozen_features(
    manifest: Manifest, path: Path, recipe: ModelRecipe | None = None, tell: Tell = silent
) -> tuple[list[ImageRecord], Floats]:
    """Return the pooled features [N, D] of a backbone with its base weights, and the record of each row.

    Args:
        manifest: whose photographs; what cannot be read, or changed since it was ingested, is left out.
        path: a Parquet file that keeps them.
        recipe: backbone, weights and size; EfficientNet-Lite0 of ImageNet by default.
        tell: called with the stage, photographs done and in all.

    Raises:
        WeightsError: the base weights are not to be had.
        DataError: no photograph is left.
    """
    recipe = recipe or ModelRecipe()
    model = create(recipe, classes=2).eval()
    spec = preprocess_of(model, recipe.size)
    paths = manifest.paths

    def row(sha256: str) -> Row:
        try:
            batch = torch.from_numpy(spec(read_original(paths[sha256], sha256).pixels)[None])
        except MpoxlensError as error:
            return {"sha256": sha256, "problem": str(error)}
        with torch.inference_mode():
            return {"sha256": sha256, "feature": model(batch)[2][0].numpy(), "problem": ""}

    version = f"{recipe.backbone} {recipe.weights} {recipe.size}"
    table = fill(path, [r.sha256 for r in manifest.records], row, _SCHEMA, version=version, stage="features", tell=tell)
    good = table.filter(compute.equal(table["problem"], ""))
    if not len(good):
        raise DataError(str(manifest.root), "none of its photographs can be read", "ingest them again")
    readable = set(good["sha256"].to_pylist())
    records = [record for record in manifest.records if record.sha256 in readable]
    return records, np.stack(good["feature"].to_numpy(zero_copy_only=False))
