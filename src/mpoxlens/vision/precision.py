"""Where a network that learns in bfloat16 computes in 32 bits all the same, because that is faster.

On processors the backward pass of a depthwise convolution has a fast path in bfloat16 only for 3 x 3 kernels of stride
1; the others would take most of a step's time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _Wide:
    """Comes before a convolution's own class and leaves autocast."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            found: Tensor = super().forward(x.float())  # type: ignore[misc]
        return found


def widen(model: nn.Module) -> None:
    """Let the slow depthwise convolutions compute in 32 bits; parameters and their names stay."""
    for part in model.modules():
        if isinstance(part, nn.Conv2d) and part.groups > 1 and (max(part.kernel_size) > 3 or max(part.stride) > 1):
            own = type(part)
            part.__class__ = type(f"Wide{own.__name__}", (_Wide, own), {})


def narrow(model: nn.Module) -> None:
    """Undo `widen`, so that the network exports like any other."""
    for part in model.modules():
        if isinstance(part, _Wide):
            part.__class__ = type(part).__bases__[1]
