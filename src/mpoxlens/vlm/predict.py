"""What a model says of many photographs: the log-odds of yes at the first token of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mpoxlens.rules import Doubles
from mpoxlens.schema import Floats
from mpoxlens.vlm.features import Shown, VisualFeatures
from mpoxlens.vlm.generate import batch_of
from mpoxlens.vlm.loss import pair_logits
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import answer_ids, conversation, prompt_ids
from mpoxlens.vlm.talk import DIAGNOSIS


@dataclass(frozen=True)
class Prompt:
    """A question after the diagnosis of a picture."""

    picture: str  # `Picture.key`
    question: str = DIAGNOSIS
    history: str = ""
    view: int = 0


def predict(
    model: MpoxVlm, tokenizer: Any, prompts: Sequence[Prompt], features: VisualFeatures, batch: int = 8
) -> Doubles:
    """Return the log-odds of yes [N]; see `predicted_logits`."""
    logits = predicted_logits(model, tokenizer, prompts, features, batch)
    return np.asarray(logits[:, 0].astype(np.float64) - logits[:, 1])


def predicted_logits(
    model: MpoxVlm, tokenizer: Any, prompts: Sequence[Prompt], features: VisualFeatures, batch: int = 8
) -> Floats:
    """Return the logits [N, 2] of "Yes" and "No" as an answer's first token, in the order of the prompts.

    Args:
        model: on its device, in its own precision; left in the mode in which it was.
        tokenizer: with place holders.
        prompts: of pictures that `features` has.
        features: of both encoders.
        batch: prompts at once; those of like length go together.
    """
    answers, pad = answer_ids(tokenizer), tokenizer.pad_token_id
    ids = [prompt_ids(conversation(one.question, one.history), tokenizer, model.config) for one in prompts]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    found = np.zeros((len(ids), 2), np.float32)
    was = model.training
    model.train(False)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        inputs = batch_of([ids[i] for i in rows], pad)
        inputs |= features.batch([Shown(prompts[i].picture, prompts[i].view) for i in rows])
        found[rows] = _judged(model, inputs, answers)
    model.train(was)
    return found


@torch.inference_mode()
def _judged(model: MpoxVlm, inputs: dict[str, torch.Tensor], answers: tuple[int, int]) -> Floats:
    given = {name: value.to(model.device) for name, value in inputs.items()}
    words = model.embed(given["input_ids"], given["photo_features"], given["skin_features"])
    seen = {name: given[name] for name in ("attention_mask", "position_ids")}
    hidden = model.language.model(inputs_embeds=words, use_cache=False, **seen).last_hidden_state
    return np.asarray(pair_logits(model, hidden[:, -1], answers).cpu().numpy())
