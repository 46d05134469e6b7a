"""What a network costs: parameters, operations, bytes on disk, time on one core. Training changes none of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as refusals
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mpoxlens.optimise import onnx
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, Pixels
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.data import inputs
from mpoxlens.vision.recipe import ModelRecipe

WARM, TIMED, LONGEST = 3, 50, 5.0  # runs before the clock starts, runs timed, and seconds after which no more are
CALIBRATION_PHOTOS = 16  # for the ranges of int8; enough for size and time, which do not depend on them

REFUSED = (
    refusals.Fail,
    refusals.InvalidArgument,
    refusals.InvalidGraph,
    refusals.NotImplemented,
    ValueError,
)  # what the quantiser and the runtime raise for a network that they do not take


@dataclass(frozen=True)
class Cost:
    """Of one photograph at the size that the recipe gives."""

    parameters: int
    macs: int  # multiply-accumulates
    size: int  # pixels a side
    float_bytes: int
    float_ms: float  # median, one thread
    int8_bytes: int | None  # None where the network cannot be quantised
    int8_ms: float | None


def cost(recipe: ModelRecipe, classes: int, pixels: Sequence[Pixels]) -> Cost:
    """Measure a network as it would be shipped, on this machine.

    Args:
        recipe: backbone, weights and size.
        classes: of the head.
        pixels: some photographs, for the ranges of int8.

    Raises:
        WeightsError: network or weights are not to be had.
    """
    model = create(recipe, classes).eval()
    spec = preprocess_of(model, recipe.size)
    full = onnx.export(model, spec.size)
    small = _quantised(full, pixels, spec)
    photo = np.zeros((1, 3, spec.size, spec.size), dtype=np.float32)
    return Cost(
        parameters=sum(p.numel() for p in model.parameters()),
        macs=macs(model, spec.size),
        size=spec.size,
        float_bytes=len(full),
        float_ms=milliseconds(full, photo),
        int8_bytes=len(small) if small else None,
        int8_ms=milliseconds(small, photo) if small else None,
    )


def _quantised(full: bytes, pixels: Sequence[Pixels], spec: Preprocess) -> bytes | None:
    try:
        return onnx.quantise(full, inputs(pixels[:CALIBRATION_PHOTOS], spec))
    except REFUSED:
        return None


@torch.no_grad()
def macs(model: Classifier, size: int) -> int:
    """Return the multiply-accumulates of convolutions, matrix products and attention for one photograph."""
    # Fused attention is one operator that the counter does not know.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, size, size))
    return int(counter.get_total_flops()) // 2


def milliseconds(model: bytes, photo: Floats) -> float:
    """Return the median processor time of an ONNX file for one input, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    took: list[float] = []
    end = time.perf_counter() + LONGEST
    while len(took) < WARM + TIMED and (len(took) < 2 * WARM or time.perf_counter() < end):
        start = time.thread_time()  # the work is done in this thread, and what else the machine does is not counted
        session.run(None, {"photo": photo})
        took.append(time.thread_time() - start)
    return round(1000 * float(np.median(took[WARM:])), 2)
