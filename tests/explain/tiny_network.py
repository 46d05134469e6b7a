"""A network of one convolution whose explanations can be worked out by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mpoxlens.explain.subject import TorchSubject
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier


class Backbone(nn.Module):
    """The first map is red, the second is green, whatever is below 0 cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1, bias=False)
        self.act = nn.ReLU(inplace=True)

    def forward_features(self, photo: Tensor) -> Tensor:
        maps: Tensor = self.act(self.conv(photo))
        return maps


def subject(size: int = 2) -> TorchSubject:
    """Return a network whose contrast is the mean of 2 red - 2 green, plus 0.5."""
    model = Classifier(Backbone(), 2, 2, size=size)
    with torch.no_grad():
        model.backbone.conv.weight.copy_(torch.eye(2, 3)[:, :, None, None])
        model.head.weight.copy_(torch.tensor([[2.0, -1.0], [0.0, 1.0]])[:, :, None, None])
        model.head.bias.copy_(torch.tensor([0.5, 0.0]))
    return TorchSubject(model, size, 0, "tiny")


def photo(red: list[list[float]], green: list[list[float]]) -> Floats:
    """Return an input [3, 2, 2] without blue."""
    return np.array([red, green, np.zeros_like(red)], np.float32)


class Smooth(nn.Module):
    """Two layers without corners."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 6, 3), nn.SiLU(), nn.Conv2d(6, 5, 3), nn.SiLU())

    def forward_features(self, photo: Tensor) -> Tensor:
        maps: Tensor = self.layers(photo)
        return maps


def smooth() -> TorchSubject:
    """Return a network that is not linear and has no corners, for inputs of 8 px."""
    torch.manual_seed(1)
    return TorchSubject(Classifier(Smooth(), 5, 3, size=8), 8, 2, "smooth")


def photograph(size: int, seed: int = 0) -> Floats:
    """Return noise [3, size, size]."""
    return np.random.default_rng(seed).standard_normal((3, size, size), np.float32)
