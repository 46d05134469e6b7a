"""What training changes, apart from what it starts from: LoRA, projectors and the skin expert's last blocks.

Hu et al. 2022, "LoRA" (arXiv 2106.09685), by peft. Which tensors an adapter has follows from its settings alone, so a
file with one tensor more or less, of another base or with one changed byte is refused, and nothing is left as it was
drawn (peft issue 3433: adapters silently not restored).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mpoxlens import __version__
from mpoxlens.errors import CheckpointError, RecipeError
from mpoxlens.screening.output import unwritten, write_whole
from mpoxlens.vlm.about import ABOUT, FORMAT, read_about
from mpoxlens.vlm.model import MpoxVlm

TENSORS = "adapter.safetensors"
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PROJECTORS = ("photo_projector.", "skin_projector.")


@dataclass(frozen=True)
class Adapter:
    """The settings of an adapter."""

    rank: int = 16
    """Rank of LoRA on every linear layer of the language model; 0 trains the projectors alone."""
    alpha: float = 32.0
    """Scale of LoRA: its update counts alpha / rank."""
    dropout: float = 0.0
    """Dropout before LoRA, in training."""
    skin_blocks: int = 0
    """Last blocks of the skin expert that are trained, its last norm with them."""

    def __post_init__(self) -> None:
        if self.rank < 0 or self.skin_blocks < 0 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise RecipeError(f"adapter {self}", "a number is out of range", "use rank and skin_blocks from 0")


def attach(model: MpoxVlm, adapter: Adapter) -> MpoxVlm:
    """Freeze the base and make what the adapter names trainable, in 32 bits; in place.

    Raises:
        RecipeError: the skin expert has fewer blocks, or the model has an adapter already.
    """
    if any(isinstance(m, LoraLayer) for m in model.modules()):
        raise RecipeError("adapter", "the model has one already", "merge it, or build the base anew")
    blocks = len(_skin_blocks(model))
    if adapter.skin_blocks > blocks:
        why = f"the skin expert has {blocks} blocks"
        raise RecipeError(f"adapter.skin_blocks = {adapter.skin_blocks}", why, f"set it to {blocks} at most")
    model.requires_grad_(False)
    if adapter.rank:
        lora: Any = LoraConfig(
            r=adapter.rank, lora_alpha=adapter.alpha, lora_dropout=adapter.dropout, target_modules=list(TARGETS)
        )
        inject_adapter_in_model(lora, model.language)
    if adapter.skin_blocks:
        model.skin_encoder.float()  # a block cannot be finer than what flows into it
    for parameter in _parts(model, adapter).values():
        parameter.data = parameter.data.float()
        parameter.requires_grad_(True)
    return model


def merge(model: MpoxVlm) -> MpoxVlm:
    """Add LoRA to the weights that it stands beside, in place: as fast as the base, and no base any more."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            layer: Any = module
            layer.merge(safe_merge=True)
    _detach(model)
    model.config.base_weights = None
    return model


def _detach(model: MpoxVlm) -> None:
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            layer: Any = module
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, layer.get_base_layer())


def save_adapter(
    model: MpoxVlm, adapter: Adapter, folder: Path, *, size: str, dtype: torch.dtype = torch.float16
) -> int:
    """Write adapter.safetensors, then adapter.json, which therefore means a whole adapter; return the former's bytes.

    Args:
        model: with the adapter attached, not merged.
        adapter: its settings.
        folder: made if it is not there.
        size: of `config.SIZES`.
        dtype: of the file; float16 keeps three bits more than bfloat16.

    Raises:
        CheckpointError: something was trained that an adapter does not hold, or a number does not fit `dtype`.
        MpoxlensError: the disk is full or not writable.
    """
    if not model.config.base_weights:
        raise CheckpointError("model", "it has no base that could be named", "build it anew, and do not merge")
    found = _parts(model, adapter)
    strays = [n for n, p in model.named_parameters() if p.requires_grad and n not in found]
    if strays:
        raise CheckpointError(f"parameter {strays[0]}", "it was trained, and no adapter holds it", "freeze it")
    tensors = {name: p.detach().to("cpu", dtype).contiguous().clone() for name, p in found.items()}
    if not all(bool(t.isfinite().all()) for t in tensors.values()):
        raise CheckpointError("adapter", f"a number of it is not finite in {dtype}", "train with a lower rate")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABOUT).unlink(missing_ok=True)
    except OSError as error:
        raise unwritten(folder, error) from None
    write_whole(folder / TENSORS, lambda part: _write(part, save(tensors)))
    about = _about(model, adapter, size, dtype, folder / TENSORS)
    write_whole(folder / ABOUT, lambda part: _write(part, json.dumps(about, indent=2).encode() + b"\n"))
    return int(about["bytes"])


