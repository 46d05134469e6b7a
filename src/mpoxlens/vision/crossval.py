"""Grouped cross-validation: out-of-fold predictions, the only thing that metrics and calibration read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.split import folds
from mpoxlens.errors import DataError
from mpoxlens.evaluation.ood import fit_ood
from mpoxlens.schema import Floats, Pixels
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.data import inputs
from mpoxlens.vision.fit import TrainingSet, fit, identity, predict, preprocess_of
from mpoxlens.vision.recipe import Recipe

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Out-of-fold predictions: every photograph judged by a network that saw nothing of its cluster."""

    sha256: tuple[str, ...]
    target: np.ndarray  # [N] int64, index of the label
    cluster: tuple[str, ...]
    fold: np.ndarray  # [N] int64
    logits: Floats  # [N, C]
    strange: np.ndarray  # [N] float64, out-of-distribution score by statistics of the fold's training side


def cross_validate(recipe: Recipe, manifest: Manifest, pixels: Sequence[Pixels], out: Path, tell: Tell) -> Predictions:
    """Fit one network a fold and predict what it did not see; folds that are done are not done again."""
    fold = folds(manifest.records, recipe.train.folds, recipe.train.seed).part
    target = targets(recipe, manifest)
    logits = np.zeros((len(target), len(recipe.data.labels)), dtype=np.float32)
    strange = np.zeros(len(target))
    for k in range(recipe.train.folds):
        seen, unseen = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        name = f"fold {k + 1} of {recipe.train.folds}"
        outputs = _outputs(recipe, manifest, pixels, seen, out / f"fold{k}", name, tell)
        logits[unseen] = outputs["logits"][unseen]
        strange[unseen] = fit_ood(outputs["embedding"][seen], recipe.bundle.strange).score(outputs["embedding"][unseen])
    hashes = tuple(r.sha256 for r in manifest.records)
    return Predictions(hashes, target, tuple(r.group for r in manifest.records), fold, logits, strange)


def _outputs(
    recipe: Recipe,
    manifest: Manifest,
    pixels: Sequence[Pixels],
    seen: np.ndarray,
    folder: Path,
    name: str,
    tell: Tell,
) -> dict[str, Floats]:
    """Return logits and embedding of every photograph by the network of one fold, from the disk if it is done.

    The network is asked for first: its checkpoint refuses other photographs, labels or clusters than it learned from.
    """
    stored = folder / "outputs.npz"
    known = identity(recipe, [*manifest.records, *(manifest.records[i] for i in seen)])
    model = fit_part(recipe, manifest, pixels, seen, folder, name, tell)
    found = _stored(stored, known)
    if found:
        return found
    logits, embedding = predict(model, inputs(pixels, preprocess_of(model, recipe.model.size)))
    part = stored.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, identity=known, logits=logits, embedding=embedding)
    part.replace(stored)
    return {"logits": logits, "embedding": embedding}


def _stored(path: Path, known: str) -> dict[str, Floats] | None:
    """Return the outputs in a file, unless it is missing, damaged or of other photographs."""
    try:
        with np.load(path, allow_pickle=False) as found:
            same = str(found["identity"]) == known
            return {key: found[key] for key in ("logits", "embedding")} if same else None
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def fit_part(
    recipe: Recipe,
    manifest: Manifest,
    pixels: Sequence[Pixels],
    rows: np.ndarray,
    folder: Path,
    name: str,
    tell: Tell,
) -> Classifier:
    """Fit on the given rows of the manifest, but for those that a reviewer doubts."""
    unsure = {sha for sha, flags in manifest.flags.items() if flags & set(recipe.data.unsure)}
    sure = [i for i in rows.tolist() if manifest.records[i].sha256 not in unsure]
    target = targets(recipe, manifest)
    records = [manifest.records[i] for i in sure]
    training = TrainingSet(
        [pixels[i] for i in sure],
        [int(target[i]) for i in sure],
        [r.group for r in records],
        identity(recipe, records),
    )
    return fit(recipe, training, folder, lambda done, of, loss: tell(f"{name}, loss {loss:.2f}", done, of))


def targets(recipe: Recipe, manifest: Manifest) -> np.ndarray:
    """Return each record's label as an index [N].

    Raises:
        DataError: a record has a label that the recipe does not know, or a label of the recipe has no photograph.
    """
    known = {label: i for i, label in enumerate(recipe.data.labels)}
    for record in manifest.records:
        if record.label not in known:
            why = f"label {record.label!r} is not in the recipe's data.labels"
            raise DataError(record.path, why, "add it there, or drop the photograph")
    found = np.array([known[r.label] for r in manifest.records])
    for label, i in known.items():
        if i not in found:
            raise DataError(f"label {label}", "no photograph has it", "add some, or remove it from data.labels")
    return found


def write_predictions(predictions: Predictions, recipe: Recipe, path: Path) -> None:
    """Write the out-of-fold table as Parquet: sha256, label, cluster, fold, strangeness, one logit a label."""
    import pyarrow as pa
    from pyarrow import parquet

    labels = recipe.data.labels
    columns = {
        "sha256": list(predictions.sha256),
        "label": [labels[i] for i in predictions.target],
        "cluster": list(predictions.cluster),
        "fold": predictions.fold.tolist(),
        "strange": predictions.strange.tolist(),
        **{f"logit_{label}": predictions.logits[:, i].tolist() for i, label in enumerate(labels)},
    }
    part = path.with_suffix(".part")
    parquet.write_table(pa.table(columns), part)
    part.replace(path)
