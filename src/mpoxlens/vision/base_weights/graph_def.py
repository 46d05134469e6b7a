"""MobileNetV1 out of a frozen TensorFlow graph, without TensorFlow.

The graph's nodes are named as the authors of MobileNet named them (`MobilenetV1/Conv2d_3_depthwise/weights`), and the
result is named as `transformers.MobileNetV1Model` names its parts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mpoxlens.errors import WeightsError
from mpoxlens.schema import Floats

BLOCKS = 13
FLOAT = 1  # DT_FLOAT of TensorFlow's types.proto
NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def read_mobilenet_v1(path: Path) -> dict[str, Tensor]:
    """Return the backbone's tensors; the classifiers that the graph also has are left out.

    Raises:
        WeightsError: damaged, or not a MobileNetV1.
    """
    arrays = _constants(path)
    state: dict[str, Tensor] = {}
    try:
        _layer(state, arrays, "Conv2d_0", "weights", "conv_stem")
        for block in range(1, BLOCKS + 1):
            _layer(state, arrays, f"Conv2d_{block}_depthwise", "depthwise_weights", f"layer.{2 * block - 2}")
            _layer(state, arrays, f"Conv2d_{block}_pointwise", "weights", f"layer.{2 * block - 1}")
    except KeyError as error:
        raise WeightsError(str(path), f"it has no {error}, so it is no MobileNetV1", "correct model.weights") from None
    return state


def _layer(state: dict[str, Tensor], arrays: dict[str, Floats], theirs: str, kind: str, ours: str) -> None:
    """Take one convolution with its batch norm: [h, w, in, out] becomes [out, in, h, w], by channel likewise."""
    kernel = arrays[f"MobilenetV1/{theirs}/{kind}"]
    order = (2, 3, 0, 1) if kind == "depthwise_weights" else (3, 2, 0, 1)
    state[f"{ours}.convolution.weight"] = torch.from_numpy(np.ascontiguousarray(kernel.transpose(order)))
    for name, part in NORM.items():
        value = arrays[f"MobilenetV1/{theirs}/BatchNorm/{name}"]
        state[f"{ours}.normalization.{part}"] = torch.from_numpy(value.copy())
    state[f"{ours}.normalization.num_batches_tracked"] = torch.tensor(0)


def _constants(path: Path) -> dict[str, Floats]:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    graph: Any = GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())
        return {node.name: _array(node.attr["value"].tensor) for node in graph.node if _is_float_table(node)}
    except (DecodeError, OSError, ValueError):
        raise WeightsError(str(path), "damaged, so that it cannot be read", "remove it to download it again") from None


def _is_float_table(node: Any) -> bool:
    return (
        node.op == "Const"
        and node.attr["value"].tensor.dtype == FLOAT
        and bool(node.attr["value"].tensor.tensor_content)
    )


def _array(tensor: Any) -> Floats:
    values = np.frombuffer(tensor.tensor_content, "<f4").astype(np.float32)
    return values.reshape([d.size for d in tensor.tensor_shape.dim])
