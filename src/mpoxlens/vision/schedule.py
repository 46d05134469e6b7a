"""How fast a fit learns, and which parts of the network."""

from __future__ import annotations

import math

from mpoxlens.vision.backbones import Classifier, stages
from mpoxlens.vision.recipe import TrainRecipe


def rate(step: int, total: int) -> float:
    """Linear warm-up over a twentieth, then cosine to a hundredth."""
    warm = max(1, total // 20)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, total - warm)  # a fit of one step has nothing after its warm-up
    return 0.01 + 0.495 * (1 + math.cos(math.pi * done))


def thawed(settings: TrainRecipe, epoch: int, parts: int) -> int:
    """Return how many of a network's parts, counted from the output, learn in an epoch (counted from 0)."""
    if epoch < settings.head_epochs:
        return 0
    return min(parts, 1 + (epoch - settings.head_epochs) // settings.unfreeze) if settings.unfreeze else parts


def thaw(model: Classifier, settings: TrainRecipe, epoch: int) -> None:
    """Let the parts learn that are due in an epoch (Howard and Ruder 2018, section 3.3, "gradual unfreezing").

    Batch statistics adapt in every part from the start.
    """
    parts = stages(model)
    count = thawed(settings, epoch, len(parts))
    model.backbone.requires_grad_(count == len(parts))
    for part in parts[len(parts) - count :]:
        part.requires_grad_(True)
