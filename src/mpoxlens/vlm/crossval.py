"""Grouped cross-validation of the language-vision model, on the very folds of the clinic's network.

What it says of each photograph by an adapter that saw nothing of its cluster: of the photograph alone, and with a
simulated history. A fold that is done is not done again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import torch
from filelock import FileLock
from torch import nn

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, progress, silent
from mpoxlens.datasets.split import Rows
from mpoxlens.datasets.tables import made_of, read_table, write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import CheckpointError, DataError, TrainingError
from mpoxlens.evaluation.ood import fit_ood
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.rules import OutOfDistribution
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vision.mae.leak import check_base_weights
from mpoxlens.vision.plan import Part, plan, sure, targets
from mpoxlens.vision.processes import is_main, main_first
from mpoxlens.vision.run_folder import KEPT_RECIPE, RECIPE, write_text
from mpoxlens.vlm.about import ABOUT
from mpoxlens.vlm.calibrate import calibrated_rules
from mpoxlens.vlm.examples import Side, side_of
from mpoxlens.vlm.features import Picture, Shown, VisualFeatures, visual_features
from mpoxlens.vlm.frequencies import Frequencies, load_frequencies
from mpoxlens.vlm.instructions.histories import POSITIVE
from mpoxlens.vlm.instructions.nouns import Instruction, read_instructions
from mpoxlens.vlm.posterior import posterior
from mpoxlens.vlm.predict import Prompt, predict, predicted_logits
from mpoxlens.vlm.recipe import VlmRecipe, load
from mpoxlens.vlm.rules_file import write_rules
from mpoxlens.vlm.teacher import Teacher, teacher_of
from mpoxlens.vlm.train import ADAPTER, Fitted, base_of, fit, read_histories
from mpoxlens.vlm.vignettes import from_seed
from mpoxlens.vlm.words import answers, history_text

LABELS = (POSITIVE, "other")
QUESTIONS, FEATURES = "instructions.parquet", "visual.parquet"
ALONE, TOLD = "predictions.parquet", "histories.parquet"
STRANGE = 0.97  # share of the photographs, out of fold, that are no stranger than the threshold
MEND = "mpoxlens vlm crossval RECIPE --data WORK --instructions DIR --out RUN"
_TOLD = pa.schema(
    [
        ("sha256", pa.string()),
        ("label", pa.string()),
        ("cluster", pa.string()),
        ("fold", pa.int64()),
        ("history", pa.string()),  # as text, "" where nothing is known
        ("info", pa.string()),  # the known answers as JSON
        ("log_odds", pa.float64()),  # of mpox by the model, photograph and history
        ("log_odds_alone", pa.float64()),  # the same without the history
        ("teacher", pa.list_(pa.float64())),  # probabilities by the labels of the recipe, of the photograph alone
        ("combined", pa.float64()),  # P(mpox): the teacher's word and the history, exactly
        ("history_alone", pa.float64()),  # P(mpox) by the history, every label being as likely before
    ]
)


@dataclass(frozen=True, eq=False)
class Work:
    """What every fit of a run needs."""

    recipe: VlmRecipe
    manifest: Manifest
    stored: tuple[Instruction, ...]
    features: VisualFeatures = field(repr=False)
    frequencies: Frequencies = field(repr=False)
    out: Path
    tell: Tell = field(repr=False)

    @property
    def shown(self) -> list[Shown]:
        """The plain picture of every photograph."""
        return [Shown(Picture(record.sha256).key) for record in self.manifest.records]

    @property
    def place(self) -> dict[str, int]:
        """Where every photograph stands in the manifest."""
        return {record.sha256: i for i, record in enumerate(self.manifest.records)}


def run(
    recipe_path: Path,
    data: Path,
    instructions: Path,
    out: Path,
    features: Path | None = None,
    only: Sequence[int] = (),
) -> Predictions:
    """Cross-validate a recipe; write `out`/predictions.parquet and histories.parquet, and return the former.

    Args:
        recipe_path: a TOML recipe.
        data: a workspace of `mpoxlens data` after `apply`.
        instructions: folder of `mpoxlens vlm instructions`.
        out: the run's folder; a run that was stopped there goes on.
        features: folder that keeps what the encoders see, to be shared between runs; `out` by default.
        only: numbers of the folds to do, from 0, of which nothing is written but their own folders; () for all.

    Raises:
        MpoxlensError: whatever of recipe, data, weights or disk cannot be used, in one line.
    """
    recipe = load(recipe_path)
    unknown = sorted(set(only) - set(range(recipe.train.folds)))
    if unknown:  # before all pictures are looked at
        why = f"train.folds = {recipe.train.folds}, so that they are 0 to {recipe.train.folds - 1}"
        raise DataError(f"fold {unknown[0]}", why, "name others")
    with opened(recipe, data, instructions, out, features) as work:
        return cross_validate(work, only)


def fit_all(recipe_path: Path, data: Path, instructions: Path, out: Path, features: Path | None = None) -> Path:
    """Cross-validate, fit on all photographs, and return the adapter's folder; arguments as of `run`.

    The adapter's probabilities and thresholds come from the cross-validation; a photograph whose label a reviewer
    doubts is judged there and not learned from.

    Raises:
        MpoxlensError: whatever of recipe, data, weights or disk cannot be used, in one line.
    """
    with opened(load(recipe_path), data, instructions, out, features) as work:
        alone = cross_validate(work)
        _, _, side = learn(work, np.arange(len(work.manifest.records)), out / "final", "all folds")
        folder = out / "final" / ADAPTER
        if is_main():
            told = read_table(out / TOLD, MEND)
            odds = dict(zip(told["sha256"].to_pylist(), told["log_odds"].to_pylist(), strict=True))
            rules = calibrated_rules(work.recipe, work.manifest, alone, odds)
            write_rules(replace(rules, ood=_ood(side, alone)), folder)
    return folder


def _ood(side: Side, alone: Predictions) -> OutOfDistribution:
    """Return how strange a picture is to what was learned from, with a threshold from out-of-fold scores."""
    pooled = side.features.pooled([Shown(Picture(record.sha256).key) for record in side.records])
    return replace(fit_ood(pooled, STRANGE), threshold=round(float(np.quantile(alone.strange, STRANGE)), 4))


@contextmanager
def opened(
    recipe: VlmRecipe, data: Path, instructions: Path, out: Path, features: Path | None = None
) -> Iterator[Work]:
    """Claim `out` for recipe, photographs and questions, and look at all pictures.

    Raises:
        CheckpointError: the folder holds another run.
        TrainingError: something in the folder cannot be written.
        MpoxlensError: the data cannot be used.
    """
    manifest = Workspace(data).clean()
    targets(recipe.folding, manifest)
    check_base_weights(recipe.folding, manifest)  # a skin expert that was continued on photographs to be tested
    stored = read_instructions(instructions / QUESTIONS)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with progress() as shown:
            tell = shown if is_main() else silent
            with FileLock(out / ".lock"):
                _claim(out / RECIPE, recipe, manifest, stored)
            seen = look(recipe, manifest, stored, (features or out) / FEATURES, tell)
            seen = replace(seen, blind=recipe.train.blind)
            yield Work(recipe, manifest, stored, seen, load_frequencies(), out, tell)
    except OSError as error:
        mend = "free some space or correct the path, then give the same command again: it goes on where it stopped"
        raise TrainingError(str(error.filename or out), f"cannot be written ({error.strerror})", mend) from None


def look(
    recipe: VlmRecipe, manifest: Manifest, stored: Sequence[Instruction], path: Path, tell: Tell = silent
) -> VisualFeatures:
    """Return the features of all photographs and of all pictures that are asked about, kept in a Parquet file."""
    t, known = recipe.train, {record.sha256 for record in manifest.records}
    asked = [Picture.of(one) for one in stored if one.sha256 in known or ":" in one.sha256]
    pictures = [*(Picture(record.sha256) for record in manifest.records), *asked]
    model, _ = base_of(recipe)
    cast(nn.Module, model).to("cuda" if torch.cuda.is_available() else "cpu")  # transformers leaves `to` untyped
    path.parent.mkdir(parents=True, exist_ok=True)
    with main_first(), FileLock(path.with_suffix(".lock")):  # others may want the same
        return visual_features(
            model, pictures, manifest.paths, path, views=t.views, strength=t.augmentation, seed=t.seed, tell=tell
        )


def cross_validate(work: Work, only: Sequence[int] = ()) -> Predictions:
    """Judge every photograph by a model that saw nothing of its cluster, and write both tables.

    Args:
        work: what to do it with.
        only: as of `run`.

    Raises:
        MpoxlensError: whatever a fit raises.
    """
    parts = plan(work.recipe.folding, work.manifest)
    tables = [_judged(work, part) for part in parts if part.fold in only or not only]
    if only:
        return joined([found for found, _ in tables], work.place)
    rows = sorted((row for _, told in tables for row in told.to_pylist()), key=lambda row: work.place[row["sha256"]])
    alone = joined([found for found, _ in tables], work.place)
    if is_main():
        write_table(pa.Table.from_pylist(rows, _TOLD), work.out / TOLD)
        alone.write(work.out / ALONE)
    return alone


def predictions_of(run: Path) -> Predictions:
    """Return what a run says of the photographs alone: of all, or of those of the folds that it has.

    Raises:
        DataError: it has none, or they are damaged.
    """
    if (run / ALONE).exists():
        return Predictions.read(run / ALONE)
    parts = [Predictions.read(path) for path in sorted(run.glob(f"fold*/{ALONE}"))]
    if not parts:
        raise DataError(str(run), "it holds no predictions", MEND)
    return joined(parts, {sha: i for i, sha in enumerate(sha for part in parts for sha in part.sha256)})


def learn(work: Work, seen: Rows, folder: Path, name: str) -> tuple[Fitted, Teacher, Side]:
    """Fit teacher and model on some rows of the manifest, those left out that a reviewer doubts."""
    rows = sure(work.recipe.folding, work.manifest, seen)
    records = [work.manifest.records[i] for i in rows]
    target = targets(work.recipe.folding, work.manifest)[rows].tolist()
    shown = work.shown
    pooled = work.features.pooled([shown[i] for i in rows])
    teacher = teacher_of(pooled, target, [record.group for record in records], work.recipe.folding)
    side = side_of(records, teacher, work.stored, work.features)
    reading = _reading(work) if work.recipe.train.read_steps else None
    fitted = fit(work.recipe, side, folder, work.tell, name=name, frequencies=work.frequencies, reading=reading)
    return fitted, teacher, side


def _reading(work: Work) -> Path:
    """Return what was learned from histories alone, which is the same for all folds: they are of nobody."""
    folder = work.out / "reading"
    if (folder / ADAPTER / ABOUT).exists():  # written last
        return folder / ADAPTER
    return read_histories(work.recipe, folder, work.tell, frequencies=work.frequencies)


def _judged(work: Work, part: Part) -> tuple[Predictions, pa.Table]:
    """Return what is said of the photographs that a fold does not learn from, from the disk if it is done."""
    folder = work.out / part.folder
    if made_of(folder / TOLD) and (folder / ALONE).exists():
        return Predictions.read(folder / ALONE), read_table(folder / TOLD, MEND)
    fitted, teacher, _ = learn(work, part.seen, folder, part.name)
    alone = _alone(work, part, fitted)
    told = _told(work, part, fitted, teacher, alone)
    if is_main():
        alone.write(folder / ALONE)
        write_table(told, folder / TOLD, of=part.name)  # last, so that its existence means a whole fold
    return alone, told


def _alone(work: Work, part: Part, fitted: Fitted) -> Predictions:
    rows, records = part.unseen, work.manifest.records
    shown = work.shown
    pooled = work.features.pooled(shown)
    prompts = [Prompt(shown[i].key) for i in rows]
    target = np.array([records[i].label != POSITIVE for i in rows], dtype=np.int64)  # index into LABELS
    return Predictions(
        LABELS,
        tuple(records[i].sha256 for i in rows),
        target,
        tuple(records[i].group for i in rows),
        np.full(len(rows), part.fold),
        np.full(len(rows), part.repeat),
        predicted_logits(fitted.model, fitted.tokenizer, prompts, work.features, work.recipe.train.batch),
        fit_ood(pooled[part.seen], STRANGE).score(pooled[rows]),
    )


def _told(work: Work, part: Part, fitted: Fitted, teacher: Teacher, alone: Predictions) -> pa.Table:
    """Return the table of `_TOLD`: each photograph with one simulated history of its label."""
    labels, profile = work.recipe.data.labels, work.recipe.train.profile
    even, shown = dict.fromkeys(labels, 1 / len(labels)), work.shown
    rows: list[dict[str, object]] = []
    for i, word in zip(part.unseen, teacher(work.features.pooled([shown[i] for i in part.unseen])), strict=True):
        record = work.manifest.records[i]
        info, text = told_history(work, record.sha256, record.label)
        prior = dict(zip(labels, word.tolist(), strict=True))
        known = {"sha256": record.sha256, "label": record.label, "cluster": record.group, "fold": part.fold}
        combined = posterior(info, prior, work.frequencies, profile)[POSITIVE]
        by_history = posterior(info, even, work.frequencies, profile)[POSITIVE]
        said = {"history": text, "info": json.dumps(dict(answers(info))), "teacher": word.tolist()}
        rows.append({**known, **said, "combined": combined, "history_alone": by_history})
    prompts = [Prompt(shown[i].key, history=str(row["history"])) for i, row in zip(part.unseen, rows, strict=True)]
    odds = predict(fitted.model, fitted.tokenizer, prompts, work.features, work.recipe.train.batch)
    without = alone.logits[:, 0].astype(np.float64) - alone.logits[:, 1]
    for row, with_, plain in zip(rows, odds.tolist(), without.tolist(), strict=True):
        row |= {"log_odds": with_, "log_odds_alone": plain}
    return pa.Table.from_pylist(rows, _TOLD)


def told_history(work: Work, sha256: str, label: str) -> tuple[ClinicalInfo, str]:
    """Return the one simulated history that a photograph is tested with, and its text."""
    rng = np.random.default_rng((work.recipe.train.seed, 99, int(sha256[:15], 16)))  # no stream of `examples`
    vignette = from_seed(label, int(rng.integers(2**31)), work.frequencies, profile=work.recipe.train.profile)
    return vignette.info, history_text(vignette.info)


def joined(parts: Sequence[Predictions], place: dict[str, int]) -> Predictions:
    """Put folds together in the manifest's order."""
    sha256 = [sha for p in parts for sha in p.sha256]
    cluster = [name for p in parts for name in p.cluster]
    order = np.argsort([place[sha] for sha in sha256])
    columns = [np.concatenate([getattr(p, c) for p in parts])[order] for c in ("target", "fold", "repeat", "logits")]
    target, fold, repeat, logits = columns
    strange = np.concatenate([p.strange for p in parts])[order]
    names = tuple(sha256[i] for i in order), tuple(cluster[i] for i in order)
    return Predictions(LABELS, names[0], target, names[1], fold, repeat, logits, strange)


