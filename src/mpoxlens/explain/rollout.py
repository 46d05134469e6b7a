"""Attention rollout: how attention, layer after layer, brings the patches to what the head reads.

It has no sign and knows no class: it says where a vision transformer looks, never whether what it sees there speaks for
mpox or against it, and it would be the same with another head. It needs torch and a float network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mpoxlens.errors import DataError
from mpoxlens.explain.cam import enlarged
from mpoxlens.explain.gradients import explained, with_gradients
from mpoxlens.explain.nouns import Explanation, Setting, Subject
from mpoxlens.explain.subject import TorchSubject
from mpoxlens.schema import Floats


def attention_rollout(subject: Subject, photo: Floats, seed: int) -> Explanation:
    """Return how much of each patch arrives at what the head reads, by Abnar and Zuidema 2020.

    Before the enlargement the heat of all patches sums to what does not stay with the class token: to 1 at most.

    Raises:
        DataError: no float network, or one whose attention does not go over the whole photograph.
    """
    network = with_gradients(subject, "rollout")
    layers, contrast = attention(network, photo)
    reading = network.model.reading
    flow = roll_out(layers)
    read = flow[0] if reading.pool == "token" else flow[reading.prefix :].mean(dim=0)  # [N]
    coarse: Floats = read[reading.prefix :].reshape(reading.height, reading.width).cpu().numpy()
    settings: dict[str, Setting] = {"layers": len(layers), "heads": "mean", "signed": False}
    return explained(network, enlarged(coarse, network.size), "rollout", settings, seed, contrast, 1)


ROLLOUT = attention_rollout


def roll_out(layers: Sequence[Tensor]) -> Tensor:
    """Return from which token [N] each token [N] comes, rows summing to 1.

    Args:
        layers: attention [heads, N, N] of each, from the first to the last, rows summing to 1.
    """
    stay = torch.eye(layers[0].shape[-1], device=layers[0].device)  # the residual connection
    flow = stay
    for heads in layers:
        flow = (heads.mean(dim=0) + stay) / 2 @ flow
    return flow


@torch.no_grad()
def attention(subject: TorchSubject, photo: Floats) -> tuple[list[Tensor], float]:
    """Return the attention [heads, N, N] of each layer for one input [3, S, S], and the contrast.

    Raises:
        DataError: the network has no attention over all patches of the photograph.
    """
    reading = subject.model.reading
    tokens = reading.prefix + reading.height * reading.width
    with _written_out(subject.model.backbone), _watched(subject.model.backbone, tokens) as layers:
        contrast = float(subject.contrast(photo[None])[0])
    if not layers:
        why = "it is no vision transformer with attention over the whole photograph"
        raise DataError(subject.name, why, "take --method gradcam")
    return layers, contrast


@contextmanager
def _written_out(backbone: Any) -> Iterator[None]:
    """Have attention worked out step by step: what does it in one step keeps its weights to itself."""
    net: Any = getattr(backbone, "net", None)  # of transformers
    fused = [module for module in backbone.modules() if getattr(module, "fused_attn", False)]  # of timm
    kind = net.config._attn_implementation if hasattr(net, "set_attn_implementation") else ""
    try:
        for module in fused:
            module.fused_attn = False
        if kind:
            net.set_attn_implementation("eager")
        yield
    finally:
        for module in fused:
            module.fused_attn = True
        if kind:
            net.set_attn_implementation(kind)


@contextmanager
def _watched(backbone: Any, tokens: int) -> Iterator[list[Tensor]]:
    """Collect attention among so many tokens: timm drops some of it out by name, transformers returns it second."""
    dropped = {module for name, module in backbone.named_modules() if name.endswith("attn_drop")}
    seen: list[Tensor] = []

    def keep(module: nn.Module, _inputs: object, output: object) -> None:
        found = output[1] if isinstance(output, tuple) and len(output) > 1 else output
        named = isinstance(output, tuple) or module in dropped
        if named and isinstance(found, Tensor) and found.ndim == 4 and found.shape[2:] == (tokens, tokens):
            seen.append(found[0])

    with ExitStack() as stack:
        for module in backbone.modules():
            stack.callback(module.register_forward_hook(keep).remove)
        yield seen
