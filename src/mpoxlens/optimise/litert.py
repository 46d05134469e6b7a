"""The network as a .tflite file for LiteRT, the runtime of Android's TensorFlow Lite."""

from __future__ import annotations

import copy
import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import litert_torch
import torch
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.quantizer import Quantizer
from torch import Tensor, nn

from mpoxlens.bundle import OUTPUTS
from mpoxlens.optimise import onnx
from mpoxlens.optimise.precision import kept_float, required
from mpoxlens.optimise.refusal import unsupported
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier

OP = qtyping.TFLOperationName
WEIGHTED = (OP.CONV_2D, OP.DEPTHWISE_CONV_2D, OP.FULLY_CONNECTED)
HALF = qtyping.OpQuantizationConfig(
    weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
    compute_precision=qtyping.ComputePrecision.FLOAT,
    explicit_dequantize=True,
)
SIGNATURE = "serving_default"
HEAD = "head"
DESCRIPTION, LABELS = "mpoxlens.json", "labels.txt"  # in the archive at the file's end


class _Named(nn.Module):
    """The same network with names for what goes in and comes out, which become the signature's."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, photo: Tensor) -> dict[str, Tensor]:
        return dict(zip(OUTPUTS, self.model(photo), strict=True))


def write(model: Classifier, size: int, precision: str, calibration: Floats | None, about: Mapping[str, Any]) -> bytes:
    """Return a .tflite file whose signature takes a photo [1, 3, size, size] and gives logits, cam and embedding.

    `mpoxlens.json` and `labels.txt` are appended as an archive, as the format's metadata tools do it: the runtime
    passes over them, and unzip reads them.

    Args:
        model: in evaluation mode.
        size: px a side.
        precision: fp32; fp16: weights alone; dynamic-int8: weights, and activations by the range of each input;
            static-int8: activations by the range of `calibration`.
        calibration: [N, 3, size, size], of the training side; for static-int8.
        about: the description.

    Raises:
        BundleError: the network has an operator that LiteRT does not take.
        DataError: static-int8 without calibration inputs.
    """
    if precision == "static-int8":
        calibration = required(calibration)
    with unsupported("litert", precision), _quiet():
        plain = _prepared(model, size)
        full = _converted(plain, size)
        kept = kept_float(plain)  # the head is among them
        made = full if precision == "fp32" else _quantised(_named(full, kept), precision, calibration, kept)
    return described(made, about)


def _prepared(model: Classifier, size: int) -> nn.Module:
    plain: nn.Module = copy.deepcopy(model).to(memory_format=torch.contiguous_format).cpu().eval()
    onnx.fix_padding(plain, size)
    return plain


def _converted(model: nn.Module, size: int) -> bytes:
    named = _Named(model).eval()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        litert_torch.convert(named, sample_kwargs={"photo": torch.zeros(1, 3, size, size)}).export(str(path))
        return path.read_bytes()


def _named(full: bytes, modules: Sequence[str]) -> bytes:
    """Give every tensor a short name, which begins with its module where that is one of `modules`.

    The converter's names hold the path of all classes and modules that a value came through: 115 kB of 4 MB.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(full))
    patterns = {module: re.compile(tensors_of(module)) for module in modules}
    for graph in model.subgraphs:
        for number, tensor in enumerate(graph.tensors):
            name = tensor.name.decode()
            if not name.startswith(SIGNATURE):
                among = [f"{module}/" for module, pattern in patterns.items() if pattern.search(f"{name};")]
                tensor.name = f"{(among or [''])[0]}{number}".encode()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _quantised(full: bytes, precision: str, calibration: Floats | None, kept: Sequence[str]) -> bytes:
    quantizer = Quantizer(bytearray(full))
    _plan(quantizer, precision, kept)
    ranges = None
    if precision == "static-int8":
        photos = [{"photo": photo[None]} for photo in required(calibration)]
        ranges = quantizer.calibrate({SIGNATURE: photos}, num_threads=1)
    found = quantizer.quantize(ranges, enable_progress_report=False).quantized_model
    return bytes(found or b"")


def _plan(quantizer: Quantizer, precision: str, kept: Sequence[str]) -> None:
    """Say which operators become what; the head stays float, so that the map's mean is the logit."""
    if precision == "static-int8":
        quantizer.add_static_config(".*", OP.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
        for pattern in (*map(_named_after, kept), f"{SIGNATURE}_"):
            quantizer.update_quantization_recipe(pattern, OP.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE)
        return
    for name in WEIGHTED:
        if precision == "fp16":
            quantizer.update_quantization_recipe(".*", name, HALF, AlgorithmName.FLOAT_CASTING)
        else:
            quantizer.add_dynamic_config(".*", name, num_bits=8)
            quantizer.update_quantization_recipe(_named_after(HEAD), name, algorithm_key=AlgorithmName.NO_QUANTIZE)


def _named_after(module: str) -> str:
    return f"(^|;){re.escape(module)}/"


def tensors_of(module: str) -> str:
    """Return the pattern of the tensors of a module; the converter names them by the path of classes and modules."""
    parts = module.removeprefix("backbone.").split(".")  # which is not called itself, only its parts are
    return "Classifier_model/" + "/".join(rf"[^;/]*[.][A-Za-z0-9]+_{re.escape(part)}" for part in parts) + "[/;]"


def described(model: bytes, about: Mapping[str, Any]) -> bytes:
    """Return the file with its description appended."""
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, text in ((DESCRIPTION, json.dumps(about, allow_nan=False)), (LABELS, "\n".join(about["labels"]))):
            archive.writestr(zipfile.ZipInfo(name), text)  # ZipInfo has a fixed date: the same model, the same bytes
    return buffer.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converter's progress bars and warnings from the user's screen."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
