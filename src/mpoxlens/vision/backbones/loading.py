"""Base weights into a network, every tensor accounted for."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mpoxlens.errors import WeightsError
from mpoxlens.vision.base_weights import READERS, read_state
from mpoxlens.weights import SOURCES, resolve

OTHER_HEADS = ("text_model.", "text_projection.", "logit_scale", "classifier.", "pooler.")  # beside a vision network


def load_base(network: nn.Module, name: str, spare: Collection[str] = ()) -> None:
    """Load base weights into a network, by name, or else in order under whatever names.

    Args:
        network: of timm or torchvision.
        name: in `mpoxlens.weights`, or a file of tensors.
        spare: children that may stay as they are, such as a head of other classes.

    Raises:
        WeightsError: not to be had, or a tensor is missing, left over, or of another shape.
    """
    state = read_state(path_of(name))
    _take_places(network, state)
    wanted = network.state_dict()
    needed = [key for key in wanted if key.split(".")[0] not in spare]
    good = {key: value for key, value in state.items() if key in wanted and wanted[key].shape == value.shape}
    if good.keys() >= set(needed) and all(key in good or key.split(".")[0] in spare for key in state):
        network.load_state_dict(good, strict=False)
    elif len(state) == len(wanted) and not any(map(_differs, state.items(), wanted.items())):
        network.load_state_dict(dict(zip(wanted, state.values(), strict=True)))
    else:
        raise other_network(name)


def _take_places(network: Any, state: Mapping[str, Tensor]) -> None:
    """Give a transformer of timm as many positions as the file has, of which a network that was continued has others.

    Whoever makes the network interpolates them to the size that is wanted.
    """
    given, own = state.get("pos_embed"), getattr(network, "pos_embed", None)
    if given is None or own is None or given.shape == own.shape or not hasattr(network, "set_input_size"):
        return
    if given.ndim != 3 or given.shape[-1] != own.shape[-1]:
        return
    places = given.shape[1] - (own.shape[1] - network.patch_embed.num_patches)
    side = math.isqrt(max(places, 0))
    if not side or side**2 != places:
        return
    size = side * network.patch_embed.patch_size[0]
    network.set_input_size(img_size=(size, size))


def load_transformers(net: Any, name: str) -> Any:
    """Return the network of transformers with base weights; the library knows the older names of its tensors.

    Raises:
        WeightsError: as `load_base`.
    """
    state = read_state(path_of(name))
    loaded, told = quietly(type(net), None, config=net.config, state_dict=state, output_loading_info=True)
    left = [key for key in told["unexpected_keys"] if not key.startswith(OTHER_HEADS)]
    if told["missing_keys"] or told["mismatched_keys"] or left:
        raise other_network(name)
    return loaded.float()


def quietly(kind: Any, *args: Any, **kwargs: Any) -> Any:
    """Return `kind.from_pretrained(...)` without its progress bar."""
    from transformers.utils import logging as told

    logging: Any = told
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return kind.from_pretrained(*args, **kwargs)
    finally:
        if shown:
            logging.enable_progress_bar()


def path_of(name: str) -> Path:
    """Return the file of base weights, of a name in `mpoxlens.weights` or itself a path.

    Raises:
        WeightsError: it is not to be had.
    """
    return Path(name) if name not in SOURCES and Path(name).suffix in READERS else resolve(name)


def other_network(name: str) -> WeightsError:
    """Return the error for weights of another network."""
    return WeightsError(f"base weights {name!r}", "they belong to another network", "correct model.weights")


def _differs(given: tuple[str, Tensor], wanted: tuple[str, Tensor]) -> bool:
    (a, x), (b, y) = given, wanted
    return a.rsplit(".", 1)[-1] != b.rsplit(".", 1)[-1] or x.shape != y.shape
