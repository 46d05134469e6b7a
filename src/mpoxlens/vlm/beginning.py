"""Where the projector of CLIP begins: it says the labels' names, each as loudly as a probe believes in it.

Stage 1 of LLaVA (Liu et al. 2023, arXiv 2304.08485) turns what an encoder sees towards words that the language model
knows, with half a million captions. We have some hundred photographs and a linear probe that is good on them, and that
fits exactly: GELU(x) - GELU(-x) = x, so two units of the hidden layer carry one of the probe's logits unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mpoxlens.rules import Doubles
from mpoxlens.vlm.model import MpoxVlm, Projector
from mpoxlens.vlm.teacher import Teacher

LOUDNESS = 0.3  # length of what is said for one nat; a word of SmolLM is 3.2 long, what a new projector says about 1


def begin_with_probe(model: MpoxVlm, tokenizer: Any, teacher: Teacher, labels: Sequence[str]) -> None:
    """Set two hidden units a label in CLIP's projector, in place; the others stay as they were drawn.

    Args:
        model: whose visual features the teacher has learned from.
        tokenizer: of its language model.
        teacher: whose probe it is.
        labels: in the teacher's order.
    """
    weight, bias = _folded(teacher)  # [C, D], [C]
    names = torch.stack([_said(model, tokenizer, label) for label in labels])  # [C, W]
    speak(model.photo_projector, torch.from_numpy(weight), torch.from_numpy(bias), names)


def speak(projector: Projector, weight: Tensor, bias: Tensor, names: Tensor) -> None:
    """Let a projector say name c, [C, W], `weight` x + `bias` times as loudly; in place.

    Args:
        projector: from [D] to [W].
        weight: [C, D].
        bias: [C].
        names: [C, W].
    """
    layers: Any = projector  # torch does not know the kinds of its layers
    first, _, second = layers
    count = len(names)
    with torch.no_grad():
        for start, sign in ((0, 1.0), (count, -1.0)):
            units = slice(start, start + count)
            first.weight[units], first.bias[units] = sign * weight.to(first.weight), sign * bias.to(first.bias)
            second.weight[:, units] = sign * names.T.to(second.weight)


def _folded(teacher: Teacher) -> tuple[Doubles, Doubles]:
    """Return weight [C, D] and bias [C] for features as they are, of logits that are calibrated and sum to 0."""
    probe = teacher.probe
    weight = probe.weight.astype(np.float64) / probe.scale / teacher.calibration.temperature
    bias = probe.bias / teacher.calibration.temperature - weight @ probe.mean.astype(np.float64)
    return weight - weight.mean(axis=0), bias - bias.mean()


def _said(model: MpoxVlm, tokenizer: Any, label: str) -> Tensor:
    """Return the direction [W] of a label's name within a sentence, `LOUDNESS` long."""
    ids = tokenizer(" " + label.replace("_", " "), add_special_tokens=False)["input_ids"]
    words: Any = model.get_input_embeddings()
    mean: Tensor = words.weight[ids].detach().mean(0)
    said: Tensor = mean * (LOUDNESS / mean.norm())
    return said
