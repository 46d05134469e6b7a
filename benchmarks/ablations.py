"""Claim: what each choice of a recipe is worth, by cross-validation without it.

Each variant is the recipe with one choice undone, on the same folds. Differences of the AUROC against the recipe as it
is are paired, their intervals by bootstrap of clusters, their p-values corrected for the number of variants (Holm).
What a second training with another seed would change is not in the intervals.

A fold that is done is not done again: give the same --work to go on. `--only NAME` trains one variant, so that several
machines can share the work; without it the variants of `ASKED` are trained, and the others told of where they are done.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import probing
import record
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import CheckpointError
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.crossfit import calibrated
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.evaluation.paired import aligned, holm
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.subgroups import Answers, auroc_within
from mpoxlens.evaluation.tone import tone_band, typology_angle
from mpoxlens.vision.backbones import create, preprocess_of
from mpoxlens.vision.crossval import cross_validate
from mpoxlens.vision.data import inputs, load_pixels
from mpoxlens.vision.fit import predict
from mpoxlens.vision.recipe import DistilRecipe, ModelRecipe, Recipe, TrainRecipe, load
from mpoxlens.vision.run_folder import opened
from mpoxlens.vision.scores import accuracy, auroc, mpox_scores, paired, sensitivity

SHIPPED, UNHELD = "as shipped", "not held near the base weights"
ASKED = (SHIPPED, "without distillation", "mild augmentation", UNHELD)
TABLE = "predictions.parquet"
QUICK = Recipe(
    Path("drawn.toml"),  # a name to be shown; the recipe is written nowhere
    model=ModelRecipe(weights="none", frozen_blocks=0, size=64),
    train=TrainRecipe(folds=2, epochs=2, batch=8, augmentation="harsh", variants=2, inverse_penalty=0.01),
    distil=DistilRecipe(teachers=("frozen:efficientnet-lite0",), weight=0.5),
)


def variants(recipe: Recipe) -> dict[str, Recipe]:
    """Return the recipe and what it is without each of its choices; a choice that it does not make is left out."""
    t = recipe.train
    changed = {
        "without distillation": replace(recipe, distil=replace(recipe.distil, weight=0.0, feature_weight=0.0)),
        "mild augmentation": replace(recipe, train=replace(t, augmentation="mild")),
        "random head": replace(recipe, train=replace(t, start="random", blend=1.0)),
        UNHELD: replace(recipe, train=replace(t, blend=1.0)),
    }
    return {SHIPPED: recipe} | {name: one for name, one in changed.items() if one != recipe}


def main() -> None:
    """Train what is not trained yet, and compare."""
    parser = record.arguments(__doc__)
    parser.add_argument("--data", type=Path, help="a workspace of the shared photographs after `apply`")
    parser.add_argument("--work", type=Path, help="a folder for the runs, one a variant")
    parser.add_argument("--recipe", type=Path, default=record.ROOT / "recipes" / "lite0.toml")
    parser.add_argument("--as-shipped", type=Path, metavar="RUN", help="a finished run of the recipe, not done again")
    parser.add_argument("--only", metavar="NAME", help="train this variant alone and record nothing")
    given = parser.parse_args()
    if not given.quick and None in (given.data, given.work):
        parser.error("--data and --work are needed")
    with tempfile.TemporaryDirectory() as scratch:
        if given.quick:
            recipe, given.data, given.work = _quick(Path(scratch))
        else:
            recipe = load(given.recipe)
        known = variants(recipe)
        if given.only and given.only not in known:
            parser.error(f"--only: known are {', '.join(known)}")
        todo = [given.only] if given.only else _todo(known, given.work)
        judged = {name: _judged(name, known[name], given.data, given.work, given.as_shipped) for name in todo}
        tone = _tones(Workspace(given.data))
    rows = [*_rows(recipe, judged, tone), *_differences(recipe, judged)]
    if given.only:
        for row in rows:
            print("{:<90} {:>10}".format(*row.cells()[:2]))
        return
    packages = ("mpoxlens", "torch", "timm", "transformers")
    record.finish("ablations", rows, quick=given.quick, notes=_notes(recipe, judged[SHIPPED]), packages=packages)


def _todo(known: Mapping[str, Recipe], work: Path) -> list[str]:
    for name in set(ASKED) - set(known):
        print(f"{name}: the recipe is so already", file=sys.stderr, flush=True)
    return [name for name in known if name in ASKED or (work / _folder(name) / TABLE).exists()]


def _folder(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def _judged(name: str, recipe: Recipe, data: Path, work: Path, shipped: Path | None) -> Predictions:
    """Return the out-of-fold predictions of a variant."""
    if name == SHIPPED and shipped is not None:
        return _finished(recipe, shipped)
    folder = work / _folder(name)
    if name == UNHELD and shipped is not None:
        return _tuned_ends(recipe, Workspace(data), shipped)
    with opened(recipe, data, folder) as run:

        def tell(stage: str, done: int, of: int) -> None:
            run.tell(f"{name} {stage}", done, of)

        found = cross_validate(recipe, run.manifest, run.pixels, folder, tell, work / "features")
    found.write(folder / TABLE)
    return found


def _finished(recipe: Recipe, run: Path) -> Predictions:
    """Return the predictions of a finished run.

    Raises:
        CheckpointError: it is one of another recipe.
    """
    claim = run / "recipe.sha256"
    if not claim.exists() or claim.read_text(encoding="utf-8").split()[0] != recipe.sha256:
        raise CheckpointError(str(run), f"no run of {recipe.path.name} as it is now", "leave --as-shipped out")
    return Predictions.read(run / TABLE)


def _tuned_ends(recipe: Recipe, work: Workspace, run: Path) -> Predictions:
    """Return the predictions of a finished run's networks before they were moved back: training is the same."""
    manifest = work.clean()
    pixels = load_pixels(manifest.root, manifest.records)
    table, model = Predictions.read(run / TABLE), create(replace(recipe.model, weights="none"), len(recipe.data.labels))
    row = {sha: i for i, sha in enumerate(table.sha256)}
    judged = np.array([row[r.sha256] for r in manifest.records])
    batch = inputs(pixels, preprocess_of(model, recipe.model.size))
    logits = np.empty_like(table.logits)
    for k in range(recipe.train.folds):
        model.load_state_dict(torch.load(run / f"fold{k}" / "checkpoint.pt", weights_only=True)["average"])
        own = np.flatnonzero(table.fold[judged] == k)
        logits[judged[own]] = predict(model.eval(), batch[own])[0]
    return replace(table, logits=logits)


