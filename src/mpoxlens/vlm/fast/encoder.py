"""An encoder and its projector as one graph: pixels in, features and visual tokens out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mpoxlens.schema import Floats
from mpoxlens.vlm.fast.graph import CONTRIB, Graph
from mpoxlens.vlm.model import MpoxVlm, pooled

ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "quick_gelu": ("QuickGelu", {"alpha": 1.702}),
    "gelu": ("Gelu", {}),
}


@dataclass(frozen=True)
class Names:
    """What a kind of vision transformer calls its parts."""

    block: str
    norms: tuple[str, str]
    attention: str
    out: str
    scales: tuple[str, str] | None = None  # of what attention and the perceptron add
    first_norm: str = ""  # before the blocks
    last_norm: str = ""  # after them, where the features are taken behind it


KINDS = {
    "clip_vision_model": Names(
        "encoder.layers", ("layer_norm1", "layer_norm2"), "self_attn", "out_proj", first_norm="pre_layrnorm"
    ),
    "dinov2": Names(
        "encoder.layer",
        ("norm1", "norm2"),
        "attention",
        "o_proj",
        ("layer_scale1.lambda1", "layer_scale2.lambda1"),
        last_norm="layernorm",
    ),
    "vit": Names("layers", ("layernorm_before", "layernorm_after"), "attention", "o_proj", last_norm="layernorm"),
}


def write_encoder(model: MpoxVlm, part: str, path: Path, bits: int) -> None:
    """Write the graph of "photo" or "skin": pixels [1, 3, S, S] -> features [1, T, D] and tokens [1, T, W]."""
    writer = _Writer(model, part, Graph(bits))
    graph, side = writer.graph, getattr(model.config, f"{part}_size")
    features = graph.add("MatMul", graph.keep(writer.pool()), writer.hidden())
    graph.rename(features, "features")
    up, down = (writer.of(f"{part}_projector.{layer}") for layer in (0, 2))
    tokens = graph.linear(graph.add("Gelu", graph.linear("features", *up), domain=CONTRIB), *down)
    graph.rename(tokens, "tokens")
    count, depth, width = model.config.tokens(part), up[0].shape[1], down[0].shape[0]
    graph.save(path, {"pixels": [1, 3, side, side]}, {"features": [1, count, depth], "tokens": [1, count, width]})


@dataclass(frozen=True, eq=False)
class _Writer:
    """Writes one encoder of a model into a graph."""

    model: MpoxVlm
    part: str
    graph: Graph

    @property
    def encoder(self) -> Any:
        return self.model.get_submodule(f"{self.part}_encoder")

    @property
    def names(self) -> Names:
        return KINDS[self.encoder.config.model_type]

    def of(self, name: str) -> tuple[Floats, Floats]:
        """Return weight and bias of a layer of the model."""
        layer: Any = self.model.get_submodule(name)
        return _array(layer.weight), _array(layer.bias)

    def hidden(self) -> str:
        """Return all tokens [1, 1 + N, D] where the features are taken."""
        names, x = self.names, self._embedded()
        if names.first_norm:
            x = self._normed(x, names.first_norm)
        for layer in range(self._layers()):
            x = self._block(x, f"{names.block}.{layer}")
        return self._normed(x, names.last_norm) if names.last_norm else x

    def pool(self) -> Floats:
        """Return what each visual token is of all tokens, [1, T, 1 + N]."""
        config, count = self.model.config, self._zero().shape[1]
        return _array(pooled(torch.eye(count)[None], getattr(config, f"{self.part}_grid"), config.class_tokens))

    def _layers(self) -> int:
        blocks = int(self.encoder.config.num_hidden_layers)
        return self.model.config.photo_layer % (blocks + 1) if self.part == "photo" else blocks

    def _zero(self) -> Floats:
        """Return the embedding [1, 1 + N, D] of a black picture: class token, positions and the patches' bias."""
        side = getattr(self.model.config, f"{self.part}_size")
        with torch.inference_mode():
            return _array(self.encoder.embeddings(torch.zeros(1, 3, side, side)))

    def _embedded(self) -> str:
        graph = self.graph
        weight = _array(next(m for m in self.encoder.embeddings.modules() if isinstance(m, nn.Conv2d)).weight)
        depth, _, side, _ = weight.shape
        maps = graph.add("Conv", "pixels", graph.keep(weight), kernel_shape=[side, side], strides=[side, side])
        rows = graph.add("Reshape", maps, graph.keep(np.array([1, depth, -1], np.int64)))
        patches = graph.add("Transpose", rows, perm=[0, 2, 1])  # [1, N, D]
        tokens = graph.add("Concat", graph.keep(np.zeros((1, 1, depth), np.float32)), patches, axis=1)
        return graph.add("Add", tokens, graph.keep(self._zero()))

    def _block(self, x: str, block: str) -> str:
        graph, names = self.graph, self.names
        attention, perceptron = names.scales or ("", "")
        seen = self._normed(x, f"{block}.{names.norms[0]}")
        parts = [self._linear(seen, f"{block}.{names.attention}.{one}_proj") for one in "qkv"]
        heads = self.encoder.config.num_attention_heads
        mixed = graph.add("MultiHeadAttention", *parts, domain=CONTRIB, num_heads=heads)
        x = graph.add("Add", x, self._linear(mixed, f"{block}.{names.attention}.{names.out}", block, attention))
        inner = self._linear(self._normed(x, f"{block}.{names.norms[1]}"), f"{block}.mlp.fc1")
        op, settings = ACTIVATIONS[self.encoder.config.hidden_act]
        bent = graph.add(op, inner, domain=CONTRIB, **settings)
        return graph.add("Add", x, self._linear(bent, f"{block}.mlp.fc2", block, perceptron))

    def _linear(self, x: str, name: str, block: str = "", scale: str = "") -> str:
        weight, bias = self.of(f"{self.part}_encoder.{name}")
        if scale:
            by = _array(self.encoder.get_parameter(f"{block}.{scale}"))
            weight, bias = weight * by[:, None], bias * by
        return self.graph.linear(x, weight, bias)

    def _normed(self, x: str, name: str) -> str:
        epsilon = self.encoder.config.layer_norm_eps
        return self.graph.normed(x, *self.of(f"{self.part}_encoder.{name}"), epsilon)


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().float().cpu().numpy())
