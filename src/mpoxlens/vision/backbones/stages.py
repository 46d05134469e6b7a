"""A network taken apart by depth, so that what is near the input can be frozen or learn slower.

The order is timm's own (`group_matcher`, which every network of timm has); others bring one of the same form. Only what
timm counts to the block before it (a last convolution or norm) is a stage of its own here.
"""

from __future__ import annotations

from typing import Any

from timm.models import group_parameters
from torch import nn

from mpoxlens.vision.backbones.classifier import Classifier

JOINED = 99999  # timm's mark (`MATCH_PREV_GROUP`) of what belongs to the block before


class Stage(nn.Module):
    """The modules and bare parameters (class token, positions) of one depth."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        self.bare = nn.ParameterList()


def stages(model: Classifier) -> list[nn.Module]:
    """Return the parts of the network from input to output, the head not among them; every parameter is in one."""
    network: Any = model.backbone
    depth = group_parameters(network, _matcher(network), reverse=True)
    found = {level: Stage() for level in sorted(set(depth.values()))}
    _share_out(network, "", depth, found)
    return list(found.values())


def _matcher(network: Any) -> Any:
    """Return timm's matcher with `JOINED` made a depth like any other."""
    found = network.group_matcher(coarse=True)
    if not isinstance(found, dict):
        return found
    return {name: [_apart(s) for s in spec] if isinstance(spec, list) else spec for name, spec in found.items()}


def _apart(spec: tuple[str, tuple[int, ...] | None]) -> tuple[str, tuple[int, ...] | None]:
    pattern, suffix = spec
    return pattern, (JOINED - 1,) if suffix == (JOINED,) else suffix


def _share_out(module: nn.Module, name: str, depth: dict[str, int], found: dict[int, Stage]) -> None:
    """Hand a module to its stage whole if all of it is of one depth, and piece by piece if not."""
    levels = {depth[f"{name}{n}"] for n, _ in module.named_parameters()}
    if name and len(levels) == 1:
        found[levels.pop()].parts.append(module)
        return
    for n, parameter in module.named_parameters(recurse=False):
        found[depth[f"{name}{n}"]].bare.append(parameter)
    for n, child in module.named_children():
        _share_out(child, f"{name}{n}.", depth, found)


def freeze(model: Classifier, blocks: int) -> None:
    """Keep the stem and the first `blocks` blocks as they are, their batch statistics too."""
    for part in stages(model)[: blocks + 1] if blocks else []:
        part.requires_grad_(False)
        part.eval()


def parameter_groups(model: Classifier, lr: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return optimiser groups, each stage learning slower than the next; what is frozen is in none."""
    groups: list[dict[str, Any]] = [{"params": list(model.head.parameters()), "lr": lr}]
    for depth, part in enumerate(reversed(stages(model))):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr * layer_decay ** (depth + 1)})
    return groups
