"""A LLaMA and its tokenizer out of a GGUF file, read once for both.

`transformers` reads such files too, but parses them anew for settings, tokenizer and tensors; here one pass gives all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaConfig, PreTrainedTokenizerFast

from mpoxlens.errors import MissingExtraError, WeightsError

OUTER = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
CONTROL = 3  # LLAMA_TOKEN_TYPE_CONTROL of llama.cpp


def read_gguf(path: Path, config: LlamaConfig) -> tuple[dict[str, Tensor], Any]:
    """Return the tensors by the names of `LlamaForCausalLM`, in float32, and the tokenizer.

    Raises:
        WeightsError: damaged, or no LLaMA with a byte-level tokenizer of that kind.
        MissingExtraError: the package gguf is not installed.
    """
    try:
        from gguf import GGUFReader
    except ImportError:
        raise MissingExtraError(f"reading {path.name}", "train", "gguf") from None
    try:
        reader: Any = GGUFReader(str(path))
        return _tensors(reader, config), _tokenizer(reader)
    except (OSError, ValueError, IndexError, KeyError) as error:
        why = f"damaged, or not of the kind that is read here ({type(error).__name__})"
        raise WeightsError(str(path), why, "remove it to download it again") from None


def _tensors(reader: Any, config: LlamaConfig) -> dict[str, Tensor]:
    from gguf.quants import dequantize

    state = {}
    for entry in reader.tensors:
        values = np.array(dequantize(entry.data, entry.tensor_type), np.float32)
        heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
        for part, count in heads.items():
            if f".{part}." in entry.name and count:
                values = _halves(values, count)
        state[_name(entry.name)] = torch.from_numpy(np.ascontiguousarray(values))
    if config.tie_word_embeddings:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    return state


def _name(name: str) -> str:
    if name in OUTER:
        return OUTER[name]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{INNER[part]}.{kind}"


def _halves(weight: Any, heads: int) -> Any:
    """Put the rows [heads, d/2, 2] of rotary pairs side by side, as llama.cpp has them, into halves [heads, 2, d/2]."""
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def _tokenizer(reader: Any) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    def given(key: str) -> Any:
        return reader.fields[f"tokenizer.{key}"].contents()

    if (given("ggml.model"), given("ggml.pre")) != ("gpt2", "smollm"):
        raise ValueError("another kind of tokenizer")
    words = given("ggml.tokens")
    pairs = [tuple(pair.split(" ")) for pair in given("ggml.merges")]
    made = Tokenizer(models.BPE(vocab={word: place for place, word in enumerate(words)}, merges=pairs))
    made.pre_tokenizer = pre_tokenizers.Sequence(  # each digit by itself, then as GPT-2 divides text
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    control = [word for word, kind in zip(words, given("ggml.token_type"), strict=True) if kind == CONTROL]
    made.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in control])
    names = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    tokens = {f"{ours}_token": words[given(f"ggml.{theirs}_token_id")] for ours, theirs in names.items()}
    kind: Any = PreTrainedTokenizerFast
    return kind(tokenizer_object=made, chat_template=given("chat_template"), **tokens)
