"""What training starts from: the encoders and the language model with their base weights, projectors as drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionModel, Dinov2Model, LlamaForCausalLM, PreTrainedTokenizerFast, ViTModel
from transformers.initialization import no_init_weights
from transformers.utils import logging as told_by

from mpoxlens.errors import WeightsError
from mpoxlens.vision.backbones.loading import load_transformers, path_of, quietly
from mpoxlens.vision.backbones.others import clip_vit_b16
from mpoxlens.vlm.config import MpoxVlmConfig
from mpoxlens.vlm.gguf_file import read_gguf
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.parts import CLIP, CLIP_7B, SKIN, SKIN_7B, TEXT, TEXT_7B, config_of, short
from mpoxlens.vlm.prompts import with_place_holders
from mpoxlens.weights import SOURCES, hub_reachable, local

FILES = ["*.safetensors", "*.json", "tokenizer.model"]  # what is asked of a repository of the hub


def build(
    size: str = "mini", *, skin: str | None = None, dtype: torch.dtype = torch.float32, seed: int = 7
) -> tuple[MpoxVlm, Any]:
    """Return the model with base weights, and its tokenizer.

    Args:
        size: "mini", "7b", or "tiny", which is random.
        skin: of "mini": another file of the skin expert, such as the encoder.safetensors of `mpoxlens mae`.
        dtype: of the encoders and the language model; projectors stay in 32 bits.
        seed: of the projectors, and of all that is random in "tiny".

    Raises:
        WeightsError: base weights are not to be had, damaged or of another network.
    """
    config = config_of(size)
    if size == "tiny":
        return _tiny(config, seed)
    if size == "7b":
        return from_folders(config, {role: _folder(n) for role, n in _roles_7b().items()}, dtype, seed)
    path = path_of(TEXT)
    state, tokenizer = read_gguf(path, config.text_config)  # type: ignore[arg-type]  # a LlamaConfig by now
    with no_init_weights():
        language = LlamaForCausalLM(config.text_config)  # type: ignore[arg-type]
    language.tie_weights()
    _exactly(language, state, TEXT)
    with torch.device("meta"):
        clip, dino = clip_vit_b16(), Dinov2Model(config.skin_config)  # type: ignore[arg-type]
    photo = load_transformers(clip, CLIP).vision_model
    expert = load_transformers(dino, skin or SKIN)
    base = {"photo": SOURCES[CLIP].sha256, "skin": _sha256(path_of(skin or SKIN)), "text": SOURCES[TEXT].sha256}
    return assembled(config, photo, expert, language, base, dtype, seed), with_place_holders(tokenizer, config)


def from_folders(
    config: MpoxVlmConfig, folders: Mapping[str, Path], dtype: torch.dtype = torch.float32, seed: int = 7
) -> tuple[MpoxVlm, Any]:
    """Return the model with the base weights "photo", "skin" and "text" of folders as `save_pretrained` writes them.

    Raises:
        WeightsError: a folder lacks weights, or holds those of another network.
    """
    from transformers import AutoTokenizer

    with torch.device("meta"):
        wanted = MpoxVlm(config)
    kinds = {"photo": CLIPVisionModel, "skin": type(wanted.skin_encoder), "text": LlamaForCausalLM}
    like = {"photo": wanted.photo_encoder, "skin": wanted.skin_encoder, "text": wanted.language}
    parts = {role: _loaded(kinds[role], folders[role], like[role], dtype) for role in kinds}
    base = {role: _folder_sha256(folders[role]) for role in kinds}
    tokenizer = _from(AutoTokenizer, folders["text"])
    model = assembled(config, parts["photo"], parts["skin"], parts["text"], base, dtype, seed)
    return model, with_place_holders(tokenizer, config)


def assembled(
    config: MpoxVlmConfig, photo: Any, skin: Any, language: Any, base: dict[str, str], dtype: torch.dtype, seed: int
) -> MpoxVlm:
    """Return the model of these parts, with new projectors."""
    with torch.device("meta"):
        model = MpoxVlm(config)
    model.photo_encoder, model.skin_encoder, model.language = photo.to(dtype), skin.to(dtype), language.to(dtype)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for projector in (model.photo_projector, model.skin_projector):
            projector.to_empty(device="cpu")
            for layer in projector:
                if isinstance(layer, nn.Linear):
                    layer.reset_parameters()
    model.config.base_weights = base
    model.train(False)
    return model


def read_model(folder: Path) -> MpoxVlm:
    """Return a whole model that `save_pretrained` wrote.

    Raises:
        WeightsError: a tensor is missing, left over or of another shape, or the folder cannot be read.
    """
    found: MpoxVlm = _complete(MpoxVlm, folder)
    return found


def _tiny(config: MpoxVlmConfig, seed: int) -> tuple[MpoxVlm, Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MpoxVlm(config)
    model.train(False)
    model.config.base_weights = {"random": f"seed {seed}"}
    return model, with_place_holders(_bytes_tokenizer(), config)


def _bytes_tokenizer() -> Any:
    """Return a tokenizer whose tokens are bytes, with ChatML's control tokens: for trying, where nothing is loaded."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={sign: place for place, sign in enumerate(signs)}, merges=[]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    template = turns + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ends = dict.fromkeys(("eos_token", "pad_token"), "<|im_end|>")
    kind: Any = PreTrainedTokenizerFast
    return kind(tokenizer_object=made, chat_template=template, **ends)