def _learned_from(recipe: VlmRecipe, stored: Sequence[Instruction]) -> str:
    """Hash what a fit depends on besides recipe and photographs: questions, tables, and a skin expert of one's own."""
    found = hashlib.sha256(json.dumps([[o.id, o.question, o.history, o.answer] for o in stored]).encode())
    package = resources.files("mpoxlens.vlm")
    for table in (package / "frequencies.toml", package / "instructions" / "templates.toml"):
        found.update(table.read_bytes())
    if Path(recipe.model.skin).is_file():
        found.update(Path(recipe.model.skin).read_bytes())
    return found.hexdigest()


def _claim(path: Path, recipe: VlmRecipe, manifest: Manifest, stored: Sequence[Instruction]) -> None:
    """Take the folder for this run and keep its recipe there, or refuse it."""
    name = f"{recipe.sha256} {manifest.sha256} {_learned_from(recipe, stored)}"
    if not path.exists():
        write_text(recipe.path.read_text(encoding="utf-8"), path.parent / KEPT_RECIPE)
        write_text(name + "\n", path)
    elif path.read_text(encoding="utf-8").strip() != name:
        why = f"it holds a run of another recipe than {recipe.path.name} as it is now, or of other data"
        raise CheckpointError(str(path.parent), why, "name a new folder with --out")
