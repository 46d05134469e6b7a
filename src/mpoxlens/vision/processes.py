"""One process or many: who writes, and statistics of a batch that is spread over processes.

Started with `accelerate launch` or `torchrun`, a run has one process a device, or several on processors.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from accelerate import PartialState
from torch import Tensor, nn
from torch.distributed.nn import functional


def state() -> PartialState:
    """Return this process's place among all."""
    return PartialState(cpu=not torch.cuda.is_available())


def is_main() -> bool:
    """Return whether this process is the one that writes."""
    return bool(state().is_main_process)


def main_first() -> AbstractContextManager[None]:
    """Let the main process through before the others, which then find its work done."""
    turn: AbstractContextManager[None] = state().main_process_first()
    return turn


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation with the mean and variance of the whole step's photographs, as one process has them.

    PyTorch's SyncBatchNorm does the same on GPUs alone. What stands after the normalisation in timm's
    `BatchNormAct2d` (drop, act) is taken over, and parameters keep their names.
    """

    def __init__(self, of: nn.BatchNorm2d) -> None:
        super().__init__(of.num_features, of.eps, of.momentum)
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            setattr(self, name, getattr(of, name))
        self.drop, self.act = (getattr(of, name, nn.Identity()) for name in ("drop", "act"))
        self.train(of.training)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [B, C, H, W]."""
        found: Tensor = self.act(self.drop(self._shared(x) if self.training else super().forward(x)))
        return found

    def _shared(self, x: Tensor) -> Tensor:
        wide = x.float()
        count = _total(wide.new_tensor(wide.numel() / wide.shape[1]))
        mean = _total(wide.sum((0, 2, 3))) / count  # [C]
        apart = wide - mean[:, None, None]
        variance = _total(apart.square().sum((0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (apart * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance, share)


def _total(value: Tensor) -> Tensor:
    total: Tensor = functional.all_reduce(value)  # type: ignore[no-untyped-call]  # gradients go back the same way
    return total


def share_statistics(module: nn.Module) -> None:
    """Replace every batch normalisation inside by one over all processes."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, SharedBatchNorm(child))
        else:
            share_statistics(child)
