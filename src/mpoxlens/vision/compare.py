"""Many backbones by one recipe, on the same folds: what each is worth, what it costs, and which differences are real.

Each has a folder of its own, in which a stopped run goes on. A backbone that cannot be had is named with the reason
and left out; none is trained from scratch in its place.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from mpoxlens.datasets.tables import write_table
from mpoxlens.errors import MissingExtraError, RecipeError, WeightsError
from mpoxlens.evaluation.paired import holm
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.vision.backbones import FAMILIES
from mpoxlens.vision.compare_page import to_markdown, write_page
from mpoxlens.vision.cost import Cost, cost
from mpoxlens.vision.crossval import cross_validate
from mpoxlens.vision.plan import plan
from mpoxlens.vision.recipe import ModelRecipe, Recipe, load
from mpoxlens.vision.run_folder import Run, opened, read_json, write_json, write_text
from mpoxlens.vision.scores import Paired, figures, paired

MODES = ("fine-tune", "frozen")


@dataclass(frozen=True)
class Entry:
    """One backbone of a comparison."""

    name: str  # as the recipe has it
    recipe: Recipe

    @property
    def folder(self) -> str:
        """Its folder in the run's."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.name.removesuffix(".toml"))


@dataclass(frozen=True, eq=False)
class Judged:
    """What is known of one backbone."""

    entry: Entry
    predictions: Predictions
    cost: Cost


def run(recipe_path: Path, data: Path, out: Path) -> dict[str, Any]:
    """Compare the backbones of [compare], and return what compare.json holds.

    Writes `out`/compare.md, compare.json, compare.parquet (one row a backbone), compare.html, and a folder a backbone.

    Raises:
        RecipeError: no backbone, or one that is no family and no recipe.
        MpoxlensError: whatever data or fits raise; weights that cannot be had are no error while one backbone is left.
    """
    recipe = load(recipe_path)
    entries = listed(recipe)
    with opened(recipe, data, out, fits=[entry.recipe for entry in entries]) as work:
        plan(recipe, work.manifest)
        judged, skipped = _judge_all(work, entries)
        if not judged:
            why = f"none of its backbones can be had; {next(iter(skipped.values()))}"
            raise WeightsError(str(recipe_path), why, "name others in [compare]")
        found = summary(judged, skipped, recipe)
        write_json(found, out / "compare.json")
        write_table(table(found), out / "compare.parquet")
        write_page(found, out / "compare.html")
        write_text(to_markdown(found), out / "compare.md")
    return found


def listed(recipe: Recipe) -> tuple[Entry, ...]:
    """Return the backbones of a recipe, each with a recipe of its own: the same data, folds, repeats and seed.

    A name is a family of `backbones`, with "frozen:" or "fine-tune:" before it where the mode is not that of
    [train], or a recipe beside this one.

    Raises:
        RecipeError: there is none, one comes twice, or a name means nothing.
    """
    names = recipe.compare.backbones
    if not names:
        raise RecipeError(f"{recipe.path}: compare.backbones", "nothing to compare", "name some backbones")
    entries = tuple(Entry(name, _recipe_of(recipe, name)) for name in names)
    if len({entry.folder for entry in entries}) < len(entries):
        raise RecipeError(f"{recipe.path}: compare.backbones", "one comes twice", "name each once")
    if recipe.compare.reference and recipe.compare.reference not in names:
        why = "it is not among compare.backbones"
        raise RecipeError(f"{recipe.path}: compare.reference = {recipe.compare.reference!r}", why, "name one of them")
    return entries


def _recipe_of(recipe: Recipe, name: str) -> Recipe:
    if name.endswith(".toml"):
        own = load(recipe.path.parent / name)
        t = recipe.train
        train = replace(own.train, folds=t.folds, repeats=t.repeats, seed=t.seed)
        reviews = tuple(os.path.relpath(path, own.path.parent) for path in recipe.reviews_paths)
        return replace(own, data=replace(recipe.data, reviews=reviews), train=train, bundle=recipe.bundle)
    mode, _, family = name.rpartition(":")
    if family not in FAMILIES or mode not in ("", *MODES):
        close = difflib.get_close_matches(family, FAMILIES, 1)
        mend = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(FAMILIES))}"
        raise RecipeError(f"{recipe.path}: compare.backbones {name!r}", "no such backbone", mend)
    f = FAMILIES[family]
    model = ModelRecipe(f.backbone, f.weights, f.frozen_blocks, 0, f.pool)
    return replace(recipe, model=model, train=replace(recipe.train, mode=mode or recipe.train.mode))


