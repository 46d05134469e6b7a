"""One file, loaded and run by the runtime that a phone would use: onnxruntime, LiteRT or ExecuTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.bundle import OUTPUTS, Outputs
from mpoxlens.errors import BundleError, DataError, MissingExtraError
from mpoxlens.schema import Floats

RUNTIMES = {"onnx": ".onnx", "litert": ".tflite", "executorch": ".pte"}  # and how their files end
AGAIN = "write it again with mpoxlens optimise"
Pass = Callable[[Floats], Sequence[Floats]]  # [1, 3, size, size] -> `OUTPUTS`


@dataclass(frozen=True, eq=False)
class Loaded:
    """A file in its runtime, ready to run."""

    size: int  # px a side
    forward: Pass

    def run(self, batch: Floats) -> Outputs:
        """Run the network on a batch [N, 3, size, size], one photograph at a time as a phone does."""
        parts = [self.forward(batch[i : i + 1]) for i in range(len(batch))]
        return Outputs(*(np.concatenate([part[i] for part in parts]) for i in range(len(OUTPUTS))))


def load(path: Path, threads: int = 1) -> Loaded:
    """Load a file by the runtime that its ending names; `threads` of one pass.

    Raises:
        DataError: an ending of no runtime, or no such file.
        MissingExtraError: the runtime is not installed.
        BundleError: the runtime cannot load the file, or it does not give logits, cam and embedding.
    """
    loader = _LOADERS.get(path.suffix)
    if loader is None:
        why = f"a file of a runtime ends in {', '.join(_LOADERS)}"
        raise DataError(str(path), why, "name a bundle's folder, or a file of mpoxlens optimise")
    if not path.is_file():
        raise DataError(str(path), "no such file", "check the path")
    try:
        return loader(path, threads)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"running {path.name}", _EXTRAS[path.suffix], error.name or path.suffix) from None
    except BundleError:
        raise
    except Exception as error:  # noqa: BLE001  the runtimes' errors share no base class but Exception
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise BundleError(str(path), f"the runtime cannot load it ({said})", AGAIN) from None


def warm_up(path: Path) -> None:
    """Import what the runtime of a file needs, so that its libraries are not counted as the file's own memory."""
    for name in _MODULES.get(path.suffix, ()):
        with suppress(ModuleNotFoundError):  # `load` says what is missing
            import_module(name)


def _onnx(path: Path, threads: int) -> Loaded:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    _complete(path, {o.name for o in session.get_outputs()})
    return Loaded(session.get_inputs()[0].shape[-1], lambda photo: session.run(list(OUTPUTS), {"photo": photo}))


def _litert(path: Path, threads: int) -> Loaded:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    runner = interpreter.get_signature_runner()
    inputs: Mapping[str, Any] = runner.get_input_details()
    _complete(path, set(runner.get_output_details()))

    def forward(photo: Floats) -> Sequence[Floats]:
        found = runner(photo=photo)
        return [found[name] for name in OUTPUTS]

    return Loaded(int(inputs["photo"]["shape"][-1]), forward)


def _executorch(path: Path, _threads: int) -> Loaded:
    """Load a program; its threads are those of the cores that the process may use (`measure_one.keep_to`)."""
    import torch
    from executorch.runtime import Runtime

    program = Runtime.get().load_program(path.read_bytes())
    method = program.load_method("forward")
    if method is None or method.metadata.num_outputs() != len(OUTPUTS):
        _complete(path, set())

    def forward(photo: Floats) -> Sequence[Floats]:
        # The program owns the file's bytes, and is freed with them unless something holds it; a method does not.
        kept = program.load_method("forward")  # the same one again
        # The method's outputs lie in memory that its next pass uses again.
        return [np.array(tensor) for tensor in kept.execute([torch.from_numpy(np.ascontiguousarray(photo))])]

    return Loaded(int(method.metadata.input_tensor_meta(0).sizes()[-1]), forward)


def _complete(path: Path, given: set[str]) -> None:
    missing = [name for name in OUTPUTS if name not in given]
    if missing:
        raise BundleError(str(path), f"its graph does not give {', '.join(missing)}", AGAIN)


_LOADERS: Mapping[str, Callable[[Path, int], Loaded]] = {".onnx": _onnx, ".tflite": _litert, ".pte": _executorch}
_EXTRAS = {".onnx": "train", ".tflite": "litert", ".pte": "executorch"}
_MODULES = {
    ".onnx": ("onnxruntime",),
    ".tflite": ("ai_edge_litert.interpreter",),
    ".pte": ("torch", "executorch.runtime"),
}
