"""A network whose head explains itself: class activation maps first, logits as their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mpoxlens.preprocess import Preprocess


@dataclass(frozen=True)
class Reading:
    """How a network's last features become maps [B, D, h, w].

    Tokens of a vision transformer are laid out as the patches lay in the photograph (pool "mean"). With pool "token"
    its class token stands at every place instead: the head reads what the network was trained to read, but every map is
    flat and explains nothing.
    """

    order: str = "NCHW"  # of the network's own features: or "NHWC", or "NLC" for tokens
    prefix: int = 0  # tokens before the patches: class token, registers
    height: int = 0  # of the grid of patches
    width: int = 0
    pool: str = "mean"

    def __call__(self, network: Any, photo: Tensor) -> Tensor:
        """Return maps [B, D, h, w] of photos [B, 3, H, W]."""
        features: Tensor = network.forward_features(photo)
        if self.order == "NCHW":
            return features
        if self.order == "NHWC":
            return features.permute(0, 3, 1, 2)
        if isinstance(getattr(network, "fc_norm", None), nn.Module):
            features = network.fc_norm(features)  # of transformers that norm after pooling; theirs is over D alone
        if self.pool == "token":
            return features[:, 0, :, None, None].expand(-1, -1, self.height, self.width)
        places = features[:, self.prefix :].transpose(1, 2)
        return places.reshape(*places.shape[:2], self.height, self.width)


class Classifier(nn.Module):
    """Features at every place of the photograph, then a linear head at every place.

    Because the head is linear over average-pooled features, the mean of a class's map is its logit: the explanation
    is the score, spread out (Zhou et al. 2016, "CAM").
    """

    def __init__(self, backbone: Any, width: int, classes: int, reading: Reading = Reading(), size: int = 224) -> None:
        super().__init__()
        self.backbone = backbone
        self.drop = nn.Dropout(0.2)
        self.head = nn.Conv2d(width, classes, 1)
        self.reading = reading
        self.size = size  # px a side that it was created for

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [B, C], cam [B, C, h, w] and embedding [B, D] of photos [B, 3, H, W]."""
        features = self.reading(self.backbone, photo)  # [B, D, h, w]
        cam = self.head(self.drop(features))  # [B, C, h, w]
        return cam.mean(dim=(2, 3)), cam, features.mean(dim=(2, 3))


def preprocess_of(model: Classifier, size: int = 0) -> Preprocess:
    """Return the preprocessing that the base weights were made with, at our size (0: the one it was created for)."""
    config: Any = model.backbone.default_cfg
    return Preprocess(size or model.size, tuple(config["mean"]), tuple(config["std"]))