def _roles_7b() -> dict[str, str]:
    return {"photo": CLIP_7B, "skin": SKIN_7B, "text": TEXT_7B}


def _folder(name: str) -> Path:
    """Return the folder of a repository of the hub: a local one of its short name, else the hub's cache or the hub."""
    found = local(short(name))
    if found is not None:
        return found
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=FILES, local_files_only=not hub_reachable()))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError):
        why = "not to be had from the local folders or the hub"
        mend = f"put its folder {short(name)} into a folder and name that in MPOXLENS_WEIGHTS"
        raise WeightsError(f"base weights of {name!r}", why, mend) from None


def _loaded(kind: Any, folder: Path, like: nn.Module, dtype: torch.dtype) -> Any:
    keys = {"add_pooling_layer": False} if kind is ViTModel else {}
    found = _complete(kind, folder, spare=("text_model.", "pooler.", "classifier."), dtype=dtype, **keys)
    wanted, given = ({n: t.shape for n, t in m.state_dict().items()} for m in (like, found))
    if wanted != given:
        raise WeightsError(str(folder), "its weights belong to a network of another size", "name the right folder")
    return found


def _complete(kind: Any, folder: Path, spare: tuple[str, ...] = (), **keys: Any) -> Any:
    """Return `kind.from_pretrained(folder)` when every tensor has found its place; heads in `spare` may be left."""
    found, told = _from(kind, folder, output_loading_info=True, ignore_mismatched_sizes=True, **keys)
    left = [key for key in told["unexpected_keys"] if not key.startswith((*spare, "visual_projection", "text_proj"))]
    wrong = sorted([*told["missing_keys"], *left, *(key for key, *_ in told["mismatched_keys"])])
    if wrong:
        why = f"its tensor {wrong[0]} is missing, left over or of another shape"
        raise WeightsError(str(folder), why, "copy the whole folder again, or name the right one")
    return found


def _from(kind: Any, folder: Path, **keys: Any) -> Any:
    from safetensors import SafetensorError

    logging: Any = told_by
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # its report of what did not fit goes into our one line
    try:
        return quietly(kind, str(folder), local_files_only=True, **keys)
    except (OSError, ValueError, KeyError, SafetensorError):
        why = "it cannot be read as what is wanted"
        raise WeightsError(str(folder), why, "copy the whole folder again, or name the right one") from None
    finally:
        logging.set_verbosity(verbosity)


def _exactly(network: nn.Module, state: Mapping[str, Any], name: str) -> None:
    try:
        network.load_state_dict(dict(state))
    except RuntimeError:
        raise WeightsError(f"base weights {name!r}", "they belong to another network", "remove the file") from None


def _folder_sha256(folder: Path) -> str:
    """Return one sha256 of all files of tensors in a folder, in the order of their names."""
    told = "".join(f"{path.name} {_sha256(path)}\n" for path in sorted(folder.glob("*.safetensors")))
    return hashlib.sha256(told.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
