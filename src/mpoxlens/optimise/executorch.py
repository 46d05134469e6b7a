"""The network as a .pte file for ExecuTorch, lowered to XNNPACK, the processor kernels of Android and iOS."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
from executorch.exir import to_edge_transform_and_lower
from torch import Tensor, nn
from torch.fx import Node
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from mpoxlens.errors import DataError
from mpoxlens.optimise import onnx
from mpoxlens.optimise.precision import kept_float, required
from mpoxlens.optimise.refusal import unsupported
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier

PRECISIONS = ("fp32", "static-int8")


def write(model: Classifier, size: int, precision: str, calibration: Floats | None, about: Mapping[str, Any]) -> bytes:
    """Return a .pte file whose method `forward` takes a photo [1, 3, size, size] and gives logits, cam and embedding.

    The format has no place for a description; it stands in the JSON file beside it.

    Args:
        model: in evaluation mode.
        size: px a side.
        precision: one of `PRECISIONS`; static-int8 quantises by PT2E, weights per channel.
        calibration: [N, 3, size, size], of the training side; for static-int8.
        about: not used here.

    Raises:
        BundleError: the network has an operator that cannot be lowered.
        DataError: another precision, or static-int8 without calibration inputs.
    """
    if precision not in PRECISIONS:
        why = "XNNPACK has no such kernels on every processor"
        raise DataError(f"--to executorch --precision {precision}", why, f"take {' or '.join(PRECISIONS)}")
    sample = (torch.zeros(1, 3, size, size),)
    plain: nn.Module = copy.deepcopy(model).to(memory_format=torch.contiguous_format).cpu().eval()
    onnx.fix_padding(plain, size)
    with unsupported("executorch", precision), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations while it exports
        if precision == "static-int8":
            plain = _quantised(plain, sample, required(calibration))
        program = torch.export.export(plain, sample, strict=False)
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        return bytes(lowered.to_executorch().buffer)


def _quantised(model: nn.Module, sample: tuple[Tensor, ...], calibration: Floats) -> nn.Module:
    """Return the graph with int8 convolutions; the first ones and the head stay float, as in the ONNX file."""
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    kept = set(kept_float(model))
    quantizer.set_filter_function(lambda node: not kept & _modules_of(node))
    prepared = prepare_pt2e(torch.export.export(model, sample, strict=False).module(), quantizer)
    with torch.no_grad():
        for photo in calibration:
            prepared(torch.from_numpy(photo[None]))
    converted: nn.Module = convert_pt2e(prepared)
    return converted


def _modules_of(node: Node) -> set[str]:
    """Return the names of the modules that a node of the graph comes from, from the outermost to the innermost."""
    return {name.removeprefix("L['self'].") for name, _ in node.meta.get("nn_module_stack", {}).values()}
