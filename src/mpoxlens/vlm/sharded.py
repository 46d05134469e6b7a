"""A model spread over processes, for a size that no one GPU holds: fully sharded data parallelism (FSDP).

Zhao et al. 2023 (arXiv 2304.11277), as torch's `fully_shard` does it. `accelerate launch` with
recipes/accelerate-fsdp.yaml starts the processes and asks for it; its own plugin is left aside, since it shards on GPUs
alone and sums gradients in bfloat16.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from mpoxlens.vlm.adapter import Adapter, attach
from mpoxlens.vlm.loss import Lesson
from mpoxlens.vlm.model import MpoxVlm


class LeanLesson(Lesson):
    """A lesson that computes each layer anew, backwards, in place of keeping what it needs.

    The tokens that all rows begin with are read in every row: a cache that gradients pass through, beside the layers'
    outputs, would find the layers' parameters gone.
    """

    def _hidden(self, words: Tensor, mask: Tensor, shared: int) -> Tensor:
        network = self.model.language.model
        whole: Tensor = network(inputs_embeds=words, attention_mask=mask, use_cache=False).last_hidden_state
        return whole[:, shared:]


def lean(model: MpoxVlm) -> None:
    """Have every layer of the language model computed anew, backwards."""
    language: Any = model.language
    if hasattr(language, "activation_checkpointing_enable"):
        language.activation_checkpointing_enable()
    else:  # its name until transformers 5.22
        language.gradient_checkpointing_enable({"use_reentrant": False})


def asked_for(processes: int) -> bool:
    """Return whether these processes were started in order to share a model."""
    return processes > 1 and os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def shard(lesson: Lesson, device: torch.device, processes: int, precision: str) -> None:
    """Spread all parameters over the processes, in place.

    What is gathered at once is a layer, and the whole time all that belongs to no layer: embedding, head, projectors.
    In such a group whatever learns must be of one precision and must be known to learn from the beginning.

    Args:
        lesson: with the adapter attached and everything requiring a gradient that is ever to learn.
        device: of this process.
        processes: all of them.
        precision: "bf16", in which they then compute, while gradients are summed in 32 bits; or "no", as they are.
    """
    half = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False)
    policy = half if precision == "bf16" else MixedPrecisionPolicy()
    mesh = init_device_mesh(device.type, (processes,))
    for layer in layers(lesson.model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(cast(nn.Module, lesson), mesh=mesh, mp_policy=policy)


def layers(model: MpoxVlm) -> list[nn.Module]:
    """Return the layers of all three transformers: each the longest list of modules in it."""
    parts: Iterable[nn.Module] = (model.photo_encoder, model.skin_encoder, model.language)
    return [layer for part in parts for layer in max(_lists(part), key=len)]


def _lists(part: nn.Module) -> list[nn.ModuleList]:
    return [module for module in part.modules() if isinstance(module, nn.ModuleList)]


def gathered(value: Any) -> Any:
    """Return a value with the parts of all processes, if it is a tensor that is spread; all have to ask for it."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def dealt(value: Tensor, like: Tensor) -> Tensor:
    """Return this process's part of a whole tensor, if `like` is spread."""
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def gathered_optimiser(optimiser: Any) -> dict[str, Any]:
    """Return the state of an optimiser as one process alone would have it."""
    state = optimiser.state_dict()
    whole = {key: {name: gathered(value) for name, value in one.items()} for key, one in state["state"].items()}
    return {**state, "state": whole}


def dealt_optimiser(state: Mapping[str, Any], optimiser: Any) -> dict[str, Any]:
    """Return this process's part of what `gathered_optimiser` gave."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    own = {
        key: {n: dealt(v, parameters[key]) if v.shape == parameters[key].shape else v for n, v in one.items()}
        for key, one in state["state"].items()
    }
    return {**state, "state": own}


def whole_model(model: MpoxVlm, adapter: Adapter) -> MpoxVlm:
    """Return a spread model whole, on each process; all have to ask for it."""
    with torch.device("meta"):
        whole = attach(MpoxVlm(model.config), adapter)
    state = {name: gathered(value) for name, value in model.state_dict().items()}
    whole.load_state_dict(state, assign=True)
    whole.language.tie_weights()
    for name, buffer in model.named_buffers():  # those that no state holds
        parent, _, child = name.rpartition(".")
        if whole.get_buffer(name).is_meta:
            whole.get_submodule(parent).register_buffer(child, buffer, persistent=False)
    return whole


def own_chance(*place: int) -> None:
    """Seed torch for one step of one process, so that no two drop the same, and a resumed one the same as before."""
    torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
