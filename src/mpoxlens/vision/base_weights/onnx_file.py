"""Tensors of a vision transformer out of an ONNX file, by the names that they had before the export.

The export keeps the names of biases and norms and loses those of matrices, which are stored transposed. But a matrix
is multiplied right before its bias is added, and so takes the bias's name. Matrices in int8 become
(value - zero point) x scale, one scale a column.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mpoxlens.errors import WeightsError
from mpoxlens.schema import Floats

STEPS = 4  # nodes between a product and the addition of its bias: cast and two scalings of an int8 product
UNBIASED = "visual_projection"  # CLIP's last matrix, which has no bias
POSITIONS = "embeddings.position_embeddings"
TASK = ("decoder.",)  # heads of the publisher's own task, which no backbone has


def read_onnx(path: Path) -> dict[str, Tensor]:
    """Return the tensors of CLIP's image tower or of a DINOv2 backbone in an ONNX file.

    Raises:
        WeightsError: damaged, or a tensor of it has no place in such a network.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]

    try:
        graph = onnx.load(path).graph
    except (DecodeError, OSError):
        raise WeightsError(str(path), "damaged, so that it cannot be read", "remove it to download it again") from None
    given = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    found = {k: v for k, v in given.items() if v.dtype == np.float32 and _named(k)}
    used = set(found) | {name for name in given if name.startswith(TASK)}
    for name, key in _matrices(graph, given):
        found[key] = _dequantised(given, name).T
        used |= _parts(name) & given.keys()
    positions = [name for name, v in given.items() if name not in used and v.ndim == 3]
    if len(positions) == 2:  # the export split the table into class token and places
        found[POSITIONS] = np.concatenate([given[name] for name in positions], axis=1)
        used |= set(positions)
    left = sorted(name for name, v in given.items() if name not in used and v.size > 1)
    if left:
        raise WeightsError(str(path), f"the tensor {left[0]!r} of it is not understood", "use a .safetensors file")
    return {_inner(key): torch.from_numpy(np.array(value, np.float32)) for key, value in found.items()}


def _named(name: str) -> bool:
    return name.startswith(("vision_model.", "visual_projection.", "backbone."))


def _inner(key: str) -> str:
    return key.removeprefix("backbone.")


def _parts(name: str) -> set[str]:
    """Names of a quantised matrix and of what belongs to it."""
    stem = name.removesuffix("_quantized")
    return {name, f"{stem}_scale", f"{stem}_zero_point"}


def _dequantised(given: dict[str, Any], name: str) -> Floats:
    stem = name.removesuffix("_quantized")
    if stem == name:
        return np.asarray(given[name], np.float32)
    value = given[name].astype(np.float32) - given[f"{stem}_zero_point"].astype(np.float32)
    return np.asarray(value * given[f"{stem}_scale"], np.float32)


def _matrices(graph: Any, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each constant matrix that is multiplied by, and the name that it had."""
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    for node in graph.node:
        if node.op_type in ("MatMul", "MatMulInteger") and len(node.input) > 1 and node.input[1] in given:
            bias = _bias(node, users, given)
            yield node.input[1], f"{bias.removesuffix('.bias') if bias else UNBIASED}.weight"


def _bias(node: Any, users: dict[str, list[Any]], given: dict[str, Any]) -> str | None:
    for _ in range(STEPS):
        after = users.get(node.output[0], [])
        biases = [name for n in after if n.op_type == "Add" for name in n.input if name in given]
        if biases or not after:
            return biases[0] if biases else None
        node = after[0]
    return None
