"""What a network makes of a black photograph: tells what takes part, and how its features are laid out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mpoxlens.errors import WeightsError
from mpoxlens.vision.backbones.classifier import Reading


def try_out(network: Any, size: int, name: str) -> tuple[Tensor, set[nn.Module]]:
    """Return the features of a black photograph [1, ...], and the modules that took part in them.

    Raises:
        WeightsError: the network cannot take this size.
    """
    used: set[nn.Module] = set()
    hooks = [m.register_forward_pre_hook(lambda m, _: used.add(m)) for m in network.modules()]
    network.eval()
    try:
        features = _features(_Trial(network), size)
    except (RuntimeError, AssertionError, ValueError) as error:
        why = f"it cannot be run at {size} px ({(str(error) or type(error).__name__).splitlines()[0]})"
        raise unfit(name, why, "set model.size to 0, its own") from None
    finally:
        for hook in hooks:
            hook.remove()
    return features, used


class _Trial(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, photo: Tensor) -> Tensor:
        features: Tensor = self.network.forward_features(photo)
        if isinstance(getattr(self.network, "fc_norm", None), nn.Module):
            self.network.fc_norm(features)
        return features


@torch.no_grad()
def _features(trial: _Trial, size: int) -> Tensor:
    """Run on tensors without values, which costs nothing; in earnest where a network asks for values."""
    named = (*trial.named_parameters(), *trial.named_buffers())
    try:
        found: Tensor = functional_call(
            trial,
            {name: torch.empty_like(tensor, device="meta") for name, tensor in named},
            (torch.empty(1, 3, size, size, device="meta"),),
        )
    except RuntimeError:
        found = trial(torch.zeros(1, 3, size, size))
    return found


def idle_children(network: Any, name: str) -> list[str]:
    """Return the children with parameters that the features do not pass through: heads, and what prepares for them."""
    _, used = try_out(network, network.default_cfg["input_size"][-1], name)
    children = [(n, c) for n, c in network.named_children() if any(True for _ in c.parameters())]
    return [n for n, child in children if not used.intersection(child.modules())]


def reading_of(network: Any, features: Tensor, pool: str, name: str) -> Reading:
    """Return how these features become maps.

    Raises:
        WeightsError: they are neither maps nor a square of tokens, or `pool` asks for a class token that is not there.
    """
    if features.ndim == 4:
        reading = Reading("NHWC" if str(getattr(network, "output_fmt", "")).endswith("NHWC") else "NCHW")
    elif features.ndim == 3:
        reading = _grid(network, features.shape[1], pool, name)
    else:
        raise unfit(name, "its last features are neither maps nor tokens", "use another network")
    if pool == "token" and not reading.prefix:
        raise unfit(name, "it has no class token", 'set model.pool = "mean"')
    return reading


def _grid(network: Any, tokens: int, pool: str, name: str) -> Reading:
    """Find the square of patches among the tokens: what is more than a square stands before it."""
    prefix = getattr(network, "num_prefix_tokens", None)
    side = int((tokens - (prefix or 0)) ** 0.5)
    prefix = tokens - side * side if prefix is None else prefix
    if side * side + prefix != tokens:
        raise unfit(name, f"its {tokens} tokens are no square of patches", "use another network")
    return Reading("NLC", prefix, side, side, pool)


def unfit(name: str, why: str, mend: str) -> WeightsError:
    """Return the error for a network that cannot be used so."""
    return WeightsError(f"network {name!r}", why, mend)
