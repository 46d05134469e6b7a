"""`mpoxlens vlm evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, progress, silent
from mpoxlens.datasets.tables import read_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.vision.plan import plan
from mpoxlens.vision.run_folder import KEPT_RECIPE, write_json
from mpoxlens.vision.run_folder import RECIPE as CLAIM
from mpoxlens.vlm.crossval import ALONE, TOLD, predictions_of
from mpoxlens.vlm.evaluate.figures import Rivals, figures
from mpoxlens.vlm.evaluate.plan import Photographs, Settings, asked_of
from mpoxlens.vlm.evaluate.run import FOLDER, answered
from mpoxlens.vlm.evaluate.scores import shares
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.recipe import VlmRecipe, load

FIGURES = "figures.json"
MEND = "name the folder and the workspace of one run of: mpoxlens vlm crossval"
Line = tuple[str, Mapping[str, float | None], int]  # what, its figure, on how many


def command(
    run: Path,
    data: Path,
    settings: Settings,
    student: Path | None,
    probe: Path | None,
    ablation: Sequence[str],
) -> None:
    """Evaluate a run, write its figures, and print them."""
    rivals = read_rivals(run, student, probe, ablation)
    with progress() as tell:
        found = evaluation(run, data, settings, rivals, tell)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(shown(found))
    console.print(f"written: {run / FOLDER / FIGURES}")


def evaluation(run: Path, data: Path, settings: Settings, rivals: Rivals, tell: Tell = silent) -> dict[str, Any]:
    """Return every figure of a run, and write them into `run`/evaluation.

    Args:
        run: the folder that `mpoxlens vlm crossval` left.
        data: the workspace that it was run on.
        settings: how much is asked.
        rivals: what the model is held against.
        tell: told how far it is.

    Raises:
        CheckpointError: the adapter of a fold is missing or damaged.
        DataError: the data set is another, or cannot be read.
        RecipeError: the recipe that the run kept cannot be read.
    """
    claimed = _claimed(run)
    recipe, manifest = load(run / KEPT_RECIPE), Workspace(data).clean()
    if claimed != [recipe.sha256, manifest.sha256]:
        raise DataError(str(run), "its recipe was changed since, or it is a run of other photographs", MEND)
    frequencies = load_frequencies()
    asked = asked_of(photographs(recipe, manifest), frequencies, settings)
    rows = answered(recipe, manifest, asked, run, tell)
    found = figures(rows, others_of(run, recipe.data.labels), rivals, frequencies, settings.profile)
    found = {"settings": vars(settings), "data": manifest.sha256, "recipe": recipe.sha256} | found
    write_json(found, run / FOLDER / FIGURES)
    return found


def _claimed(run: Path) -> list[str]:
    """Return the names of recipe and photographs of a run."""
    try:
        return (run / CLAIM).read_text(encoding="utf-8").split()[:2]
    except OSError:
        raise DataError(str(run), "no run lies there", MEND) from None


def others_of(run: Path, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return how the teacher of each fold shares out what is not mpox, by the sha256 of photographs it never saw.

    Raises:
        DataError: the run has not ended, or its table is damaged.
    """
    table = read_table(run / TOLD, MEND)
    words = zip(table["sha256"].to_pylist(), table["teacher"].to_pylist(), strict=True)
    return {sha: shares(dict(zip(labels, word, strict=True))) for sha, word in words}


def photographs(recipe: VlmRecipe, manifest: Manifest) -> Photographs:
    """Return the photographs with the fold in which each is judged."""
    fold = [0] * len(manifest.records)
    for part in plan(recipe.folding, manifest):
        for i in part.unseen.tolist():
            fold[i] = part.fold
    return Photographs(manifest.records, fold, manifest.paths)


