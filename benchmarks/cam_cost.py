"""Claim: the class activation maps cost at most 2 % over a pass without them.

The default bundle's network against two others made of it: one from which the output `cam` is taken away (its
convolution stays, as the logits are the mean of the maps), and one as classifiers have it elsewhere, whose linear head
stands after the pooling, so that no map is ever made. All give the same logits. In every round each runs once, in a
drawn order and on one thread, so that whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, helper, numpy_helper
from onnx.utils import Extractor

from mpoxlens.bundle import OUTPUTS, default_path
from mpoxlens.datasets.phantom import draw
from record import Row, arguments, finish

WITH, NO_OUTPUT, POOLED = "with cam", "cam not given out", "head after the pooling"
GOAL = 2  # %
WARM = 5  # passes before any is timed
WITHOUT = [name for name in OUTPUTS if name != "cam"]

Seconds = NDArray[np.float64]  # [rounds]


def no_output(model: ModelProto) -> ModelProto:
    """Return the network without the output cam, and without what only it needed."""
    return Extractor(model).extract_model(["photo"], WITHOUT)


def pooled(model: ModelProto) -> ModelProto:
    """Return the network with its linear head on the embedding, and no maps."""
    (head,) = (node for node in model.graph.node if "cam" in node.output)
    (mean,) = (node for node in model.graph.node if "logits" in node.output)
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weight = held[head.input[1]][:, :, 0, 0]  # [C, D]
    changed = ModelProto()
    changed.CopyFrom(model)
    changed.graph.node.remove(head)
    changed.graph.node.remove(mean)
    changed.graph.initializer.append(numpy_helper.from_array(weight, "pooled.weight"))
    after = helper.make_node("Gemm", ["embedding", "pooled.weight", head.input[2]], ["logits"], transB=1)
    changed.graph.node.append(after)
    del changed.graph.output[:]
    changed.graph.output.extend(out for out in model.graph.output if out.name in WITHOUT)
    return Extractor(changed).extract_model(["photo"], WITHOUT)


def sessions(model: ModelProto) -> dict[str, onnxruntime.InferenceSession]:
    """Return the three networks, each on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    kinds = {WITH: model, NO_OUTPUT: no_output(model), POOLED: pooled(model)}
    return {
        name: onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
        for name, made in kinds.items()
    }


def check(runs: Mapping[str, onnxruntime.InferenceSession], photo: NDArray[np.float32]) -> None:
    """Leave unless all give the same logits: else the times are not of the same work."""
    logits = {name: run.run(["logits"], {"photo": photo})[0] for name, run in runs.items()}
    apart = max(float(np.abs(logits[name] - logits[WITH]).max()) for name in logits)
    if apart > 1e-3:
        sys.exit(f"the networks differ by {apart:g} in their logits")


def timed(
    runs: Mapping[str, onnxruntime.InferenceSession], photo: NDArray[np.float32], rounds: int
) -> dict[str, Seconds]:
    """Return the seconds of each pass."""
    rng = np.random.default_rng(0)
    names = list(runs)
    found = {name: np.empty(rounds) for name in names}
    for i in range(-WARM, rounds):
        for name in rng.permutation(names):
            start = time.perf_counter()
            runs[name].run(None, {"photo": photo})
            found[name][i] = time.perf_counter() - start  # of warming up, written over later
    return found


def cost(one: Seconds, other: Seconds) -> tuple[float, float, float]:
    """Return by how many % a pass takes longer than another: median over rounds, and its 95 % bootstrap interval."""
    ratios = 100 * (one / other - 1)
    draws = np.random.default_rng(0).integers(0, len(ratios), (2000, len(ratios)))
    low, high = np.quantile(np.median(ratios[draws], axis=1), (0.025, 0.975))
    return float(np.median(ratios)), float(low), float(high)


def main() -> None:
    """Measure."""
    options = arguments(__doc__).parse_args()
    model = onnx.load(default_path() / "model.onnx")
    runs = sessions(model)
    size = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    photo = np.float32(draw(1, size=size).pixels.transpose(2, 0, 1)[None] / 127.5 - 1)
    check(runs, photo)
    rounds = 30 if options.quick else 2000
    seconds = timed(runs, photo, rounds)
    rows = [Row(f"one pass, {name}, median", 1000 * float(np.median(taken)), "ms") for name, taken in seconds.items()]
    for name in (NO_OUTPUT, POOLED):
        middle, low, high = cost(seconds[WITH], seconds[name])
        rows.append(Row(f"with cam over {name} ({low:.2f} to {high:.2f})", middle, "%", GOAL))
    notes = f"Median of {rounds} interleaved rounds with its 95 % bootstrap interval, one photograph, one thread."
    finish("cam_cost", rows, quick=options.quick, notes=notes, packages=("mpoxlens", "onnxruntime", "onnx", "numpy"))


if __name__ == "__main__":
    main()
