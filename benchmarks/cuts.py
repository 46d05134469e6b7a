"""Claim: what is lost when EfficientNet-Lite0 is cut short before any of it learns: int8 bytes, AUROC of a probe.

The shared photographs, cleaned and grouped, in ten grouped folds. One pass of the whole network with its base weights
gives the features of every cut (`vision.backbones.cut`: what the block after the last one kept begins with); logistic
regression is fitted on the training side of each fold and judges the other. Fine-tuning may order the cuts differently;
the curve says which are worth it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import record
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.evaluation.weighted import auroc
from mpoxlens.optimise import onnx
from mpoxlens.schema import Floats, Pixels
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.cost import macs
from mpoxlens.vision.data import inputs, load_pixels
from mpoxlens.vision.plan import plan, sure, targets
from mpoxlens.vision.probe import fit_probe
from mpoxlens.vision.recipe import ModelRecipe, Recipe, load
from mpoxlens.vision.scores import log_odds

WHOLE = 16  # blocks of EfficientNet-Lite0
CUTS = (5, 8, 10, 11, 12, 13, 14, 15, WHOLE)
STEP = 16
Features = dict[int, Floats]  # [N, D] by blocks kept


def main() -> None:
    """Look once, probe each cut, and measure its file."""
    parser = record.arguments(__doc__)
    parser.add_argument("--data", type=Path, help="a workspace of the shared photographs after `apply`")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 160], help="px a side")
    options = parser.parse_args()
    recipe = load(record.ROOT / "recipes" / "lite0.toml")
    recipe = replace(recipe, train=replace(recipe.train, mode="frozen", folds=10, repeats=1))
    rows = []
    if options.quick:
        rows = [*_sizes((5, WHOLE), 64)]
    elif options.data:
        manifest = Workspace(options.data).clean()
        pixels = load_pixels(manifest.root, manifest.records)
        for size in options.sizes:
            rows += _aurocs(recipe, manifest, _looked_at(recipe.model, pixels, size), size)
        rows += _sizes(CUTS, recipe.model.size)
    else:
        print("name a workspace of the shared photographs with --data: nothing measured")
        return
    notes = (
        f"tf_efficientnet_lite0 with its base weights; logistic regression on pooled features,"
        f" {recipe.train.folds} grouped folds, rash only; int8 and operations at {recipe.model.size} px."
    )
    record.finish("cuts", rows, quick=options.quick, notes=notes, packages=("mpoxlens", "torch", "timm", "onnxruntime"))


@torch.inference_mode()
def _looked_at(settings: ModelRecipe, pixels: Sequence[Pixels], size: int) -> Features:
    """Return the features of every cut of `CUTS` by one pass of the whole network."""
    model = create(replace(settings, size=size), 2).eval()
    spec, heard = preprocess_of(model, size), dict[int, Tensor]()
    blocks = [block for stage in model.backbone.blocks for block in stage]
    widened = {kept: blocks[kept].bn1 for kept in CUTS if kept < WHOLE} | {WHOLE: model.backbone.bn2}
    for kept, module in widened.items():
        _listen(module, kept, heard)
    parts: dict[int, list[Floats]] = {kept: [] for kept in CUTS}
    for i in range(0, len(pixels), STEP):
        model(torch.from_numpy(inputs(pixels[i : i + STEP], spec)))
        for kept in CUTS:
            parts[kept].append(heard[kept].mean(dim=(2, 3)).numpy())
    return {kept: np.concatenate(part) for kept, part in parts.items()}


def _listen(module: nn.Module, kept: int, heard: dict[int, Tensor]) -> None:
    module.register_forward_hook(lambda _module, _inputs, output: heard.update({kept: output}))


def _aurocs(recipe: Recipe, manifest: Manifest, features: Features, size: int) -> Iterator[record.Row]:
    for kept, values in features.items():
        found = _auroc(recipe, manifest, values)
        name = "whole" if kept == WHOLE else f"{kept} blocks"
        yield record.Row(f"{size} px, {name}: AUROC [{found.low:.3f}–{found.high:.3f}]", found.value, "")


def _auroc(recipe: Recipe, manifest: Manifest, features: Floats) -> Figure:
    target, clusters = targets(recipe, manifest), [record.group for record in manifest.records]
    logits = np.zeros((len(features), len(recipe.data.labels)), np.float32)
    for part in plan(recipe, manifest):
        rows = sure(recipe, manifest, part.seen)
        probe = fit_probe(features[rows], target[rows].tolist(), [clusters[i] for i in rows], recipe)
        logits[part.unseen] = probe.logits(features[part.unseen])
    asked = np.array([record.label not in recipe.data.without for record in manifest.records])
    column = recipe.data.labels.index(recipe.data.positive)
    draws = Draws.of([cluster for cluster, inside in zip(clusters, asked, strict=True) if inside])
    return figure(auroc((target == column)[asked], log_odds(logits, column)[asked], draws.weights))


def _sizes(cuts: Sequence[int], size: int) -> Iterator[record.Row]:
    """Bytes and operations hang on no photograph; ranges of noise do."""
    noise = np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)
    for kept in cuts:
        model = _untrained(0 if kept == WHOLE else kept, size)
        name = "whole" if kept == WHOLE else f"{kept} blocks"
        small = onnx.quantise(onnx.export(model, size), noise)
        yield record.Row(f"{name}: int8", len(small) / 1e6, "MB")
        yield record.Row(f"{name}: multiply-accumulates", macs(model, size) / 1e6, "M")


def _untrained(kept: int, size: int) -> Classifier:
    return create(ModelRecipe(weights="none", frozen_blocks=0, size=size, kept_blocks=kept), 4).eval()


if __name__ == "__main__":
    main()
