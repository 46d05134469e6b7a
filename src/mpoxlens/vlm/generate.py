"""From turns and a photograph to words, one after the other, and to the logits of an answer's first token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, TextIteratorStreamer

from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import IGNORED
from mpoxlens.vlm.reader import MOST, enough_memory


def batch_of(prompts: Sequence[Sequence[int]], pad: int) -> dict[str, Tensor]:
    """Return prompts as input_ids, attention_mask and position_ids [B, L], padded on the left: answers go on right."""
    length = max(map(len, prompts))
    ids = torch.tensor([[pad] * (length - len(p)) + list(p) for p in prompts])
    mask = torch.tensor([[0] * (length - len(p)) + [1] * len(p) for p in prompts])
    return {"input_ids": ids, "attention_mask": mask, "position_ids": (mask.cumsum(1) - 1).clamp(min=0)}


def training_batch(pairs: Sequence[tuple[Sequence[int], Sequence[int]]], pad: int) -> dict[str, Tensor]:
    """Return pairs of ids and labels as input_ids, attention_mask and labels [B, L], padded on the right."""
    length = max(len(ids) for ids, _ in pairs)
    rest = [length - len(ids) for ids, _ in pairs]
    return {
        "input_ids": torch.tensor([[*ids, *[pad] * n] for (ids, _), n in zip(pairs, rest, strict=True)]),
        "attention_mask": torch.tensor([[1] * (length - n) + [0] * n for n in rest]),
        "labels": torch.tensor([[*labels, *[IGNORED] * n] for (_, labels), n in zip(pairs, rest, strict=True)]),
    }


@torch.inference_mode()
def first_logits(model: MpoxVlm, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return the logits [B, V] of each answer's first token; `inputs` as of `batch_of`, with the photograph's."""
    logits: Tensor = model(**inputs, logits_to_keep=1).logits
    return logits[:, -1]


@torch.inference_mode()
def generate(
    model: Any, tokenizer: Any, inputs: Mapping[str, Tensor], *, most: int = MOST, temperature: float = 0.0
) -> list[str]:
    """Return an answer to each prompt.

    Raises:
        MpoxlensError: the memory does not suffice.
    """
    length = inputs["input_ids"].shape[1]
    with enough_memory():
        found: Any = model.generate(**_settings(model, tokenizer, inputs, most, temperature))
    return [text.strip() for text in tokenizer.batch_decode(found[:, length:], skip_special_tokens=True)]


def stream(
    model: MpoxVlm, tokenizer: Any, inputs: Mapping[str, Tensor], *, most: int = MOST, temperature: float = 0.0
) -> Iterator[str]:
    """Yield the answer to one prompt piece by piece; who stops reading stops the model.

    Raises:
        MpoxlensError: the memory does not suffice; what was yielded before stands.
    """
    left = Event()
    pieces: Any = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    settings = _settings(model, tokenizer, inputs, most, temperature)
    settings |= {"streamer": pieces, "stopping_criteria": [_Left(left)]}
    with ThreadPoolExecutor(1, "answer") as pool:
        done = pool.submit(_write, model, settings)
        try:
            with enough_memory():
                yield from pieces
                done.result()  # an error while writing is raised here
        finally:
            left.set()


@torch.inference_mode()
def _write(model: Any, settings: dict[str, Any]) -> None:
    try:
        model.generate(**settings)
    finally:
        settings["streamer"].end()  # whatever happened, the reader must not wait


class _Left(StoppingCriteria):
    def __init__(self, left: Event) -> None:
        self.left = left

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        del scores, kwargs
        return torch.full((len(input_ids),), self.left.is_set(), device=input_ids.device)


def _settings(
    model: MpoxVlm, tokenizer: Any, inputs: Mapping[str, Tensor], most: int, temperature: float
) -> dict[str, Any]:
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    chosen = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": pad}
    given = {name: value.to(model.device) for name, value in inputs.items()}
    return given | chosen | ends | {"max_new_tokens": most}
