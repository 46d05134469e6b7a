"""Tensors that torch or safetensors wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # only to name the error; loading is weights_only

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mpoxlens.errors import WeightsError

WRAPPERS = ("state_dict", "model")  # under which publishers put the tensors of a checkpoint


def read_torch(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file or of one that torch saved.

    Raises:
        WeightsError: damaged, or it holds more than tensors.
    """
    try:
        found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, OSError, SafetensorError):
        raise WeightsError(str(path), "damaged, so that it cannot be read", "remove it to download it again") from None
    for wrapper in WRAPPERS:
        found = found[wrapper] if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping) else found
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise WeightsError(str(path), "it holds more than named tensors", "save the state dict alone")
    return dict(found)