def load_adapter(folder: Path, model: MpoxVlm) -> Adapter:
    """Attach the adapter of a folder to its base, in place, for inference.

    Raises:
        CheckpointError: damaged, of another base, or a tensor is missing, left over or of another shape.
    """
    about = read_about(folder)
    if about["base"] != model.config.base_weights:
        raise CheckpointError(str(folder), _other_base(about["base"], model.config.base_weights), "name its own base")
    if about["config"] != _shape(model):
        raise CheckpointError(str(folder), "it was trained with other visual tokens", "use the settings of its config")
    tensors = _read(folder, about)
    adapter = _settings(folder, about)
    attach(model, adapter)
    found = _parts(model, adapter)
    wrong = sorted(found.keys() ^ tensors.keys()) or sorted(n for n in found if found[n].shape != tensors[n].shape)
    if wrong:
        _detach(model)
        kind = "missing" if wrong[0] not in tensors else "left over" if wrong[0] not in found else "of another shape"
        raise CheckpointError(str(folder), f"its tensor {wrong[0]} is {kind}", "copy the whole folder again")
    with torch.no_grad():
        for name, parameter in found.items():
            parameter.copy_(tensors[name])
    model.requires_grad_(False)
    model.train(False)
    return adapter


def take_lora(folder: Path, model: MpoxVlm) -> None:
    """Set the LoRA of a model, attached before, to that of an adapter's folder; the projectors stay as they are.

    Raises:
        CheckpointError: damaged, of another base, or its LoRA is of another shape.
    """
    about = read_about(folder)
    tensors = _read(folder, about)
    own = {name: p for name, p in model.named_parameters() if ".lora_" in name}
    if about["base"] != model.config.base_weights or any(
        name not in tensors or tensors[name].shape != p.shape for name, p in own.items()
    ):
        raise CheckpointError(str(folder), "its LoRA is of another base or rank", "remove the folder and start again")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(tensors[name])


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def size_of(model: MpoxVlm, adapter: Adapter, dtype: torch.dtype = torch.float16) -> int:
    """Return the bytes of the adapter's tensors in a file of `dtype`."""
    return sum(p.numel() for p in _parts(model, adapter).values()) * dtype.itemsize


def _settings(folder: Path, about: Mapping[str, Any]) -> Adapter:
    try:
        return Adapter(**about["adapter"])
    except TypeError:
        why = f"its {ABOUT} has other settings than this mpoxlens knows"
        raise CheckpointError(str(folder), why, "use the mpoxlens that wrote it") from None


def _parts(model: MpoxVlm, adapter: Adapter) -> dict[str, nn.Parameter]:
    """Return every parameter that the settings name."""
    trained = {id(p) for block in _last(model, adapter.skin_blocks) for p in block.parameters()}
    return {
        name: p
        for name, p in model.named_parameters()
        if name.startswith(PROJECTORS) or ".lora_A." in name or ".lora_B." in name or id(p) in trained
    }


def _last(model: MpoxVlm, blocks: int) -> Iterator[nn.Module]:
    if blocks:
        yield from _skin_blocks(model)[-blocks:]
        yield model.skin_encoder.layernorm


def _skin_blocks(model: MpoxVlm) -> nn.ModuleList:
    skin: Any = model.skin_encoder
    found: nn.ModuleList = skin.layers if hasattr(skin, "layers") else skin.encoder.layer
    return found


def _read(folder: Path, about: Mapping[str, Any]) -> dict[str, Tensor]:
    path = folder / TENSORS
    damaged = CheckpointError(
        str(path), "missing, or its sha256 is not the expected one", "copy the whole folder again"
    )
    try:
        if _sha256(path) != about["sha256"]:
            raise damaged
        found: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError):
        raise damaged from None
    return found


def _about(model: MpoxVlm, adapter: Adapter, size: str, dtype: torch.dtype, path: Path) -> dict[str, Any]:
    names = ("torch", "transformers", "peft", "safetensors")
    return {
        "format": FORMAT,
        "size": size,
        "base": model.config.base_weights,
        "adapter": asdict(adapter),
        "config": _shape(model),
        "dtype": str(dtype).removeprefix("torch."),
        "sha256": _sha256(path),
        "bytes": path.stat().st_size,
        "versions": {"mpoxlens": __version__} | {name: version(name) for name in names},
    }


def _shape(model: MpoxVlm) -> dict[str, Any]:
    """Return the settings of the visual tokens, which an adapter is trained with and base weights do not tell."""
    names = ("photo_layer", "photo_grid", "skin_grid", "class_tokens", "photo_size", "skin_size")
    return {name: getattr(model.config, name) for name in names}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _other_base(wanted: Mapping[str, str], given: Mapping[str, str] | None) -> str:
    other = [name for name in wanted if (given or {}).get(name) != wanted[name]]
    return f"it belongs to another base ({', '.join(other) or 'more parts than it knows'})"
