"""Hyperparameter search inside the training folds (Optuna; Akiba et al. 2019); its winner is judged once outside.

One outer split is fixed: fold 0 of the recipe's own cross-validation is held out, and no trial sees it. A trial is
judged by grouped cross-validation among the other folds: the mean over inner folds of the AUROC of the positive label
against the other rashes. Trials lie in a database, so that processes and machines that name the same one share them.
The winner is then fitted on the outer training side and judged on the fold held out, beside the recipe as it was given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.trial import FrozenTrial, Trial, TrialState

from mpoxlens.datasets.tables import write_csv
from mpoxlens.errors import DivergedError, RecipeError, TrainingError
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.schema import Pixels
from mpoxlens.vision.checks import check_network
from mpoxlens.vision.crossval import each_fold
from mpoxlens.vision.plan import plan
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.recipe_text import to_toml, value_of
from mpoxlens.vision.run_folder import Run, opened, write_json, write_text
from mpoxlens.vision.scores import auroc, of_rows
from mpoxlens.vision.search_space import Setting, check, settings, with_settings
from mpoxlens.vision.study import DONE, open_study

HELD_OUT = 0  # the outer fold


@dataclass(frozen=True, eq=False)
class _Search:
    """What every trial needs: the outer training side alone."""

    run: Run  # its manifest and pixels are those of the outer training side
    space: tuple[Setting, ...]


def run(recipe_path: Path, data: Path, out: Path, storage: str = "") -> dict[str, Any]:
    """Search the settings of [search.space], and return what search.json holds.

    Writes `out`/best.toml, the winner's recipe, trials.csv, one row a trial, and search.json.

    Args:
        recipe_path: a TOML recipe with [search].
        data: a data set's folder, or a workspace after `apply`.
        out: the run's folder; a search that was stopped there goes on.
        storage: URL of a database as Optuna takes it; by default a file of SQLite in `out`.

    Raises:
        RecipeError: the space has an unknown setting or an impossible value.
        DataError: a label has too few clusters, or the database cannot be used.
        MpoxlensError: whatever data, weights or fits raise.
    """
    recipe = load(recipe_path)
    space = settings(recipe)
    with TemporaryDirectory() as scratch:
        check(recipe, space, Path(scratch))
    check_network(recipe)
    with opened(recipe, data, out, _claim(recipe)) as whole:
        search = _Search(_training_side(whole), space)
        # Too few clusters are refused before the database is made.
        plan(inner(recipe, recipe), search.run.manifest, "search.inner_folds")
        name = hashlib.sha256(f"{_claim(recipe)} {recipe.sha256} {whole.manifest.sha256}".encode()).hexdigest()[:16]
        study = open_study(storage or f"sqlite:///{(out / 'study.sqlite3').resolve()}", name, recipe.train.seed, out)
        _try_all(study, search)
        return _finish(study, search, whole)


def inner(recipe: Recipe, given: Recipe) -> Recipe:
    """Return a trial's recipe with the cross-validation that the given recipe wants inside the training side."""
    return replace(recipe, train=replace(recipe.train, folds=given.search.inner_folds, repeats=1))


