"""Frozen features and a linear head: multinomial logistic regression on what a backbone says of each photograph.

With a few hundred photographs this is the honest yardstick for fine-tuning, and the quickest teacher.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits
from torch import nn

from mpoxlens.errors import DataError
from mpoxlens.rules import Doubles
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.data import Balanced
from mpoxlens.vision.recipe import Recipe

INNER_FOLDS = 5
CHOICES = tuple(10 ** (k / 2) for k in range(-8, 1))  # C, from 0.0001 to 1
ROUNDS = 1000  # of L-BFGS
TOLERANCE = 1e-4  # largest gradient left, of a loss of about 1
ABSENT = -20.0  # log-odds of a label that an inner training side happens to lack


@dataclass(frozen=True, eq=False)
class Probe:
    """A linear classifier of standardised features."""

    mean: Floats  # [D]
    scale: Floats  # [D], standard deviation in training; 1 where that is 0
    weight: Floats  # [C, D], for standardised features
    bias: Floats  # [C]
    inverse_penalty: float  # C of the logistic regression
    converged: bool = True  # else L-BFGS stopped short, where the loss was lowest so far: as if C were smaller

    def logits(self, features: Floats) -> Floats:
        """Return logits [N, C] of features [N, D]."""
        return np.asarray((features - self.mean) / self.scale @ self.weight.T + self.bias, dtype=np.float32)


def fit_probe(features: Floats, targets: Sequence[int], clusters: Sequence[str], recipe: Recipe) -> Probe:
    """Fit a probe; every label counts the same, and a cluster of n photographs as much as sqrt(n) single ones.

    Args:
        features: [N, D], or [V, N, D] of V views a photograph, which share its weight.
        targets: [N], index of each photograph's label.
        clusters: [N]; the inner cross-validation cuts none.
        recipe: `train.inverse_penalty` is C; at 0 the one of `CHOICES` is taken whose log loss is least in a grouped
            cross-validation among these photographs.

    Raises:
        DataError: a label has no photograph, or its photographs lie in one cluster, so that C cannot be chosen.
    """
    views = features if features.ndim == 3 else features[None]
    labels, target = recipe.data.labels, np.asarray(targets)
    _check_present(target, labels)
    mean, scale = _standard(views)
    known = _Rows((views - mean) / scale, target, np.asarray(clusters), len(labels))
    with threadpool_limits(1):  # the products are small: threads cost more in waiting for one another than they save
        penalty = recipe.train.inverse_penalty or _choose(known, labels, recipe.train.seed)
        weight, bias, converged = next(_fits(known, (penalty,)))
    return Probe(mean, scale, weight.astype(np.float32), bias.astype(np.float32), penalty, converged)


def to_classifier(backbone_model: Classifier, probe: Probe) -> Classifier:
    """Return a copy of the network whose head is the probe, standardisation folded in: it exports like any other.

    Raises:
        DataError: the probe was fitted on features of another width.
    """
    classes, width = probe.weight.shape
    if backbone_model.head.in_channels != width:
        why = f"the network's features have {backbone_model.head.in_channels}"
        raise DataError(f"a probe of {width} features", why, "fit the probe on this network's features")
    weight = probe.weight.astype(np.float64) / probe.scale
    bias = probe.bias - weight @ probe.mean.astype(np.float64)
    head = nn.Conv2d(width, classes, 1)
    head.load_state_dict({"weight": torch.from_numpy(weight)[:, :, None, None], "bias": torch.from_numpy(bias)})
    model = copy.deepcopy(backbone_model)
    model.head = head
    return model.eval()


@dataclass(frozen=True, eq=False)
class _Rows:
    """What a fit sees."""

    views: Floats  # [V, N, D], standardised
    target: np.ndarray  # [N]
    cluster: np.ndarray  # [N]
    classes: int

    def of(self, rows: np.ndarray) -> _Rows:
        return _Rows(self.views[:, rows], self.target[rows], self.cluster[rows], self.classes)

    def weights(self) -> Doubles:
        """The share [N] of each photograph, 1 in the mean, so that C means the same for data sets of every size."""
        return np.asarray(Balanced(self.target.tolist(), self.cluster.tolist(), 0).weights * len(self.target))


def _check_present(target: np.ndarray, labels: Sequence[str]) -> None:
    for index, label in enumerate(labels):
        if index not in target:
            raise DataError(
                f"label {label}", "no photograph to learn it from", "add some, or remove it from the recipe"
            )


def _standard(views: Floats) -> tuple[Floats, Floats]:
    mean, scale = views.mean(axis=(0, 1), dtype=np.float64), views.std(axis=(0, 1), dtype=np.float64)
    scale[scale < 1e-8] = 1.0  # a feature that never changes
    return mean.astype(np.float32), scale.astype(np.float32)


def _fits(known: _Rows, penalties: Sequence[float]) -> Iterator[tuple[Doubles, Doubles, bool]]:
    """Yield weight [C, D], bias [C] and whether it converged for each C in turn, each fit starting from the last."""
    views, _, width = known.views.shape
    rows = known.views.reshape(-1, width)
    axes = _axes(rows)
    share = np.tile(known.weights() / views, views)
    model = LogisticRegression(max_iter=ROUNDS, tol=TOLERANCE, warm_start=True)
    for penalty in penalties:
        model.set_params(C=penalty)
        converged = _converges(model, rows @ axes.T, np.tile(known.target, views), share)
        yield *_every_class(model, axes, known.classes), converged


def _converges(model: LogisticRegression, rows: Floats, target: np.ndarray, share: Doubles) -> bool:
    """Fit, and return whether the optimiser came to its end; its warning becomes the answer, any other is passed on."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(rows, target, sample_weight=share)
    for one in told:
        if not issubclass(one.category, ConvergenceWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return not any(issubclass(one.category, ConvergenceWarning) for one in told)


def _axes(rows: Floats) -> Floats:
    """Return orthonormal axes [K, D] that span the rows [N, D]: the penalised solution lies among them.

    With fewer photographs than features that is the same fit in fewer unknowns.
    """
    if len(rows) >= rows.shape[1]:
        return np.eye(rows.shape[1], dtype=np.float32)
    return np.asarray(np.linalg.qr(rows.T)[0].T)


def _every_class(model: LogisticRegression, axes: Floats, classes: int) -> tuple[Doubles, Doubles]:
    """Return one row a class; of two classes scikit-learn keeps the difference alone."""
    weight, bias = model.coef_ @ axes.astype(np.float64), model.intercept_
    if len(bias) == 1:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    all_weight, all_bias = np.zeros((classes, axes.shape[1])), np.full(classes, ABSENT)
    all_weight[model.classes_], all_bias[model.classes_] = weight, bias
    return all_weight, all_bias


def _choose(known: _Rows, labels: Sequence[str], seed: int) -> float:
    """Return the C with the least log loss on held-out clusters, their plain views (the first) judged."""
    loss = np.zeros(len(CHOICES))
    weights = known.weights()
    parts = StratifiedGroupKFold(_inner_folds(known, labels), shuffle=True, random_state=seed)
    for seen, unseen in parts.split(known.target, known.target, known.cluster):
        for i, (weight, bias, _) in enumerate(_fits(known.of(seen), CHOICES)):
            logits = known.views[0, unseen] @ weight.T + bias
            true = logits[np.arange(len(unseen)), known.target[unseen]]
            loss[i] += weights[unseen] @ (np.logaddexp.reduce(logits, axis=1) - true)
    return CHOICES[int(loss.argmin())]


def _inner_folds(known: _Rows, labels: Sequence[str]) -> int:
    clusters = [len(set(known.cluster[known.target == c].tolist())) for c in range(known.classes)]
    if min(clusters) < 2:
        what, why = f"label {labels[int(np.argmin(clusters))]}", "all of its photographs lie in one cluster"
        raise DataError(what, f"{why}, so that C cannot be chosen", "set train.inverse_penalty in the recipe")
    return min(INNER_FOLDS, *clusters)
