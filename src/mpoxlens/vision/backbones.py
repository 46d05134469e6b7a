"""A timm network whose head explains itself: class activation maps first, logits as their mean."""

from __future__ import annotations

from pickle import UnpicklingError  # only to name the error; loading is weights_only
from typing import Any

import timm
import torch
from torch import Tensor, nn

from mpoxlens.errors import WeightsError
from mpoxlens.vision.recipe import ModelRecipe
from mpoxlens.weights import resolve

PARTS = ("conv_stem", "bn1", "blocks", "conv_head", "bn2")  # what `stages` takes a network apart by


class Classifier(nn.Module):
    """Convolutional features, then a linear head at every place.

    Because the head is linear over average-pooled features, the mean of a class's map is its logit: the explanation
    is the score, spread out (Zhou et al. 2016, "CAM").
    """

    def __init__(self, backbone: Any, width: int, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.drop = nn.Dropout(0.2)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [B, C], cam [B, C, h, w] and embedding [B, D] of photos [B, 3, H, W]."""
        features = self.backbone.forward_features(photo)  # [B, D, h, w]
        cam = self.head(self.drop(features))  # [B, C, h, w]
        return cam.mean(dim=(2, 3)), cam, features.mean(dim=(2, 3))


def create(recipe: ModelRecipe, classes: int) -> Classifier:
    """Return a network with base weights and a new head.

    Raises:
        WeightsError: timm does not know the network, or the weights are not to be had or belong to another network.
    """
    try:
        backbone = timm.create_model(recipe.backbone, pretrained=False)
    except RuntimeError:
        raise WeightsError(f"network {recipe.backbone!r}", "timm does not know it", "see timm.list_models()") from None
    if not all(hasattr(backbone, part) for part in PARTS) or recipe.frozen_blocks > len(backbone.blocks):
        why = f"it does not have the parts {', '.join(PARTS)}, or fewer than {recipe.frozen_blocks} blocks"
        raise WeightsError(f"network {recipe.backbone!r}", why, "use an EfficientNet of timm")
    if recipe.weights != "none":
        load_base(backbone, recipe.weights)
    width = backbone.num_features
    backbone.reset_classifier(0)
    return Classifier(backbone, width, classes)


def load_base(backbone: nn.Module, name: str) -> None:
    """Load base weights whose tensors come in timm's order, under whatever names.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape.
    """
    path = resolve(name)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, OSError):
        raise WeightsError(str(path), "damaged, so that it cannot be read", "remove it to download it again") from None
    wanted = backbone.state_dict()
    if len(state) != len(wanted) or any(_differs(a, b) for a, b in zip(state.items(), wanted.items(), strict=True)):
        raise WeightsError(f"base weights {name!r}", "they belong to another network", "correct model.weights")
    backbone.load_state_dict(dict(zip(wanted, state.values(), strict=True)))


def _differs(given: tuple[str, Tensor], wanted: tuple[str, Tensor]) -> bool:
    (a, x), (b, y) = given, wanted
    return a.rsplit(".", 1)[-1] != b.rsplit(".", 1)[-1] or x.shape != y.shape


def stages(model: Classifier) -> list[nn.Module]:
    """Return the parts of the network from input to output, the head not among them."""
    net: Any = model.backbone
    stem = nn.ModuleList([net.conv_stem, net.bn1])
    return [stem, *net.blocks, nn.ModuleList([net.conv_head, net.bn2])]


def freeze(model: Classifier, blocks: int) -> None:
    """Keep the stem and the first `blocks` blocks as they are, their batch statistics too."""
    for part in stages(model)[: blocks + 1] if blocks else []:
        part.requires_grad_(False)
        part.eval()


def parameter_groups(model: Classifier, lr: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return optimiser groups, each stage learning slower than the next."""
    groups: list[dict[str, Any]] = [{"params": list(model.head.parameters()), "lr": lr}]
    for depth, part in enumerate(reversed(stages(model))):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr * layer_decay ** (depth + 1)})
    return groups
