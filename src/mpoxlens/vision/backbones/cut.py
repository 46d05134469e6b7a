"""A network cut short by depth: its first blocks, and of the next one the widening convolution as the last.

A block of an inverted bottleneck begins by widening what comes from the block before it; detectors on phones read their
features there (Sandler et al. 2018, section 6.2, "the expansion layer"). So a cut network ends in a nonlinearity with
weights of its own kind, needs no layer that nobody trained, and where it is cut before a stride its maps are finer.
"""

from __future__ import annotations

from typing import Any

from timm.models._efficientnet_blocks import InvertedResidual
from timm.models.efficientnet import EfficientNet
from torch import nn

from mpoxlens.vision.backbones.trial import unfit

WHOLE = "set model.kept_blocks to 0, which keeps all"


def cut(network: Any, kept: int, name: str) -> None:
    """Keep the stem and the first `kept` blocks of an EfficientNet of timm, in place.

    Raises:
        WeightsError: it is no EfficientNet of timm, it has no more blocks, or the block after the last one kept does
            not begin by widening.
    """
    if not isinstance(network, EfficientNet):
        raise unfit(name, "only EfficientNets of timm and their kin can be cut", WHOLE)
    blocks: list[nn.Module] = [block for stage in network.blocks for block in stage]
    if kept >= len(blocks):
        raise unfit(name, f"it has {len(blocks)} blocks", f"set model.kept_blocks to {len(blocks) - 1} at most")
    following = blocks[kept]
    if not isinstance(following, InvertedResidual):
        why = f"block {kept + 1}, the one after the last kept, does not begin by widening"
        raise unfit(name, why, f"set model.kept_blocks to {_fit(blocks)}")
    stages = [nn.Sequential(*(block for block in stage if block in set(blocks[:kept]))) for stage in network.blocks]
    network.blocks = nn.Sequential(*(stage for stage in stages if len(stage)))
    network.conv_head, network.bn2 = following.conv_pw, following.bn1
    network.num_features = following.conv_pw.out_channels


def _fit(blocks: list[nn.Module]) -> str:
    found = [i for i, block in enumerate(blocks) if i and isinstance(block, InvertedResidual)]
    return f"one of {', '.join(map(str, found))}" if found else "0"
