"""A LLaMA as one graph: embeddings and what came before in, the logits of the next token out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.errors import MpoxlensError
from mpoxlens.schema import Floats
from mpoxlens.vlm.fast.graph import CONTRIB, Graph

HEAD = "head"  # of `Graph.linear`; where it is tied, words are looked up in it too


@dataclass(frozen=True, eq=False)
class _Writer:
    """Writes one language model into a graph."""

    model: Any  # a LlamaForCausalLM
    graph: Graph
    turns: tuple[str, str]  # cosines and sines of the rotary embedding, [P, d / 2]

    def of(self, name: str) -> Floats:
        return np.asarray(self.model.get_parameter(name).detach().float().cpu().numpy())

    def layer(self, number: int, x: str, sum_: str) -> tuple[str, str]:
        """Return what layer `number` makes of the normed x and of the sum before; the next norm is not applied yet."""
        graph, c = self.graph, self.model.config
        block = f"model.layers.{number}"
        packed = np.concatenate([self.of(f"{block}.self_attn.{one}_proj.weight") for one in "qkv"])
        mixed = graph.add(
            "GroupQueryAttention",
            graph.linear(x, packed),
            "",
            "",
            f"past_key_{number}",
            f"past_value_{number}",
            "count_before",
            "count_total",
            *self.turns,
            outputs=3,
            domain=CONTRIB,
            num_heads=c.num_attention_heads,
            kv_num_heads=c.num_key_value_heads,
            do_rotary=1,
        )
        for place, part in enumerate(("key", "value"), 1):
            graph.rename(f"{mixed}.{place}", f"present_{part}_{number}")
        added = graph.linear(mixed, self.of(f"{block}.self_attn.o_proj.weight"))
        x, sum_ = self.normed(added, sum_, f"{block}.post_attention_layernorm.weight")
        both = np.concatenate([self.of(f"{block}.mlp.{one}_proj.weight") for one in ("gate", "up")])
        gate = graph.add("Split", graph.linear(x, both), outputs=2, axis=-1)
        bent = graph.add("Mul", gate, graph.add("Sigmoid", gate))
        inner = graph.add("Mul", bent, f"{gate}.1")
        return graph.linear(inner, self.of(f"{block}.mlp.down_proj.weight")), sum_

    def normed(self, added: str, sum_: str, name: str) -> tuple[str, str]:
        """Return the norm of a sum, and the sum."""
        settings = {"domain": CONTRIB, "epsilon": self.model.config.rms_norm_eps}
        given = self.graph.keep(self.of(name))
        x = self.graph.add("SkipSimplifiedLayerNormalization", added, sum_, given, outputs=4, **settings)
        return x, f"{x}.3"


def write_language(model: Any, path: Path, bits: int, positions: int) -> None:
    """Write embeddings [1, L, W] and past keys and values [1, H, P, d] -> logits [1, V] and the present ones.

    Args:
        model: a LlamaForCausalLM.
        path: of the graph.
        bits: of a weight.
        positions: tokens that fit, those of the answer among them.

    Raises:
        MpoxlensError: the model has something that this graph has not.
    """
    c = model.config
    _check(c)
    graph = Graph(bits)
    w = _Writer(model, graph, _turns(graph, model, positions))
    first = graph.keep(w.of("model.layers.0.input_layernorm.weight"))
    x, sum_ = (
        graph.add("SimplifiedLayerNormalization", "embeddings", first, axis=-1, epsilon=c.rms_norm_eps),
        "embeddings",
    )
    for number in range(c.num_hidden_layers):
        added, sum_ = w.layer(number, x, sum_)
        last = number + 1 == c.num_hidden_layers
        x, sum_ = w.normed(
            added, sum_, "model.norm.weight" if last else f"model.layers.{number + 1}.input_layernorm.weight"
        )
    end = graph.add("Gather", x, graph.keep(np.array(-1, np.int64)), axis=1)  # [1, W] of the last token
    logits = graph.linear(end, w.of("lm_head.weight"), name=HEAD)
    graph.rename(logits, "logits")
    cache = [1, c.num_key_value_heads, "positions", c.head_dim]
    names = [f"{part}_{number}" for number in range(c.num_hidden_layers) for part in ("key", "value")]
    graph.save(
        path,
        {"embeddings": [1, "length", c.hidden_size], "count_before": [1], "count_total": []}
        | {f"past_{name}": cache for name in names},
        {"logits": [1, c.vocab_size]} | {f"present_{name}": cache for name in names},
    )


def _turns(graph: Graph, model: Any, positions: int) -> tuple[str, str]:
    inverse = np.asarray(model.model.rotary_emb.inv_freq.float().cpu().numpy(), np.float64)  # [d / 2]
    angles = np.arange(positions)[:, None] * inverse
    cos, sin = (graph.keep(f(angles).astype(np.float32)) for f in (np.cos, np.sin))
    return cos, sin


def _check(config: Any) -> None:
    plain = config.rope_parameters.get("rope_type") == "default"
    biased = config.attention_bias or config.mlp_bias
    if not plain or biased or config.hidden_act != "silu" or not config.tie_word_embeddings:
        raise MpoxlensError("the language model", "it is no plain LLaMA of tied words", "use it by torch")
