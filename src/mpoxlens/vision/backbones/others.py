"""Networks that timm has not, or not with the weights at hand: of transformers and of torchvision, behind timm's face.

Each has `forward_features`, `default_cfg` and `group_matcher`, as a timm network has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from mpoxlens.vision.backbones.families import IMAGENET, Triple

Matcher = Callable[[str], int]


class TransformersBackbone(nn.Module):
    """A vision network of transformers, its last features in the field's order."""

    def __init__(self, net: Any, size: int, mean: Triple, std: Triple) -> None:
        super().__init__()
        self.net = net
        self.default_cfg = {"mean": mean, "std": std, "input_size": (3, size, size)}
        self.interpolate = net.config.model_type == "clip_vision_model" and net.config.image_size != size

    def forward_features(self, photo: Tensor) -> Tensor:
        """Return tokens [B, N, D] or maps [B, D, h, w] of photos [B, 3, H, W]."""
        if not hasattr(self.net, "visual_projection"):
            hidden: Tensor = self.net(photo).last_hidden_state
            return hidden
        tower = self.net.vision_model  # CLIP norms and projects the class token alone; here every token, likewise
        hidden = tower(photo, interpolate_pos_encoding=self.interpolate).last_hidden_state
        projected: Tensor = self.net.visual_projection(tower.post_layernorm(hidden))
        return projected

    def group_matcher(self, coarse: bool = False) -> Matcher:
        """Return the depth of each parameter: before the layers, each layer, after the layers."""
        del coarse
        return _layers(self)


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1 of torchvision (Iandola et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import squeezenet1_1

        net = squeezenet1_1()
        self.features, self.classifier = net.features, net.classifier
        mean, std = IMAGENET
        self.default_cfg = {"mean": mean, "std": std, "input_size": (3, 224, 224)}

    def forward_features(self, photo: Tensor) -> Tensor:
        """Return maps [B, 512, h, w] of photos [B, 3, H, W]."""
        maps: Tensor = self.features(photo)
        return maps

    def group_matcher(self, coarse: bool = False) -> Matcher:
        """Return the depth of each parameter: the first convolution, then each fire module."""
        del coarse
        return lambda name: int(name.split(".")[1]) if name.startswith("features.") else 99


def _layers(module: nn.Module) -> Matcher:
    """Depth by the longest list of like modules, which in every transformer and MobileNet is its body."""
    lists = [(name, len(m)) for name, m in module.named_modules() if isinstance(m, nn.ModuleList)]
    body = max(lists, key=lambda item: item[1], default=("", 0))[0]
    pattern = re.compile(rf"{re.escape(body)}\.(\d+)\.")
    depth, depths = 0, {}
    last = 1 + max((int(m[1]) for name, _ in module.named_parameters() if (m := pattern.match(name))), default=0)
    for name, _ in module.named_parameters():
        found = pattern.match(name)
        depth = int(found[1]) + 1 if found else (last + 1 if depth else 0)
        depths[name] = depth
    return depths.__getitem__


def clip_vit_b16() -> Any:
    """Radford et al. 2021: the image tower of CLIP ViT-B/16."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            image_size=224,
            patch_size=16,
            projection_dim=512,
        )
    )


def dinov2_s() -> Any:
    """Oquab et al. 2023: DINOv2 ViT-S/14, positions for 518 px."""
    from transformers import Dinov2Config, Dinov2Model

    return Dinov2Model(
        Dinov2Config(
            hidden_size=384,
            num_hidden_layers=12,
            num_attention_heads=6,
            image_size=518,
            patch_size=14,
            use_mask_token=False,
        )
    )


def mobilenet_v1() -> Any:
    """Howard et al. 2017: MobileNetV1 1.0 with TensorFlow's padding."""
    from transformers import MobileNetV1Config, MobileNetV1Model

    return MobileNetV1Model(MobileNetV1Config(), add_pooling_layer=False)


TRANSFORMERS: dict[str, Callable[[], Any]] = {
    "transformers-clip-vit-b16": clip_vit_b16,
    "transformers-dinov2-s": dinov2_s,
    "transformers-mobilenet-v1": mobilenet_v1,
}
