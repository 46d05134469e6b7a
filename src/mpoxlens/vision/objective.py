"""What a step is judged by: the labels, and a teacher where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, kl_div, log_softmax, one_hot

from mpoxlens.preprocess import Preprocess
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.data import UNLABELLED, Key
from mpoxlens.vision.recipe import DistilRecipe

Teacher: TypeAlias = Callable[[Tensor, list[Key]], tuple[Tensor, Tensor]]
"""Views [B, 3, H, W] in 0..1, as the student sees them before normalisation, and their keys (index, draw) ->
logits [B, C] and embedding [B, D']."""


class Student(nn.Module):
    """A classifier, and the linear map from its embedding to the teacher's, which is thrown away afterwards."""

    def __init__(self, model: Classifier, width: int = 0, taught: int = 0) -> None:
        super().__init__()
        self.model = model
        self.map = nn.Linear(width, taught) if taught else nn.Identity()

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [B, C] and the mapped embedding [B, D'] of photos [B, 3, H, W]."""
        logits, _, embedding = self.model(photo)
        return logits, self.map(embedding)


@dataclass(frozen=True)
class Shape:
    """How many of the batch count, over all processes."""

    rows: int
    labelled: int


def views_of(variants: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Return variants [B, H, W, 3] as views [B, 3, H, W] in 0..1; channels stay last in memory."""
    return torch.from_numpy(variants).to(device).permute(0, 3, 1, 2).float().div_(255)


def normalised(views: Tensor, spec: Preprocess) -> Tensor:
    """Standardise views [B, 3, H, W] as `Preprocess.normalise` does."""
    mean, std = (views.new_tensor(value)[:, None, None] for value in (spec.mean, spec.std))
    return (views - mean).div_(std)


def shares_of(targets: Tensor, classes: int, smoothing: float) -> Tensor:
    """Return the smoothed shares [B, C] of targets [B]; a row of zeros where there is no label."""
    known = (targets != UNLABELLED).unsqueeze(1)
    shares = one_hot(targets.clamp(min=0), classes).float() * (1 - smoothing) + smoothing / classes
    return shares * known


def by_labels(logits: Tensor, shares: Tensor, shape: Shape) -> Tensor:
    """Return this process's part of the mean cross-entropy over the labelled photographs of all."""
    return cross_entropy(logits, shares, reduction="sum") / max(1, shape.labelled)


def by_teacher(
    logits: Tensor, embedding: Tensor, taught: tuple[Tensor, Tensor], settings: DistilRecipe, shape: Shape
) -> tuple[Tensor, Tensor]:
    """Return this process's parts of two means over all photographs.

    The first is T^2 times the divergence of the student from the teacher, both softened by T (Hinton et al. 2015,
    section 2); the second 1 - the cosine of their embeddings.
    """
    heat = settings.temperature
    soft, wanted = log_softmax(logits / heat, 1), log_softmax(taught[0].float() / heat, 1)
    divergence = heat**2 * kl_div(soft, wanted, reduction="sum", log_target=True) / shape.rows
    if not settings.feature_weight:
        return divergence, divergence.new_zeros(())
    apart = (1 - cosine_similarity(embedding, taught[1].float(), dim=1)).sum() / shape.rows
    return divergence, apart


def objective(
    output: tuple[Tensor, Tensor],
    shares: Tensor,
    taught: tuple[Tensor, Tensor] | None,
    settings: DistilRecipe,
    shape: Shape,
) -> Tensor:
    """Return (1 - weight) * labels + weight * teacher + feature_weight * (1 - cosine), this process's part."""
    logits, embedding = output[0].float(), output[1].float()
    labels = by_labels(logits, shares, shape)
    if taught is None:
        return labels
    divergence, apart = by_teacher(logits, embedding, taught, settings, shape)
    return (1 - settings.weight) * labels + settings.weight * divergence + settings.feature_weight * apart


@torch.no_grad()
def ask(teacher: Teacher, views: Tensor, keys: list[Key]) -> tuple[Tensor, Tensor]:
    """Return the teacher's logits [B, C] and embedding [B, D'] on the student's device."""
    logits, embedding = teacher(views, keys)
    return logits.to(views.device), embedding.to(views.device)
