"""What learns from some rows of a manifest and judges all of them: a network that is tuned, or one left frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import torch
from filelock import FileLock

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell
from mpoxlens.datasets.split import Rows
from mpoxlens.errors import DataError
from mpoxlens.schema import Floats, Pixels
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.data import TrainingSet, inputs
from mpoxlens.vision.distil import Teacher, teacher_for
from mpoxlens.vision.features import frozen_features
from mpoxlens.vision.fit import fit, identity, predict
from mpoxlens.vision.plan import sure
from mpoxlens.vision.probe import Probe, fit_probe, to_classifier
from mpoxlens.vision.processes import main_first
from mpoxlens.vision.recipe import Recipe
from mpoxlens.vision.unlabelled import phantoms, with_unlabelled


class Learner(Protocol):
    """Learns from rows of a manifest, those left out that a reviewer doubts."""

    def outputs(self, recipe: Recipe, seen: Rows, folder: Path, name: str) -> dict[str, Floats]:
        """Learn from rows and return "logits" [N, C] and "embedding" [N, D] of every photograph."""

    def model(self, recipe: Recipe, seen: Rows, folder: Path, name: str) -> Classifier:
        """Learn from rows and return the network, ready for export."""


def taught(recipe: Recipe) -> bool:
    """Whether a teacher has a say in the loss."""
    return bool(recipe.distil.teachers) and (recipe.distil.weight > 0 or recipe.distil.feature_weight > 0)


@dataclass(frozen=True, eq=False)
class FineTuned:
    """All of the network learns, but for what the recipe freezes; see `fit`."""

    manifest: Manifest
    pixels: Sequence[Pixels]
    target: Rows
    features: Path  # folder that keeps the features of a frozen teacher
    tell: Tell = field(repr=False)

    def outputs(self, recipe: Recipe, seen: Rows, folder: Path, name: str) -> dict[str, Floats]:
        """See `Learner`."""
        model = self.model(recipe, seen, folder, name)
        logits, embedding = predict(model, inputs(self.pixels, preprocess_of(model, recipe.model.size)))
        return {"logits": logits, "embedding": embedding}

    def model(self, recipe: Recipe, seen: Rows, folder: Path, name: str) -> Classifier:
        """See `Learner`."""

        def tell(done: int, of: int, loss: float) -> None:
            self.tell(f"{name}, loss {loss:.2f}", done, of)

        return fit(recipe, self._training_set(recipe, seen), folder, tell, self._teacher(recipe, seen))

    def _training_set(self, recipe: Recipe, seen: Rows) -> TrainingSet:
        rows = sure(recipe, self.manifest, seen)
        records = [self.manifest.records[i] for i in rows]
        labelled = TrainingSet(
            [self.pixels[i] for i in rows],
            self.target[rows].tolist(),
            [record.group for record in records],
            identity(recipe, records),
        )
        drawn = recipe.distil.phantoms if taught(recipe) else 0
        return with_unlabelled(labelled, phantoms(drawn, recipe.train.seed))

    def _teacher(self, recipe: Recipe, seen: Rows) -> Teacher | None:
        if not taught(recipe):
            return None
        self.features.mkdir(parents=True, exist_ok=True)
        with main_first(), FileLock(self.features / ".teacher.lock"):  # others may want the same features
            return teacher_for(recipe, self.manifest, self.pixels, seen, self.features, self.tell)


@dataclass(frozen=True, eq=False)
class Frozen:
    """Logistic regression on the features of the base weights, which are computed once."""

    recipe: Recipe
    manifest: Manifest
    target: Rows
    folder: Path  # keeps the features
    tell: Tell = field(repr=False)

    @cached_property
    def features(self) -> Floats:
        """Features [N, D], or [V, N, D] of V views of which the first is the plain photograph."""
        path = self.folder / "features.parquet"
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.recipe.train.seed)  # for whoever asks for weights = "none"
        with main_first(), FileLock(path.with_suffix(".lock")):  # others may want the same
            t = self.recipe.train
            records, found = frozen_features(
                self.manifest, path, self.recipe.model, self.tell, views=t.views, seed=t.seed
            )
        if len(records) != len(self.manifest.records):
            raise DataError(str(self.manifest.root), "a photograph cannot be read any more", "ingest the folder again")
        return found

    def probe(self, recipe: Recipe, seen: Rows) -> Probe:
        """Fit the logistic regression."""
        rows = sure(recipe, self.manifest, seen)
        clusters = [self.manifest.records[i].group for i in rows]
        return fit_probe(self.features[..., rows, :], self.target[rows].tolist(), clusters, recipe)

    def outputs(self, recipe: Recipe, seen: Rows, folder: Path, name: str) -> dict[str, Floats]:
        """See `Learner`."""
        plain = self.features if self.features.ndim == 2 else self.features[0]
        probe = self.probe(recipe, seen)
        self.tell(name if probe.converged else f"{name}, stopped before it converged", 1, 1)
        return {"logits": probe.logits(plain), "embedding": plain}

    def model(self, recipe: Recipe, seen: Rows, folder: Path, name: str) -> Classifier:
        """See `Learner`."""
        torch.manual_seed(self.recipe.train.seed)
        return to_classifier(create(recipe.model, len(recipe.data.labels)), self.probe(recipe, seen))
