"""Export to ONNX, quantise to int8, and prove that the two agree."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from timm.layers import Conv2dSame
from torch import nn

from mpoxlens.bundle import OUTPUTS
from mpoxlens.errors import TrainingError
from mpoxlens.rules import Calibration
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier

OPSET = 17
FLOAT_CONVOLUTIONS = 6  # more than halves the difference from float, for half a millisecond
MAX_MEDIAN_DIFFERENCE = 0.03  # of P(mpox), int8 against float
MIN_SAME_SIDE = 0.95  # share of photographs on the same side of the operating point


def export(model: Classifier, size: int) -> bytes:
    """Return the float32 ONNX file: photo [N, 3, size, size] -> logits, cam, embedding."""
    model = copy.deepcopy(model).to(memory_format=torch.contiguous_format).cpu().eval()
    fix_padding(model, size)
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # torch's own deprecations while it traces
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, size, size),),
            str(path),
            input_names=["photo"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in ("photo", *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )
        return path.read_bytes()


def fix_padding(model: nn.Module, size: int) -> None:
    """Replace padding that is worked out from each input's size by the constants for one size, in place.

    The arithmetic on shapes would otherwise become part of the graph, where it costs time and is even quantised.
    """
    sizes: dict[nn.Module, tuple[int, int]] = {}
    same = {name: m for name, m in model.named_modules() if isinstance(m, Conv2dSame)}
    hooks = [m.register_forward_pre_hook(lambda m, x: sizes.update({m: x[0].shape[-2:]})) for m in same.values()]
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    for name, conv in same.items():
        (down, right), fixed = (_total_padding(conv, sizes[conv], axis) for axis in (0, 1)), _plain(conv)
        padding = (right // 2, right - right // 2, down // 2, down - down // 2)
        model.set_submodule(name, nn.Sequential(nn.ZeroPad2d(padding), fixed))


def _total_padding(conv: nn.Conv2d, size: tuple[int, int], axis: int) -> int:
    kernel, stride = (conv.kernel_size[axis] - 1) * conv.dilation[axis] + 1, conv.stride[axis]
    return max((math.ceil(size[axis] / stride) - 1) * stride + kernel - size[axis], 0)


def _plain(conv: Conv2dSame) -> nn.Conv2d:
    """Return the same convolution without the padding of its own."""
    plain: nn.Conv2d = copy.deepcopy(conv)
    plain.__class__ = nn.Conv2d  # the subclass adds nothing but the padding in `forward`
    plain.padding = (0, 0)
    return plain


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    """One calibration photograph at a time."""

    def __init__(self, batch: Floats) -> None:
        self.rest = iter(batch)

    def get_next(self) -> Mapping[str, Floats] | None:
        photo = next(self.rest, None)
        return None if photo is None else {"photo": photo[None]}


def quantise(model: bytes, calibration: Floats) -> bytes:
    """Return the static int8 file: weights per channel, activations by the range of the calibration inputs.

    Args:
        model: the float32 ONNX file.
        calibration: [N, 3, size, size], of the training side.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "float.onnx").write_bytes(model)
        quant_pre_process(str(folder / "float.onnx"), str(folder / "ready.onnx"), skip_symbolic_shape=True)
        _round_products(folder / "ready.onnx")
        quantize_static(
            str(folder / "ready.onnx"),
            str(folder / "int8.onnx"),
            _Batches(calibration),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,  # 7-bit weights: x64 processors without VNNI saturate on 8-bit ones
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "Clip", "Relu", "Add"],
            nodes_to_exclude=_kept_float(folder / "ready.onnx"),
        )
        return (folder / "int8.onnx").read_bytes()


def _round_products(path: Path) -> None:
    """Round the weights of a transformer's matrix products, in place; what they are multiplied with is ranged anew.

    A few of its numbers are far larger than the rest. A range that is fixed beforehand has to hold them, and leaves the
    rest a handful of steps: the answers of a DINOv2-S were off by ten times as much. Attention's own products, of two
    activations, stay float.
    """
    import onnx

    if any(node.op_type == "MatMul" for node in onnx.load(str(path)).graph.node):
        options = {"MatMulConstBOnly": True}
        quantize_dynamic(
            str(path),
            str(path),
            op_types_to_quantize=["MatMul"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            extra_options=options,
        )


def _kept_float(path: Path) -> Sequence[str]:
    """Return the nodes that are not quantised.

    The first convolutions hold few weights and lose the most. The head stays float, so that the map's mean is the logit
    to the digit.
    """
    import onnx

    graph = onnx.load(str(path)).graph
    last = max(i for i, node in enumerate(graph.node) if node.op_type == "Conv" and "head/Conv" in node.name)
    first = [node.name for node in graph.node if node.op_type == "Conv"][:FLOAT_CONVOLUTIONS]
    return [*first, *(node.name for node in graph.node[last:])]


def run(model: bytes, batch: Floats, step: int = 32) -> dict[str, Floats]:
    """Return the outputs of an ONNX file for a batch, in its real runtime."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    parts = [session.run(list(OUTPUTS), {"photo": batch[i : i + step]}) for i in range(0, len(batch), step)]
    return {name: np.concatenate([p[i] for p in parts]) for i, name in enumerate(OUTPUTS)}


def check_parity(
    full: Floats, small: Floats, calibration: Calibration, positive: int, threshold: float
) -> dict[str, float]:
    """Compare two files' logits [N, C] on the same inputs.

    Raises:
        TrainingError: P(mpox) differs by more than `MAX_MEDIAN_DIFFERENCE` in the median, or fewer than `MIN_SAME_SIDE`
            stay on their side of the operating point.
    """
    p, q = (calibration.probabilities(logits, positive)[:, positive] for logits in (full, small))
    found = {
        "median_difference": round(float(np.median(np.abs(p - q))), 4),
        "max_difference": round(float(np.abs(p - q).max()), 4),
        "same_side": round(float(((p >= threshold) == (q >= threshold)).mean()), 4),
        "photos": len(p),
    }
    if found["median_difference"] > MAX_MEDIAN_DIFFERENCE:
        why = f"P(mpox) differs by {found['median_difference']} in the median from the float file"
        raise TrainingError("the int8 file", why, "train with another seed, or calibrate with more photographs")
    if found["same_side"] < MIN_SAME_SIDE:
        why = f"only {found['same_side']:.1%} of the photographs stay on their side of the operating point"
        raise TrainingError("the int8 file", why, "train with another seed, or calibrate with more photographs")
    return found
