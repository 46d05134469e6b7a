"""A bundle with a tiny network whose answers can be worked out by hand: a real file in the real runtime.

The embedding [N, 4] is the mean of standardised red, green and blue and a constant 1; the logits are the
head's matrix times it, and the class activation maps average to them. `mpox` likes red, `healthy` blue.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from mpoxlens import bundle as bundles
from mpoxlens.bundle import Bundle, Spec
from mpoxlens.datasets.phantom import draw
from mpoxlens.golden import record
from mpoxlens.preprocess import Preprocess
from mpoxlens.rules import Calibration, Conformal, OutOfDistribution

SIZE, CELLS, DEPTH = 64, 8, 4
LABELS = ("mpox", "chickenpox", "measles", "healthy")
# rows: labels; columns: mean red, green, blue, constant
HEAD = np.array([[2, -1, -1, 0.5], [0, 1, 0, 0], [1, 0, 0, 0], [-2, 1, 2, 0]], dtype=np.float32)


def model(head: np.ndarray = HEAD) -> bytes:
    """Return the network: 8 x 8 average pooling, a linear head at every place, and the mean over places."""
    mix = np.zeros((DEPTH, 3, 1, 1), np.float32)
    mix[[0, 1, 2], [0, 1, 2]] = 1
    weights = {
        "mix": mix,
        "one": np.array([0, 0, 0, 1], np.float32),
        "head": head.reshape(len(head), DEPTH, 1, 1),
        "axes": np.array([2, 3], np.int64),
    }
    stride = SIZE // CELLS
    nodes = [
        helper.make_node("AveragePool", ["photo"], ["cells"], kernel_shape=[stride] * 2, strides=[stride] * 2),
        helper.make_node("Conv", ["cells", "mix", "one"], ["features"]),
        helper.make_node("Conv", ["features", "head"], ["cam"]),
        helper.make_node("ReduceMean", ["cam", "axes"], ["logits"], keepdims=0),
        helper.make_node("ReduceMean", ["features", "axes"], ["embedding"], keepdims=0),
    ]
    shapes = {"logits": [len(head)], "cam": [len(head), CELLS, CELLS], "embedding": [DEPTH]}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", *s]) for n, s in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def spec(**changes: object) -> Spec:
    """Return the tiny bundle's specification; everything is known to it unless changed."""
    entries: dict[str, object] = {
        "name": "tiny",
        "version": "1",
        "labels": LABELS,
        "positive": "mpox",
        "preprocess": Preprocess(SIZE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        "calibration": Calibration(1.0, 0.0, ((0.9, -0.2), (1.0, 0.0), (1.1, 0.2))),
        "operating_point": 0.4,
        "conformal": Conformal(0.1, 0.3, 0.6),
        "ood": OutOfDistribution(np.zeros(DEPTH, np.float32), np.eye(DEPTH, dtype=np.float32), 1.0, 50.0),
        "intended_use": "Tests.",
        "licences": {"code": "Apache-2.0", "weights": "none", "data": "none"},
        "training": {"manifest_sha256": "0" * 64},
        "figures": {},
    }
    return Spec(**{**entries, **changes})  # type: ignore[arg-type]


def build(folder: Path, **changes: object) -> Path:
    """Write the tiny bundle; its golden vectors are two drawings."""
    made = spec(**changes)
    session = onnxruntime.InferenceSession(model(), providers=["CPUExecutionProvider"])
    golden = record(Bundle(folder, made, "", session), [draw(1, size=96).pixels, draw(2, size=80, count=0).pixels])
    return bundles.write(folder, made, model(), golden, "# tiny\n")