def _judge_all(work: Run, entries: Sequence[Entry]) -> tuple[list[Judged], dict[str, str]]:
    """Measure what each costs first, so that what cannot be had is known before hours of training."""
    costs, skipped = dict[str, Cost](), dict[str, str]()
    for entry in entries:
        try:
            costs[entry.name] = _cost(work, entry)
        except (WeightsError, MissingExtraError) as error:
            skipped[entry.name] = str(error)
            work.tell(f"{entry.name} skipped", 1, 1)
    return [_judge(work, entry, costs[entry.name]) for entry in entries if entry.name in costs], skipped


def _cost(work: Run, entry: Entry) -> Cost:
    path = work.out / entry.folder / "cost.json"
    model = asdict(entry.recipe.model)
    known = read_json(path)
    if known and known.get("model") == model and known["cost"].keys() == {f.name for f in fields(Cost)}:
        return Cost(**known["cost"])
    path.parent.mkdir(parents=True, exist_ok=True)
    found = cost(entry.recipe.model, len(entry.recipe.data.labels), work.pixels)
    write_json({"model": model, "cost": asdict(found)}, path)
    return found


def _judge(work: Run, entry: Entry, known: Cost) -> Judged:
    folder = work.out / entry.folder

    def tell(stage: str, done: int, of: int) -> None:
        work.tell(f"{entry.name} {stage}", done, of)

    predictions = cross_validate(entry.recipe, work.manifest, work.pixels, folder, tell)
    predictions.write(folder / "predictions.parquet")
    return Judged(entry, predictions, known)


def summary(judged: Sequence[Judged], skipped: dict[str, str], recipe: Recipe) -> dict[str, Any]:
    """Return what compare.json holds."""
    reference = _reference(judged, recipe)
    tests = _tests(judged, reference, recipe)
    return {
        "measured_on": _measured_on(judged[0].predictions, recipe),
        "reference": reference.entry.name,
        "reference_asked_for": recipe.compare.reference or recipe.compare.backbones[0],
        "backbones": [
            {
                "name": one.entry.name,
                "mode": one.entry.recipe.train.mode,
                "backbone": one.entry.recipe.model.backbone,
                "weights": one.entry.recipe.model.weights,
                "figures": figures(one.predictions, recipe.data.without),
                "cost": asdict(one.cost),
                "against_reference": tests.get(one.entry.name),
            }
            for one in judged
        ],
        "skipped": skipped,
    }


def _measured_on(p: Predictions, recipe: Recipe) -> dict[str, Any]:
    first = p.target[p.repeat == 0]
    return {
        "photos": len(first),
        "clusters": len(set(p.cluster)),
        "labels": {label: int((first == i).sum()) for i, label in enumerate(p.labels)},
        "positive": p.labels[p.positive],
        "without": list(recipe.data.without),
        "folds": recipe.train.folds,
        "repeats": recipe.train.repeats,
    }


def _reference(judged: Sequence[Judged], recipe: Recipe) -> Judged:
    """Return the reference, or the first that could be had."""
    wanted = recipe.compare.reference or recipe.compare.backbones[0]
    return next((one for one in judged if one.entry.name == wanted), judged[0])


def _tests(judged: Sequence[Judged], reference: Judged, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Return the paired tests of each backbone against the reference, each family of tests corrected by Holm."""
    others = [one for one in judged if one is not reference]
    made = [paired(one.predictions, reference.predictions, recipe.data.without) for one in others]
    found: dict[str, dict[str, Any]] = {one.entry.name: asdict(test) for one, test in zip(others, made, strict=True)}
    for f in fields(Paired):
        raw = [getattr(test, f.name)["p"] for test in made]
        corrected = holm([float("nan") if p is None else p for p in raw])
        for one, p in zip(others, corrected, strict=True):
            found[one.entry.name][f.name]["p_holm"] = None if math.isnan(p) else round(p, 4)
    return found


def table(found: dict[str, Any]) -> pa.Table:
    """Return one row a backbone: every figure with its interval, every cost, and the tests."""
    rows = [_flat(one) for one in found["backbones"]]
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def _flat(one: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in one.items():
        name = f"{before}{key}"
        flat |= _flat(value, f"{name}_") if isinstance(value, dict) else {name: value}
    return flat
