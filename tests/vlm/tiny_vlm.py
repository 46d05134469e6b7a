"""A model of the real classes at a size that answers within milliseconds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mpoxlens.vlm.base import build
from mpoxlens.vlm.generate import batch_of
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import conversation, prompt_ids

LABELS = ("mpox", "chickenpox", "healthy")
RECIPE = """
[data]
labels = ["mpox", "chickenpox", "healthy"]
[model]
size = "tiny"
rank = 2
[train]
folds = 2
batch = 2
views = 1
window = 2
read_steps = 1
align_steps = 1
tune_steps = 1
"""


def made(seed: int = 7) -> tuple[MpoxVlm, Any]:
    """Return the model, its first answer far from certain, and its tokenizer."""
    return build("tiny", seed=seed)


def pixels(model: MpoxVlm, count: int = 1, seed: int = 0) -> dict[str, Tensor]:
    """Return photographs for both encoders."""
    rng = torch.Generator().manual_seed(seed)
    sides = {"photo_pixels": model.config.photo_size, "skin_pixels": model.config.skin_size}
    return {name: torch.randn(count, 3, side, side, generator=rng) for name, side in sides.items()}


def asked(model: MpoxVlm, tokenizer: Any, *questions: str, seed: int = 0) -> dict[str, Tensor]:
    """Return the inputs of a batch of first questions, each with its photograph."""
    prompts = [prompt_ids(conversation(q), tokenizer, model.config) for q in questions]
    return batch_of(prompts, tokenizer.pad_token_id) | pixels(model, len(questions), seed)
