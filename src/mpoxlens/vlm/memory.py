"""How much memory a size needs on how many GPUs, counted on tensors without values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from mpoxlens.errors import MpoxlensError
from mpoxlens.vlm.adapter import Adapter, attach
from mpoxlens.vlm.config import SIZES
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.sharded import layers

GIB = 2**30
FROZEN = 2  # bytes a parameter in bfloat16


@dataclass(frozen=True)
class Plan:
    """Bytes on each of some GPUs, all parameters sharded over them (FSDP)."""

    gpus: int
    parameters: int
    gradients: int
    optimiser: int
    gathered: int  # whole on each GPU: all outside the layers, the largest layer at work, and the next one fetched
    activations: int  # an estimate: what is kept between layers, and one layer's work, see `_activations`

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.parameters + self.gradients + self.optimiser + self.gathered + self.activations


def counts(size: str) -> dict[str, int]:
    """Return the parameters of each part; a tied head counts once.

    Raises:
        MpoxlensError: there is no such size.
    """
    model = _empty(size)
    parts = ("photo_encoder", "skin_encoder", "photo_projector", "skin_projector", "language")
    return {part: sum(p.numel() for p in model.get_submodule(part).parameters()) for part in parts}


def plan(
    size: str, gpus: int, adapter: Adapter | None = None, *, batch: int = 1, tokens: int = 1024, whole: bool = False
) -> Plan:
    """Return the memory plan of training.

    Args:
        size: of `config.SIZES`.
        gpus: over which parameters, gradients and optimiser are sharded.
        adapter: what is trained.
        batch: conversations on each GPU at a time.
        tokens: of a conversation, the visual ones included.
        whole: train the language model itself, as a comparison.

    Raises:
        MpoxlensError: there is no such size, or not one GPU.
    """
    if gpus < 1 or batch < 1 or tokens < 1:
        raise MpoxlensError(f"gpus = {gpus}, batch = {batch}, tokens = {tokens}", "too few", "use 1 or more of each")
    trained, frozen, gathered, place = _numbers(size, adapter or Adapter(), whole)
    half = 2 if whole else 0  # a copy in bfloat16 to compute with
    return Plan(
        gpus,
        parameters=(FROZEN * frozen + (4 + half) * trained) // gpus,
        gradients=4 * trained // gpus,
        optimiser=8 * trained // gpus,
        gathered=0 if gpus == 1 else FROZEN * gathered,
        activations=batch * tokens * place,
    )


def table(size: str, numbers: tuple[int, ...] = (1, 2, 4, 8), **keys: Any) -> str:
    """Return the plans for some numbers of GPUs as a Markdown table in GiB."""
    rows = [plan(size, n, **keys) for n in numbers]
    names = ("parameters", "gradients", "optimiser", "gathered", "activations", "total")
    head = ["| GPUs | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    cells = (" | ".join(f"{getattr(row, name) / GIB:.2f}" for name in names) for row in rows)
    return "\n".join([*head, *(f"| {row.gpus} | {text} |" for row, text in zip(rows, cells, strict=True))])


@cache
def _numbers(size: str, adapter: Adapter, whole: bool) -> tuple[int, int, int, int]:
    """Return the parameters that are trained, frozen and gathered at once, and the bytes of a token."""
    model = attach(_empty(size), adapter)
    if whole:
        model.language.requires_grad_(True)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters()) - trained
    return trained, frozen, _gathered(model), _activations(model)


def _empty(size: str) -> MpoxVlm:
    if size not in SIZES:
        raise MpoxlensError(f"size {size!r}", "unknown", f"use one of: {', '.join(SIZES)}")
    with torch.device("meta"):
        return MpoxVlm(SIZES[size]())


def _gathered(model: MpoxVlm) -> int:
    """Return the parameters that FSDP gathers at once: what `sharded.shard` puts into no layer, and two layers."""
    inside = [sum(p.numel() for p in layer.parameters()) for layer in layers(model)]
    return sum(p.numel() for p in model.parameters()) - sum(inside) + 2 * max(inside)


def _activations(model: MpoxVlm) -> int:
    """Estimate the bytes a token, every layer recomputed: its input in bfloat16, one layer's work, logits and gradient.

    Korthikanti et al. 2022 (arXiv 2205.05198): a layer of width h holds about 34 h bytes a token beside attention,
    which fused attention does not store.
    """
    config = model.language.config
    kept = 2 * config.hidden_size * config.num_hidden_layers
    return int(kept + 34 * config.hidden_size + 2 * 4 * config.vocab_size)
