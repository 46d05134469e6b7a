"""Early stopping: whole clusters of the training side are held back, and the best moving average on them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from mpoxlens.datasets.split import hold_out
from mpoxlens.errors import DataError
from mpoxlens.schema import Floats, ImageRecord
from mpoxlens.vision.data import UNLABELLED, TrainingSet


def hold_back(data: TrainingSet, labels: Sequence[str], share: float, seed: int) -> tuple[TrainingSet, TrainingSet]:
    """Split into what is learned from and what early stopping looks at, every label on both sides, no cluster cut.

    Raises:
        DataError: a label has a single cluster, or so few that one side has none of it.
    """
    target = np.array(data.targets)
    known = np.flatnonzero(target != UNLABELLED)
    records = [
        ImageRecord(str(i), f"photograph {i}", labels[target[i]], "", None, 0, 0, data.clusters[i])
        for i in known.tolist()
    ]
    part = hold_out(records, share, seed).part
    held = {data.clusters[i] for i in known[part == 1].tolist()}
    apart = np.array([cluster in held for cluster in data.clusters])
    kept, looked_at = np.flatnonzero(~apart), np.flatnonzero(apart & (target != UNLABELLED))
    for label in sorted(set(target[known].tolist())):
        if label not in target[kept] or label not in target[looked_at]:
            why = f"a share of {share:g} for early stopping leaves one side without it"
            raise DataError(f"label {labels[label]}", why, "raise train.validation, or set train.patience = 0")
    return data.rows(kept), data.rows(looked_at)


def validation_loss(logits: Floats, targets: list[int]) -> float:
    """Return the cross-entropy of logits [N, C], every class weighing the same."""
    target = torch.tensor(targets)
    each = cross_entropy(torch.from_numpy(logits), target, reduction="none")
    return float(torch.stack([each[target == c].mean() for c in sorted(set(targets))]).mean())


@dataclass
class Best:
    """The lowest validation loss so far."""

    loss: float = float("inf")
    stale: int = 0  # epochs since
    weights: dict[str, Tensor] = field(default_factory=dict)

    def look(self, loss: float, weights: dict[str, Tensor]) -> None:
        """Take note of an epoch."""
        if loss < self.loss:
            self.loss, self.stale = loss, 0
            self.weights = {name: value.detach().clone() for name, value in weights.items()}
        else:
            self.stale += 1

    def state(self) -> dict[str, Any]:
        """Return it as a checkpoint keeps it."""
        return {"loss": self.loss, "stale": self.stale, "weights": self.weights}