def read_rivals(run: Path, student: Path | None, probe: Path | None, ablation: Sequence[str]) -> Rivals:
    """Read the predictions that the model is held against.

    Args:
        run: as of `evaluation`.
        student: predictions.parquet of the default bundle's run.
        probe: predictions.parquet of a frozen CLIP probe.
        ablation: NAME=FOLDER of runs of `mpoxlens vlm crossval` without a part, of all folds or of the same two.

    Raises:
        DataError: one of them is not NAME=FOLDER, or cannot be read, or they have too few folds in common.
    """
    runs = {name: predictions_of(folder) for name, folder in map(_named, ablation)}
    full = Predictions.read(run / ALONE) if runs else None
    if full:
        _enough(full, runs)
    return Rivals(
        Predictions.read(student) if student else None, Predictions.read(probe) if probe else None, full, runs
    )


def _enough(full: Predictions, runs: Mapping[str, Predictions]) -> None:
    """Refuse runs without two folds in common: on the one, what is compared on the other is calibrated."""
    judged = set.intersection(*(set(p.sha256) for p in runs.values()))
    shared = {int(fold) for sha, fold in zip(full.sha256, full.fold, strict=True) if sha in judged}
    if len(shared) < 2:
        why = f"the runs have {len(shared)} folds in common, and two are needed"
        raise DataError(f"--ablation {', '.join(runs)}", why, "do one more in each: mpoxlens vlm crossval --fold")


def _named(text: str) -> tuple[str, Path]:
    name, sign, folder = text.partition("=")
    if not (name and sign and folder):
        raise DataError(f"--ablation {text}", "not of the form NAME=FOLDER", "give one such as no-clip=runs/no-clip")
    return name, Path(folder)


def shown(found: Mapping[str, Any]) -> Table:
    """Return the figures as a table."""
    table = Table("measure", "figure", "95 % interval", "of", title="language-vision model", title_justify="left")
    for what, figure, count in lines(found):
        low, high = figure["low"], figure["high"]
        interval = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
        p = figure.get("p_holm", figure.get("p"))
        told = "" if p is None else f", p {p:.3f}"
        value = figure["value"]
        table.add_row(what, "" if value is None else f"{value:.3f}", interval + told, str(count))
    return table


def lines(found: Mapping[str, Any]) -> Iterator[Line]:
    """Yield every figure with its name in words."""
    for part in ("accuracy", "ablations"):
        for question, judged in found.get(part, {}).items():
            yield from _judges(question.replace("_", " "), judged)
    histories = dict(found["histories"])
    turned = histories.pop("flips")
    for question, one in histories.items():
        name = question.replace("_", " ")
        yield f"divergence from the exact combination, nat, {name}", one["divergence"], one["photos"]
        yield f"the same, history unread, {name}", one["divergence_unread"], one["photos"]
    if turned["flips"]:
        yield "one answer flipped: right direction", turned["right_direction"], turned["flips_that_matter"]
        yield "one answer flipped: slope on the exact change", turned["slope"], turned["flips"]
    yield from _wordings(found["consistency"])
    for name, one in found["refusal"].items():
        yield f"refused, {name}", one["refused"], one["pictures"]
    for topic, one in found["phantoms"].items():
        yield f"drawings: stated wrongly, {topic}", one["wrong"], one["answers"]
        yield f"drawings: nothing plain stated, {topic}", one["unclear"], one["answers"]


def _judges(question: str, judged: Mapping[str, Any]) -> Iterator[Line]:
    for name, one in judged["judges"].items():
        for statistic, figure in one.items():
            yield f"{statistic}, {question}, {name}", figure, judged["photos"]
    for one in judged["differences"]:
        for statistic in ("accuracy", "auroc"):
            yield f"{statistic}, {question}, {one['of']} over {one['over']}", one[statistic], judged["photos"]


def _wordings(found: Mapping[str, Any]) -> Iterator[Line]:
    for test in ("trained", "held-out"):
        if test in found:
            one = found[test]
            yield f"same decision in all {one['wordings']} wordings, {test}", one["all"], one["photos"]
            yield f"same decision in pairs of wordings, {test}", one["pairs"], one["photos"]
    for name, figure in found.get("auroc", {}).items():
        yield f"wordings: {name.replace('_', ' ')}", figure, found["trained"]["photos"]
