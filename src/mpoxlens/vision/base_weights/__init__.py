"""Files of base weights, each kind read without running what is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from mpoxlens.errors import WeightsError
from mpoxlens.vision.base_weights.graph_def import read_mobilenet_v1
from mpoxlens.vision.base_weights.keras_arrays import read_squeezenet
from mpoxlens.vision.base_weights.onnx_file import read_onnx
from mpoxlens.vision.base_weights.torch_file import read_torch

__all__ = ["read_state"]

READERS: Mapping[str, Callable[[Path], dict[str, Tensor]]] = {
    ".bin": read_torch,
    ".ckpt": read_torch,
    ".onnx": read_onnx,
    ".pb": read_mobilenet_v1,
    ".pkl": read_squeezenet,
    ".pt": read_torch,
    ".pth": read_torch,
    ".safetensors": read_torch,
}


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, in the file's order, in the layout of torch.

    Raises:
        WeightsError: it is not there, of no kind that is read here, or damaged.
    """
    if path.suffix not in READERS:
        raise WeightsError(str(path), "no file of tensors", f"use one that ends in {', '.join(READERS)}")
    if not path.is_file():
        raise WeightsError(str(path), "no such file", "correct model.weights")
    return READERS[path.suffix](path)
