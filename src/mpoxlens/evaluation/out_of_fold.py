"""The networks of a cross-validation as a judge: each photograph is judged by the one that has not seen it.

Tests on the training photographs are honest only so: a network has learned its own photographs by heart, altered or
not. The rules are cross-fitted too, as in `evaluation.battery`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from mpoxlens.bundle import Outputs
from mpoxlens.errors import CheckpointError, DataError
from mpoxlens.evaluation.calibration import fit_calibration, fit_conformal, operating_point
from mpoxlens.evaluation.judge import DecisionRules, Judgement
from mpoxlens.evaluation.ood import fit_ood
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, Pixels
from mpoxlens.vision.backbones import Classifier, create
from mpoxlens.vision.checkpoint import NETWORK
from mpoxlens.vision.fit import preprocess_of
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.run_folder import KEPT_RECIPE

TOLERANCE = 0.05  # of a logit; the same network on the same pixels differs by far less, another by far more
MEND = "name the folder of a fine-tuned run, and the recipe that it was made by"


class OutOfFoldJudge:
    """The fold networks of a run's first repeat, with rules fitted on the other folds. Safe in several threads.

    Photographs that are not of the run (strange pictures) have been seen by none of its networks; any of them may
    judge such a one, and the key decides which.

    Args:
        run: folder with `predictions.parquet` and `fold0`, `fold1`, … as `mpoxlens train` and `crossval` leave them.
        recipe: that the run was made by; the one in its folder by default.

    Raises:
        RecipeError: the run's folder holds no recipe that can be read.
        DataError: the table of predictions is missing or damaged, or does not belong to the folds' outputs.
        CheckpointError: a fold's network is missing, damaged or of another recipe.
    """

    def __init__(self, run: Path, recipe: Recipe | None = None) -> None:
        recipe = recipe or load(run / KEPT_RECIPE)
        table = _first_repeat(Predictions.read(run / "predictions.parquet"))
        self.labels: tuple[str, ...] = table.labels
        self.positive: int = table.positive
        self.folds: list[int] = sorted(set(table.fold.tolist()))
        self._fold: dict[str, int] = dict(zip(table.sha256, table.fold.tolist(), strict=True))
        self._logits = dict(zip(table.sha256, table.logits, strict=True))
        self.rules = {k: _rules(run / f"fold{k}", table, recipe, k) for k in self.folds}
        self.networks = {k: _network(run / f"fold{k}", recipe, len(table.labels)) for k in self.folds}
        self.preprocess: Preprocess = preprocess_of(next(iter(self.networks.values())), recipe.model.size)

    def fold_of(self, key: str) -> int:
        """Return the fold whose network has not seen the photograph of this sha256."""
        return self._fold.get(key, self.folds[zlib.crc32(key.encode()) % len(self.folds)])

    def judge(self, pixels: Sequence[Pixels], keys: Sequence[str]) -> Judgement:
        """Return the judgement of photographs, each by its own fold's network and rules."""
        folds = np.array([self.fold_of(key) for key in keys])
        order, parts = [], []
        for k in np.unique(folds).tolist():
            rows = np.flatnonzero(folds == k).tolist()
            chosen = [pixels[i] for i in rows]
            parts.append(self.rules[k].judgement(self.outputs(chosen, k), chosen))
            order.extend(rows)
        return _merged(parts, order)

    def outputs(self, pixels: Sequence[Pixels], fold: int) -> Outputs:
        """Return what the network of a fold gives for photographs."""
        batch = torch.from_numpy(np.stack([self.preprocess(one) for one in pixels]))
        with torch.inference_mode():
            logits, cam, embedding = self.networks[fold](batch)
        return Outputs(logits.numpy(), cam.numpy(), embedding.numpy())

    def check(self, pixels: Sequence[Pixels], keys: Sequence[str]) -> None:
        """Compare unaltered photographs with what the run recorded for them.

        Raises:
            DataError: other logits: another recipe, other photographs, or other preprocessing.
        """
        for one, key in zip(pixels, keys, strict=True):
            if key not in self._logits:
                raise DataError(f"photograph {key[:12]}", "not of this run", "name the data set it was made of")
            error = float(np.abs(self.outputs([one], self.fold_of(key)).logits[0] - self._logits[key]).max())
            if not error <= TOLERANCE:
                why = f"its logits differ by {error:.2f} from those that the run recorded"
                raise DataError(f"photograph {key[:12]}", why, MEND)


def _first_repeat(table: Predictions) -> Predictions:
    rows = np.flatnonzero(table.repeat == 0)
    return replace(
        table,
        sha256=tuple(table.sha256[i] for i in rows),
        cluster=tuple(table.cluster[i] for i in rows),
        **{name: getattr(table, name)[rows] for name in ("target", "fold", "repeat", "logits", "strange")},
    )


def _rules(folder: Path, table: Predictions, recipe: Recipe, k: int) -> DecisionRules:
    """Fit on all that is out of fold elsewhere; strangeness on what this fold's network has learned from."""
    goals, own = recipe.bundle, table.fold == k
    rows = np.flatnonzero(~own & table.asked(recipe.data.without))
    positive = table.target[rows] == table.positive
    clusters = [table.cluster[i] for i in rows]
    calibration = fit_calibration(table.logits[rows], positive, table.positive, clusters, recipe.train.seed, refits=0)
    p = calibration.probabilities(table.logits[rows], table.positive)[:, table.positive]
    conformal = fit_conformal(p, positive, goals.alpha)
    learned = _embedding(folder / "outputs.npz", table, own)[~own]
    # The threshold is that of photographs out of fold, as in the bundle: those that were learned lie closer.
    ood = replace(fit_ood(learned, goals.strange), threshold=float(np.quantile(table.strange[rows], goals.strange)))
    return DecisionRules(table.positive, calibration, operating_point(p, positive, goals.sensitivity), conformal, ood)


def _embedding(path: Path, table: Predictions, own: np.ndarray) -> Floats:
    try:
        # Opened here, since numpy leaves a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            logits, embedding = found["logits"], found["embedding"]
    except (OSError, ValueError, KeyError, BadZipFile):
        raise DataError(str(path), "missing or damaged", MEND) from None
    if logits.shape != table.logits.shape or np.abs(logits - table.logits)[own].max() > TOLERANCE:
        raise DataError(str(path), "it does not belong to the table of predictions beside it", MEND)
    return np.asarray(embedding, dtype=np.float32)


def _network(folder: Path, recipe: Recipe, classes: int) -> Classifier:
    path = folder / NETWORK
    # The file holds every weight, so that base weights need not be had.
    model = create(replace(recipe.model, weights="none"), classes)
    try:
        model.load_state_dict(load_file(path))
    except FileNotFoundError:
        again = f"remove {folder / 'outputs.npz'} and give the run's command again: it goes on from the checkpoint"
        mend = again if (folder / "checkpoint.pt").exists() else MEND
        raise CheckpointError(str(path), "no such file", mend) from None
    except (RuntimeError, OSError, SafetensorError):
        raise CheckpointError(str(path), "damaged, or of another recipe", MEND) from None
    return model.eval()


def _merged(parts: Sequence[Judgement], order: Sequence[int]) -> Judgement:
    back = np.argsort(order)
    columns = zip(*((p.probability, p.called, p.strange, p.refused) for p in parts), strict=True)
    probability, called, strange, refused = (np.concatenate(column) for column in columns)
    return Judgement(probability, called, strange, refused, tuple(d for p in parts for d in p.decision)).take(back)
