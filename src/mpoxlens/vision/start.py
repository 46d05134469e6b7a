"""What a fit starts from, and how far from there the network that is kept lies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.data import UNLABELLED, TrainingSet, inputs
from mpoxlens.vision.probe import fit_probe, to_classifier
from mpoxlens.vision.recipe import Recipe


def begun(recipe: Recipe, data: TrainingSet) -> Classifier:
    """Return the network that training starts from.

    A head that fits the base weights' features spares them the pull of a random one (Kumar et al. 2022, "LP-FT").
    """
    model = create(recipe.model, len(recipe.data.labels))
    if recipe.train.start != "probe":
        return model
    known = data.rows(np.flatnonzero(np.array(data.targets) != UNLABELLED))
    features = predict(model.eval(), inputs(known.pixels, preprocess_of(model, recipe.model.size)))[1]
    return to_classifier(model, fit_probe(features, known.targets, known.clusters, recipe)).train()


@torch.no_grad()
def blended(begun: Mapping[str, Tensor], tuned: Classifier, share: float) -> Classifier:
    """Move a network's weights back towards where training began.

    Between the two lie networks that keep more of what the base weights know of photographs unlike those of the
    training set, and lose little on those like them (Wortsman et al. 2022, "WiSE-FT").
    """
    for name, weight in tuned.state_dict().items():
        if weight.dtype.is_floating_point:
            weight.copy_(begun[name].cpu().lerp(weight, share))
    return tuned


@torch.no_grad()
def predict(model: Classifier, batch: Floats, step: int = 32) -> tuple[Floats, Floats]:
    """Return logits [N, C] and embedding [N, D] of inputs [N, 3, size, size], in float32."""
    device = next(model.parameters()).device
    parts = [model(torch.from_numpy(batch[i : i + step]).to(device)) for i in range(0, len(batch), step)]
    logits = np.concatenate([p[0].cpu().numpy() for p in parts])
    return logits, np.concatenate([p[2].cpu().numpy() for p in parts])
