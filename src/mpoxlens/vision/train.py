"""From a labelled folder to a bundle: manifest -> cross-validation -> final fit -> rules -> int8 -> bundle.

Every stage leaves its result in the run's folder and is skipped when it is there, so that a killed run goes on where it
stopped when the same command is given again.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.bundle import Bundle, Spec
from mpoxlens.bundle import write as write_bundle
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.progress import Tell, progress
from mpoxlens.datasets.reviews import read_reviews
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import CheckpointError, TrainingError
from mpoxlens.evaluation.battery import Goals, Judged, Rules, cross_fit, figures, fit_rules
from mpoxlens.evaluation.ood import fit_ood
from mpoxlens.evaluation.tone import typology_angle
from mpoxlens.golden import record
from mpoxlens.optimise import onnx
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import INTENDED_USE, Floats, Pixels
from mpoxlens.vision.augment import augment
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.card import write_card
from mpoxlens.vision.crossval import Predictions, cross_validate, fit_part, write_predictions
from mpoxlens.vision.data import inputs, load_pixels
from mpoxlens.vision.fit import preprocess_of
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.report import write_training_report

CALIBRATION_PHOTOS = 256  # for the ranges of int8 activations
GOLDEN_SEEDS = (1, 2, 3)
LICENCES = {
    "code": "Apache-2.0",
    "weights": "research use only, see LICENSE-WEIGHTS.md",
    "data": "photographs published for non-commercial research; they belong to their authors and are not included",
}


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
    try:
        out.mkdir(parents=True, exist_ok=True)
        _claim(out / "recipe.sha256", recipe)
        with progress() as tell:
            return _stages(recipe, data, out, tell)
    except OSError as error:
        mend = "free some space or correct the path, then give the same command again: it goes on where it stopped"
        raise TrainingError(str(error.filename or out), f"cannot be written ({error.strerror})", mend) from None


def _stages(recipe: Recipe, data: Path, out: Path, tell: Tell) -> Path:
    manifest = _manifest(recipe, data, Workspace(out / "data"), tell)
    pixels = load_pixels(manifest.root, manifest.records)
    predictions = cross_validate(recipe, manifest, pixels, out, tell)
    write_predictions(predictions, recipe, out / "predictions.parquet")
    model = fit_part(recipe, manifest, pixels, np.arange(len(pixels)), out / "final", "all folds", tell)
    judged = _judged(recipe, predictions)
    fitted = cross_fit(judged, _goals(recipe), recipe.train.seed)
    measured = figures(judged, fitted, np.array([typology_angle(p) for p in pixels]))
    rules = fit_rules(judged, np.ones(len(pixels), dtype=np.bool_), _goals(recipe), recipe.train.seed)
    folder = _bundle(recipe, manifest, pixels, model, predictions, rules, measured, out)
    write_training_report(folder, judged, fitted, out / "report.html")
    return folder


def _manifest(recipe: Recipe, data: Path, work: Workspace, tell: Tell) -> Manifest:
    """Return the manifest with decisions applied and clusters found; in a workspace that is done, and holds."""
    if Workspace(data).table("manifest").exists():
        return Workspace(data).clean()
    ingest(work, [data], tell=tell)
    duplicates(work, tell=tell)
    return apply(work, [review for path in recipe.reviews_paths for review in read_reviews(path)])


def _judged(recipe: Recipe, p: Predictions) -> Judged:
    labels = recipe.data.labels
    asked = ~np.isin(p.target, [labels.index(label) for label in recipe.data.without])
    return Judged(p.logits, p.target, p.cluster, p.fold, labels.index(recipe.data.positive), asked)


def _goals(recipe: Recipe) -> Goals:
    return Goals(recipe.bundle.sensitivity, recipe.bundle.alpha)


@dataclass(frozen=True, eq=False)
class _Small:
    """The int8 file and what was learned of it."""

    model: bytes
    logits: Floats
    embedding: Floats
    parity: dict[str, float]


def _bundle(
    recipe: Recipe,
    manifest: Manifest,
    pixels: list[Pixels],
    model: Classifier,
    predictions: Predictions,
    rules: Rules,
    measured: dict[str, Any],
    out: Path,
) -> Path:
    preprocess = preprocess_of(model, recipe.model.size)
    small = _quantised(recipe, model, pixels, preprocess, rules)
    fitted = fit_ood(small.embedding, recipe.bundle.strange)
    # The threshold is out-of-fold: photographs that the network has learned from look more familiar than new ones.
    asked = _judged(recipe, predictions).asked
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
        licences=LICENCES,
        training=_provenance(recipe, manifest),
        figures=measured | {"int8_against_float": small.parity, "model_bytes": len(small.model)},
    )
    return _write(spec, small.model, out / "bundle")


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


def _provenance(recipe: Recipe, manifest: Manifest) -> dict[str, Any]:
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
        "folds": recipe.train.folds,
        "seed": recipe.train.seed,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
    }


def _share(labels: list[str], recipe: Recipe) -> float:
    """Return the share of the positive label among the labels that calibration is fitted on."""
    asked = [label for label in labels if label not in recipe.data.without]
    return asked.count(recipe.data.positive) / len(asked)


def _claim(path: Path, recipe: Recipe) -> None:
    """Refuse a folder that holds a run of another recipe, before hours of work go into it."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(recipe.sha256 + "\n")
        part.replace(path)
    elif path.read_text().strip() != recipe.sha256:
        why = f"it holds a run of another recipe than {recipe.path.name} as it is now"
        raise CheckpointError(str(path.parent), why, "name a new folder with --out")