def _tones(work: Workspace) -> dict[str, str]:
    """Return the tone band of each photograph by sha256."""
    manifest = work.clean()
    pixels = load_pixels(manifest.root, manifest.records)
    return {r.sha256: tone_band(typology_angle(p)) for r, p in zip(manifest.records, pixels, strict=True)}


def _rows(recipe: Recipe, judged: Mapping[str, Predictions], tone: Mapping[str, str]) -> Iterator[record.Row]:
    for name, p in judged.items():
        for what, found in _figures(recipe, p, tone).items():
            yield record.Row(probing.told(f"{name}: {what}", found), found.value, "")


def _figures(recipe: Recipe, p: Predictions, tone: Mapping[str, str]) -> dict[str, Figure]:
    rash = p.take(p.asked(recipe.data.without))
    draws, positive, score = Draws.of(rash.cluster), rash.target == rash.positive, mpox_scores(rash)
    answers = Answers(positive, score, positive, rash.cluster)
    return {
        "AUROC, rash only": figure(auroc(rash, draws.weights)),
        "AUROC within tone": figure(auroc_within(answers, [tone[sha] for sha in rash.sha256], draws)),
        "sensitivity at specificity .90": figure(sensitivity(rash, draws.weights)),
        "four-class accuracy": figure(accuracy(calibrated(p, recipe.data.without), Draws.of(p.cluster).weights)),
    }


def _differences(recipe: Recipe, judged: Mapping[str, Predictions]) -> Iterator[record.Row]:
    if SHIPPED not in judged:
        return
    first = judged[SHIPPED]
    others = {name: aligned(first, p) for name, p in judged.items() if name != SHIPPED}
    tests = {name: paired(p, first, recipe.data.without).auroc for name, p in others.items()}
    plain = {name: {k: float("nan") if v is None else v for k, v in test.items()} for name, test in tests.items()}
    for (name, test), p in zip(plain.items(), holm([test["p"] for test in plain.values()]), strict=True):
        found = Figure(test["value"], test["low"], test["high"])
        measure = probing.told(f"{name}, less {SHIPPED}: AUROC, rash only", found, signed=True)
        yield record.Row(f"{measure}, p {p:.2f}", found.value, "")


def _notes(recipe: Recipe, p: Predictions) -> str:
    rash = p.take(p.asked(recipe.data.without) & (p.repeat == 0))
    t = recipe.train
    times = f", {t.repeats} times" if t.repeats > 1 else ""
    return (
        f"{recipe.path.name}, {recipe.bundle.name} {recipe.bundle.version}; {len(set(p.sha256))} photographs,"
        f" {len(rash.target)} of a rash, {int((rash.target == rash.positive).sum())} of mpox; {t.folds} grouped"
        f" folds{times}; p corrected by Holm."
    )


def _quick(scratch: Path) -> tuple[Recipe, Path, Path]:
    """Return a recipe of a minute, a workspace of drawings, and a folder for the runs."""
    return replace(QUICK, path=scratch / QUICK.path), probing.workspace(scratch), scratch / "runs"


if __name__ == "__main__":
    main()
