"""An ONNX graph, node after node, whose matrices may be stored in blocks of whole numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mpoxlens.schema import Floats

CONTRIB = "com.microsoft"  # operators of ONNX Runtime itself
OPSETS = {"": 17, CONTRIB: 1}
BLOCK = 16  # weights that share a scale; with 32 an answer moves twice as far, and is no faster
INT8 = 4  # `accuracy_level` of MatMulNBits: activations are rounded to 8 bits too, as the processor multiplies these


class Graph:
    """What is written down of a network; every method returns the name of what it adds.

    Args:
        bits: of a weight in `linear`: 8, or 32 for none rounded.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self._nodes: list[Any] = []
        self._kept: dict[str, Any] = {}

    def add(self, op: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """Add a node and return its first output; the others are named after it, with ".1", ".2" and so on."""
        name = f"{op}_{len(self._nodes)}"
        names = [name, *(f"{name}.{i}" for i in range(1, outputs))]
        self._nodes.append(helper.make_node(op, inputs, names, name=name, domain=domain, **attributes))
        return name

    def rename(self, old: str, new: str) -> None:
        """Give an output of the last node the name under which the graph hands it out."""
        outputs = self._nodes[-1].output
        outputs[list(outputs).index(old)] = new

    def keep(self, values: Any, name: str = "") -> str:
        """Add a constant."""
        name = name or f"kept_{len(self._kept)}"
        self._kept[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def linear(self, x: str, weight: Floats, bias: Floats | None = None, name: str = "") -> str:
        """Add x [..., K] @ weight [N, K].T + bias [N]."""
        name = name or f"weight_{len(self._kept)}"
        outputs, inputs = weight.shape
        if self.bits == 32:
            product = self.add("MatMul", x, self.keep(weight.T, name))
        else:
            whole, scale = rounded(weight)
            stored = self.keep(whole, name), self.keep(scale.reshape(-1), f"{name}_scale")
            sizes = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK, "accuracy_level": INT8}
            product = self.add("MatMulNBits", x, *stored, domain=CONTRIB, **sizes)
        return product if bias is None else self.add("Add", product, self.keep(bias))

    def normed(self, x: str, weight: Floats, bias: Floats, epsilon: float) -> str:
        """Add a layer norm."""
        return self.add("LayerNormalization", x, self.keep(weight), self.keep(bias), epsilon=epsilon)

    def save(self, path: Path, inputs: dict[str, list[Any]], outputs: dict[str, list[Any]]) -> None:
        """Write the graph as `path`, and its constants beside it as the same name with ".data".

        Args:
            path: in a folder that is there.
            inputs: shapes by name, a size that varies as a word; of whole numbers if the name begins with "count".
            outputs: likewise.
        """
        ends = [
            [helper.make_tensor_value_info(name, _kind(name), shape) for name, shape in side.items()]
            for side in (inputs, outputs)
        ]
        graph = helper.make_graph(self._nodes, path.stem, *ends, list(self._kept.values()))
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        onnx.save_model(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=1024)


def rounded(weight: Floats) -> tuple[np.ndarray[Any, Any], Floats]:
    """Return weight [N, K] as whole numbers [N, B, BLOCK] around 128, and what they are multiplied by [N, B]."""
    rows, width = weight.shape
    blocks = np.pad(weight, ((0, 0), (0, -width % BLOCK))).reshape(rows, -1, BLOCK)
    scale = np.abs(blocks).max(-1) / 127
    whole = np.rint(blocks / np.where(scale, scale, 1)[..., None]) + 128
    return whole.astype(np.uint8), scale.astype(np.float32)


def _kind(name: str) -> int:
    return int(TensorProto.INT32 if name.startswith("count") else TensorProto.FLOAT)