def _claim(recipe: Recipe) -> str:
    """Name what makes two searches one besides the recipe; `trials` may be raised later."""
    text = json.dumps([recipe.search.inner_folds, dict(recipe.search.space)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _training_side(whole: Run) -> Run:
    seen = plan(replace(whole.recipe, train=replace(whole.recipe.train, repeats=1)), whole.manifest)[HELD_OUT].seen
    records = tuple(whole.manifest.records[i] for i in seen)
    pixels: list[Pixels] = [whole.pixels[i] for i in seen]
    return replace(whole, manifest=replace(whole.manifest, records=records, copies=()), pixels=pixels)


def _try_all(study: optuna.Study, search: _Search) -> None:
    wanted = search.run.recipe.search.trials
    given = {one.name: value_of(search.run.recipe, one.name) for one in search.space}
    if not study.get_trials(deepcopy=False) and all(one.holds(given[one.name]) for one in search.space):
        study.enqueue_trial(given)  # so that the recipe as it is stands among the trials
    stop = optuna.study.MaxTrialsCallback(wanted, DONE)
    while len(study.get_trials(deepcopy=False, states=DONE)) < wanted:
        study.optimize(lambda trial: _objective(trial, search), callbacks=[stop], n_trials=1)
        search.run.tell("trials", min(wanted, len(study.get_trials(deepcopy=False, states=DONE))), wanted)


def _objective(trial: Trial, search: _Search) -> float:
    """Return the mean AUROC over the inner folds; a trial that falls behind the others is pruned."""
    chosen = {one.name: one.suggest(trial) for one in search.space}
    run, found = search.run, list[float]()
    folder = run.out / "trials" / _named(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock"):  # two processes may try the same settings
            recipe = inner(with_settings(run.recipe, chosen, folder / "recipe.toml"), run.recipe)
            for p in each_fold(recipe, run.manifest, run.pixels, folder, _as_trial(run, trial), _features(run, recipe)):
                rash = _rash(p, recipe)
                found.append(float(auroc(rash, np.ones((1, len(rash.target))))[0]))
                trial.report(float(np.mean(found)), len(found))
                if len(found) < recipe.train.folds and trial.should_prune():
                    raise optuna.TrialPruned
    except (RecipeError, DivergedError) as error:
        trial.set_user_attr("problem", str(error))
        raise optuna.TrialPruned from None
    return float(np.mean(found))


def _named(chosen: Mapping[str, Any]) -> str:
    """Name a trial's folder by its settings, so that the same ones are never fitted twice."""
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:12]


def _as_trial(run: Run, trial: Trial) -> Any:
    return lambda stage, done, of: run.tell(f"trial {trial.number} {stage}", done, of)


def _features(run: Run, recipe: Recipe) -> Path:
    """The folder of frozen features, one for all trials that ask for the same."""
    t = recipe.train
    name = json.dumps([vars(recipe.model), t.views, t.seed], sort_keys=True)
    return run.out / "features" / hashlib.sha256(name.encode()).hexdigest()[:12]


def _rash(p: Predictions, recipe: Recipe) -> Predictions:
    return of_rows(p, np.flatnonzero(p.asked(recipe.data.without)))


def _finish(study: optuna.Study, search: _Search, whole: Run) -> dict[str, Any]:
    """Write the winner's recipe and the table of trials; judge the winner and the given recipe on the fold held out."""
    with FileLock(whole.out / ".finish.lock"):  # inside, so that of several processes the last writes of all trials
        trials = study.get_trials(deepcopy=False, states=DONE)
        complete = [t for t in trials if t.state == TrialState.COMPLETE]
        if not complete:
            why = f"none of its {len(trials)} trials came to an end; {trials[-1].user_attrs.get('problem', '')}"
            raise TrainingError("the search", why, "narrow [search.space], and name a new folder with --out")
        best = max(complete, key=lambda t: (t.values[0], -t.number))
        path = whole.out / "best.toml"
        head = f"# The best of {len(trials)} trials of {whole.recipe.path.name}, by {_means(whole.recipe)}.\n\n"
        write_text(head + to_toml(whole.recipe, best.params, whole.out), path)
        _write_trials(trials, search.space, whole.out / "trials.csv")
        content = {
            "criterion": _means(whole.recipe),
            "trials": len(trials),
            "pruned": len(trials) - len(complete),
            "best": {"trial": best.number, "auroc": round(best.values[0], 4), "settings": best.params},
            "held_out": {
                "best": _tested(load(path), whole, whole.out / "tested" / _named(best.params)),
                "as_given": _tested(whole.recipe, whole, whole.out / "tested" / "as-given"),
            },
        }
        write_json(content, whole.out / "search.json")
    return content


def _means(recipe: Recipe) -> str:
    others = "the others" if not recipe.data.without else f"the others without {', '.join(recipe.data.without)}"
    folds = f"{recipe.search.inner_folds} inner folds"
    return f"the mean over {folds} of the AUROC of {recipe.data.positive} against {others}"


def _tested(recipe: Recipe, whole: Run, folder: Path) -> dict[str, Any]:
    """Return what a recipe, fitted on the outer training side, does on the fold that no trial has seen."""
    recipe = replace(recipe, train=replace(recipe.train, repeats=1))
    folds = each_fold(recipe, whole.manifest, whole.pixels, folder, whole.tell, _features(whole, recipe))
    rash = _rash(next(folds), recipe)
    found = figure(auroc(rash, Draws.of(rash.cluster).weights))
    mpox = int((rash.target == rash.positive).sum())
    return {"auroc": found.to_dict(), "photos": len(rash.target), "mpox": mpox}


def _write_trials(trials: Sequence[FrozenTrial], space: Sequence[Setting], path: Path) -> None:
    names = [one.name for one in space]

    def rows() -> Iterator[list[object]]:
        for t in sorted(trials, key=lambda t: (t.state != TrialState.COMPLETE, -(t.value or 0.0), t.number)):
            took = round(t.duration.total_seconds(), 1) if t.duration else ""
            value = round(t.value, 4) if t.value is not None else ""
            settings = [t.params.get(name, "") for name in names]
            problem = t.user_attrs.get("problem", "")
            yield [t.number, t.state.name.lower(), value, len(t.intermediate_values), took, *settings, problem]

    write_csv(("trial", "state", "auroc", "inner_folds", "seconds", *names, "problem"), list(rows()), path)
