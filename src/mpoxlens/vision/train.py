"""From a labelled folder to a bundle: manifest -> cross-validation -> final fit -> rules -> int8 -> bundle.

Every stage leaves its result in the run's folder and is skipped when it is there, so that a killed run goes on where it
stopped when the same command is given again.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.bundle import Bundle, Spec
from mpoxlens.bundle import write as write_bundle
from mpoxlens.datasets.phantom import draw
from mpoxlens.evaluation import leak
from mpoxlens.evaluation.battery import Goals, Rules, cross_fit, figures, fit_rules, judged_of
from mpoxlens.evaluation.ood import fit_ood
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.report.training import write_training_report
from mpoxlens.evaluation.subgroups import groupings
from mpoxlens.evaluation.tone import typology_angle
from mpoxlens.explain import bundle_map
from mpoxlens.golden import record
from mpoxlens.optimise import onnx
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import INTENDED_USE, Floats, Pixels
from mpoxlens.vision.augment import augment
from mpoxlens.vision.backbones import Classifier, preprocess_of
from mpoxlens.vision.card import write_card
from mpoxlens.vision.checks import check_network
from mpoxlens.vision.crossval import cross_validate, fit_part
from mpoxlens.vision.data import inputs
from mpoxlens.vision.processes import is_main
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.run_folder import Run, opened

CALIBRATION_PHOTOS = 256  # for the ranges of int8 activations
GOLDEN_SEEDS = (1, 2, 3)
MAP_PHANTOMS = 40  # of the map's sanity check, which takes seconds


def run(recipe_path: Path, data: Path, out: Path) -> Path:
    """Train by a recipe and return the bundle's folder, `out`/bundle.

    Args:
        recipe_path: a TOML recipe.
        data: a data set's folder as `datasets.sources` reads it, or a workspace of `mpoxlens data` after `apply`.
        out: the run's folder; a run that was stopped there goes on.

    Raises:
        MpoxlensError: whatever of recipe, data, weights or disk cannot be used, in one line.
    """
    recipe = load(recipe_path)
    check_network(recipe)
    with opened(recipe, data, out) as work:
        predictions = cross_validate(recipe, work.manifest, work.pixels, out, work.tell)
        everything = np.arange(len(work.pixels))
        model = fit_part(recipe, work.manifest, work.pixels, everything, out / "final", "all folds", work.tell)
        if not is_main():  # what follows is done once
            return out / "bundle"
        predictions.write(out / "predictions.parquet")
        return _finished(work, predictions, model)


def _finished(work: Run, predictions: Predictions, model: Classifier) -> Path:
    """Fit the rules on out-of-fold predictions, write the bundle, check its map, and write the report."""
    recipe, goals = work.recipe, Goals(work.recipe.bundle.sensitivity, work.recipe.bundle.alpha)
    judged = judged_of(predictions, recipe.data.without)
    fitted = cross_fit(judged, goals, recipe.train.seed)
    angles = {r.sha256: typology_angle(p) for r, p in zip(work.manifest.records, work.pixels, strict=True)}
    groups = groupings(predictions.sha256, work.manifest.records, angles)
    measured = figures(judged, fitted, groups=groups)
    rules = fit_rules(judged, np.ones(len(judged.target), dtype=np.bool_), goals, recipe.train.seed)
    folder = _bundle(work, model, predictions, rules, measured)
    bundle_map.record(folder, bundle_map.check_map(folder, MAP_PHANTOMS, tell=work.tell))
    write_training_report(folder, judged, fitted, work.out / "report.html", sha256=predictions.sha256)
    return folder


@dataclass(frozen=True, eq=False)
class _Small:
    """The int8 file and what was learned of it."""

    model: bytes
    logits: Floats
    embedding: Floats
    parity: dict[str, float]


def _bundle(work: Run, model: Classifier, predictions: Predictions, rules: Rules, measured: Mapping[str, Any]) -> Path:
    recipe = work.recipe
    preprocess = preprocess_of(model, recipe.model.size)
    small = _quantised(recipe, model, work.pixels, preprocess, rules)
    fitted = fit_ood(small.embedding, recipe.bundle.strange)
    # The threshold is out-of-fold: photographs that the network has learned from look more familiar than new ones.
    asked = predictions.asked(recipe.data.without)
    strange = round(float(np.quantile(predictions.strange[asked], recipe.bundle.strange)), 4)
    spec = Spec(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        labels=recipe.data.labels,
        positive=recipe.data.positive,
        preprocess=preprocess,
        calibration=rules.calibration,
        operating_point=round(rules.operating_point, 4),
        conformal=rules.conformal,
        ood=replace(fitted, threshold=strange),
        intended_use=INTENDED_USE,
        licences=recipe.bundle.licences,
        training=_provenance(work),
        figures={**measured, "int8_against_float": small.parity, "model_bytes": len(small.model)},
    )
    return _write(spec, small.model, work.out / "bundle")


def _quantised(recipe: Recipe, model: Classifier, pixels: list[Pixels], spec: Preprocess, rules: Rules) -> _Small:
    """Export and quantise with augmented training photographs, and compare on the plain ones."""
    batch = inputs(pixels, spec)
    rng = np.random.default_rng(recipe.train.seed)
    chosen = rng.choice(len(pixels), min(CALIBRATION_PHOTOS, len(pixels)), replace=False)
    varied = [spec.normalise(augment(pixels[i], spec.size, rng)) for i in chosen[::2]]
    full = onnx.export(model, spec.size)
    small = onnx.quantise(full, np.stack([*varied, *batch[chosen[1::2]]]))
    a, b = onnx.run(full, batch), onnx.run(small, batch)
    column = recipe.data.labels.index(recipe.data.positive)
    parity = onnx.check_parity(a["logits"], b["logits"], rules.calibration, column, rules.operating_point)
    return _Small(small, b["logits"], b["embedding"], parity)


def _write(spec: Spec, model: bytes, folder: Path) -> Path:
    """Write the bundle twice: golden vectors come from the very files that they will check."""
    card = write_card(spec)
    write_bundle(folder, spec, model, {}, card)
    drawings = [draw(seed, size=96, tone=60.0 - 40 * seed).pixels for seed in GOLDEN_SEEDS]
    golden = record(Bundle.load(folder, check_golden=False), drawings)
    write_bundle(folder, spec, model, golden, card)
    Bundle.load(folder)
    return folder


def _provenance(work: Run) -> dict[str, Any]:
    recipe, manifest = work.recipe, work.manifest
    names = ("mpoxlens", "torch", "timm", "onnxruntime")
    labels = [r.label for r in manifest.records]
    return {
        "manifest_sha256": manifest.sha256,
        "photos": {label: labels.count(label) for label in recipe.data.labels},
        "clusters": {x: len({r.group for r in manifest.records if r.label == x}) for x in recipe.data.labels},
        "calibrated_at": round(_share(labels, recipe), 4),
        "sources": sorted({r.source for r in manifest.records}),
        "recipe": recipe.path.name,
        "recipe_sha256": recipe.sha256,
        "backbone": recipe.model.backbone,
        "base_weights": recipe.model.weights,
        "pool": recipe.model.pool,
        **({"kept_blocks": recipe.model.kept_blocks} if recipe.model.kept_blocks else {}),
        "mode": recipe.train.mode,
        "teachers": list(recipe.distil.teachers),
        "folds": recipe.train.folds,
        "repeats": recipe.train.repeats,
        "seed": recipe.train.seed,
        **recipe.bundle.statements,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
        "photographs": leak.record(work.workspace.manifest().paths, work.workspace.path / "prints", work.tell),
    }


def _share(labels: list[str], recipe: Recipe) -> float:
    """Return the share of the positive label among the labels that calibration is fitted on."""
    asked = [label for label in labels if label not in recipe.data.without]
    return asked.count(recipe.data.positive) / len(asked)
