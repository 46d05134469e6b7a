"""A network by name with its base weights, of whichever library has it."""

from __future__ import annotations

import difflib
import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import timm
import torch
from torch import nn

from mpoxlens.errors import WeightsError
from mpoxlens.vision.backbones.families import FAMILIES, HALF, Family, Triple
from mpoxlens.vision.backbones.loading import load_base, load_transformers, quietly
from mpoxlens.vision.backbones.others import TRANSFORMERS, SqueezeNet, TransformersBackbone
from mpoxlens.vision.backbones.trial import idle_children, unfit
from mpoxlens.weights import hub_file, hub_reachable, local

HUB = ("hf-hub:", "hf_hub:")  # timm looks such names up on the hub
TENSORS = (".safetensors", ".pth")  # what a local folder may hold a network of the hub as


def network_of(name: str, weights: str, size: int, family: Family | None = None) -> Any:
    """Return a network without a head, for photographs of this size.

    Args:
        name: a timm name, a builder's name in `others`, or "hf:" and a folder or a name on the hub.
        weights: a name in `mpoxlens.weights`, a file, "hub" or "none".
        size: px a side; 0 for the network's own.
        family: whose settings hold for it, if it is one of the papers'.

    Raises:
        WeightsError: nobody knows it, or its weights are not to be had or belong to another network.
    """
    if name.startswith("hf:"):
        return _of_transformers_hub(name.removeprefix("hf:"), weights, size)
    if name in TRANSFORMERS and family:
        return _of_transformers(name, weights, size, family)
    network = _squeezenet(weights) if name == "torchvision-squeezenet-1.1" else _of_timm(name, weights)
    idle = idle_children(network, name)  # at its own size, which base weights may change
    if weights not in ("hub", "none"):
        load_base(network, weights, idle)
    for child in idle:
        setattr(network, child, nn.Identity())
    return _resized(network, size, name)


def _of_timm(name: str, weights: str) -> Any:
    if name.startswith(HUB) and not hub_reachable():
        raise unfit(name, "the hub cannot be reached", "name a network of timm, or hf: and a folder")
    try:
        with _empty(weights == "hub"):  # of one that is loaded below only its entry is read
            network = timm.create_model(name, pretrained=False)
    except (RuntimeError, OSError):  # the hub may not have it either
        close = difflib.get_close_matches(name, [*FAMILIES, *timm.list_models()], 1)
        mend = f"did you mean {close[0]!r}?" if close else "see timm.list_models()"
        raise unfit(name, "timm does not know it", mend) from None
    return _pretrained(name, network.pretrained_cfg) if weights == "hub" else network


def _pretrained(name: str, cfg: dict[str, Any]) -> Any:
    """Let timm load its own weights: from a local folder, the hub's cache, the hub, or the address that timm has."""
    names = [f"{stem}{end}" for stem in (_tagged(cfg), name) for end in TENSORS]
    file = next((found for n in names if (found := local(n))), None)
    if file is None and cfg.get("hf_hub_id"):
        file = hub_file(cfg["hf_hub_id"])
    if file is None and not cfg.get("url"):
        raise _not_to_be_had(name, f"hub {cfg.get('hf_hub_id')}", names[0])
    overlay = {"file": str(file)} if file else {"hf_hub_id": None}  # the hub was asked already, and has it not
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    except OSError:
        raise _not_to_be_had(name, cfg["url"], names[0]) from None
    except (RuntimeError, KeyError):
        raise WeightsError(str(file), f"it does not hold the weights of {name}", "correct or remove it") from None


def _tagged(cfg: dict[str, Any]) -> str:
    return ".".join(part for part in (cfg.get("architecture"), cfg.get("tag")) if part)


def _resized(network: Any, size: int, name: str) -> Any:
    """Give a transformer of timm the positions of another size, interpolated."""
    size = size or network.default_cfg["input_size"][-1]
    if size == _side(network) or not hasattr(network, "set_input_size"):
        return network
    patch = network.patch_embed.patch_size[0]
    if size % patch:
        raise unfit(name, f"patches of {patch} px do not fill {size} px", f"set model.size to a multiple of {patch}")
    network.set_input_size(img_size=(size, size))
    return network


def _side(network: Any) -> int:
    """Return px a side that a network has positions for; base weights may have brought others than its own."""
    own: tuple[int, ...] = network.default_cfg["input_size"][-2:]
    return (getattr(getattr(network, "patch_embed", None), "img_size", None) or own)[-1]


def _squeezenet(weights: str) -> Any:
    network = SqueezeNet()
    if weights == "hub":
        from torchvision.models import SqueezeNet1_1_Weights

        try:
            network.load_state_dict(SqueezeNet1_1_Weights.DEFAULT.get_state_dict(progress=False, check_hash=True))
        except OSError:
            raise _not_to_be_had("squeezenet1_1", SqueezeNet1_1_Weights.DEFAULT.url, "squeezenet1_1.pth") from None
    return network


def _of_transformers(name: str, weights: str, size: int, family: Family) -> Any:
    with _empty(weights != "none"):  # of one that is loaded below only kind and settings are read
        net = TRANSFORMERS[name]()
    if weights == "hub":
        net = _hub(type(net), family.hub)
    elif weights != "none":
        net = load_transformers(net, weights)
    return TransformersBackbone(net, size or family.size, family.mean, family.std)


def _of_transformers_hub(name: str, weights: str, size: int) -> Any:
    """Any vision network of transformers, with the preprocessing that its publisher wrote beside it."""
    if weights not in ("hub", "none"):
        raise unfit(name, "its weights come with it", 'set model.weights = "hub", or "none" to train from scratch')
    from transformers import AutoConfig, AutoModel, CLIPVisionModelWithProjection

    config = _hub(AutoConfig, name)
    clip, auto = config.model_type.startswith("clip"), cast(Any, AutoModel)
    if weights == "hub":
        net = _hub(CLIPVisionModelWithProjection if clip else auto, name)
    elif clip:
        net = CLIPVisionModelWithProjection(getattr(config, "vision_config", config))
    else:
        net = auto.from_config(config)
    own = getattr(net.config, "image_size", 224)
    own = own if isinstance(own, int) else own[0]
    return TransformersBackbone(net, size or own, *_statistics(name))


def _hub(kind: Any, name: str) -> Any:
    """Return `kind.from_pretrained(name)`: a folder here or in a local folder, the hub's cache, or the hub."""
    place = local(name.rsplit("/", 1)[-1]) or name
    try:
        return quietly(kind, str(place), local_files_only=not hub_reachable())
    except (OSError, ValueError, KeyError):
        raise _not_to_be_had(name, f"hub {name}", name.rsplit("/", 1)[-1]) from None


def _statistics(name: str) -> tuple[Triple, Triple]:
    from transformers.utils.hub import cached_file

    try:
        place = local(name.rsplit("/", 1)[-1]) or name
        file = cached_file(str(place), "preprocessor_config.json", local_files_only=not hub_reachable())
        told = json.loads(Path(str(file)).read_text(encoding="utf-8"))
        return tuple(told["image_mean"]), tuple(told["image_std"])
    except (OSError, ValueError, KeyError, TypeError):
        return HALF


def _empty(wanted: bool) -> AbstractContextManager[Any]:
    """Make tensors without values where that is wanted; elsewhere, wherever the caller makes its own."""
    return torch.device("meta") if wanted else nullcontext()


def _not_to_be_had(name: str, tried: str, file: str) -> WeightsError:
    mend = f"put {file} into a folder and name it in MPOXLENS_WEIGHTS"
    return WeightsError(f"base weights of {name!r}", f"not to be had from the local folders, {tried}", mend)
