"""The ONNX file in four precisions. What each costs in agreement is told by `parity`, in time by `benchmark`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import nn

from mpoxlens.errors import DataError
from mpoxlens.optimise import onnx
from mpoxlens.optimise.refusal import unsupported
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier

METADATA = "mpoxlens"  # key of the file's properties


def write(model: Classifier, size: int, precision: str, calibration: Floats | None, about: Mapping[str, Any]) -> bytes:
    """Return an ONNX file with logits, cam and embedding, what a developer has to know of it in its properties.

    Args:
        model: in evaluation mode.
        size: px a side.
        precision: fp32; fp16: weights and arithmetic, inputs and outputs stay float32; dynamic-int8: weights, and
            activations by the range of each input; static-int8: activations by the range of `calibration`.
        calibration: [N, 3, size, size], of the training side; for static-int8.
        about: becomes JSON.

    Raises:
        BundleError: the network has an operator that ONNX or the quantiser does not take.
        DataError: static-int8 without calibration inputs.
    """
    with unsupported("onnx", precision):
        full = onnx.export(model, size)
        made = _converted(full, precision, calibration)
    return _described(made, about)


def _converted(full: bytes, precision: str, calibration: Floats | None) -> bytes:
    if precision == "fp16":
        return to_fp16(full)
    if precision == "dynamic-int8":
        return quantise_weights(full)
    return onnx.quantise(full, required(calibration)) if precision == "static-int8" else full


def required(calibration: Floats | None) -> Floats:
    """Return the calibration inputs; DataError when there are none."""
    if calibration is None or not len(calibration):
        raise DataError("--precision static-int8", "ranges are taken from photographs", "name them with --data WORK")
    return calibration


def kept_float(model: nn.Module) -> list[str]:
    """Return the modules that are not quantised: the first convolutions, which lose the most, and the head."""
    convolutions = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d) and name != "head"]
    return [*convolutions[: onnx.FLOAT_CONVOLUTIONS], "head"]


def to_fp16(full: bytes) -> bytes:
    """Return the file in half precision; a runtime without half-precision kernels computes it in single."""
    import onnx as format_

    made = convert_float_to_float16(format_.load_from_string(full), keep_io_types=True)
    return bytes(made.SerializeToString())


def quantise_weights(full: bytes) -> bytes:
    """Return the file with int8 weights whose activations are quantised anew for every input; the head stays float."""
    with TemporaryDirectory() as scratch:
        before, ready, after = (Path(scratch) / name for name in ("float.onnx", "ready.onnx", "int8.onnx"))
        before.write_bytes(full)
        quant_pre_process(str(before), str(ready), skip_symbolic_shape=True)
        quantize_dynamic(
            str(ready),
            str(after),
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            weight_type=QuantType.QUInt8,  # onnxruntime has no kernel of ConvInteger for signed weights
            nodes_to_exclude=list(onnx._kept_float(ready)),
        )
        return after.read_bytes()


def _described(model: bytes, about: Mapping[str, Any]) -> bytes:
    import onnx as format_

    made = format_.load_from_string(model)
    format_.helper.set_model_props(made, {METADATA: json.dumps(about, allow_nan=False)})
    return bytes(made.SerializeToString())
