"""What is explained: a bundle's network in ONNX Runtime, or the float network of a run in torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mpoxlens import __version__
from mpoxlens.bundle import Bundle, Spec
from mpoxlens.errors import BundleError, CheckpointError, DataError
from mpoxlens.schema import Floats

if TYPE_CHECKING:
    from torch import Tensor

    from mpoxlens.vision.backbones import Classifier

BATCH = 8  # inputs of one pass: more do not run faster on a processor, and take memory
MANY = 8  # inputs from which on exporting a float network is worth its second


def weights(classes: int, positive: int) -> Floats:
    """Return what each logit counts in the contrast [C]: 1 for the positive class, -1/(C-1) for each other."""
    counted = np.full(classes, -1 / (classes - 1), np.float32)
    counted[positive] = 1
    return counted


@dataclass(frozen=True, eq=False)
class OnnxSubject:
    """The network of a bundle, as it is used: int8 mostly, without gradients."""

    bundle: Bundle
    workers: int = 1  # passes at a time, each of `BATCH` inputs

    @classmethod
    def load(cls, path: str | Path) -> OnnxSubject:
        """Load and verify a bundle, to run a pass on each core: together they do more than all cores on one pass.

        Raises:
            BundleError: the bundle cannot be used.
        """
        return cls(Bundle.load(path, threads=1), os.cpu_count() or 1)

    @property
    def name(self) -> str:
        """Name and version of the bundle, with the beginning of its hash."""
        spec = self.bundle.spec
        return f"{spec.name} {spec.version} {self.bundle.sha256[:8]}"

    @property
    def size(self) -> int:
        """Pixels a side of its input."""
        return self.bundle.spec.preprocess.size

    @cached_property
    def positive(self) -> int:
        """Index of the positive class."""
        return self.bundle.spec.labels.index(self.bundle.spec.positive)

    def contrast(self, inputs: Floats) -> Floats:
        """Return what is explained [N] for inputs [N, 3, size, size], `BATCH` of them at a time.

        Raises:
            BundleError: the network gave numbers that are not finite.
        """
        batches = [inputs[i : i + BATCH] for i in range(0, len(inputs), BATCH)]
        if not batches:
            return np.empty(0, np.float32)
        with ThreadPoolExecutor(min(self.workers, len(batches))) as pool:
            logits = np.concatenate(list(pool.map(lambda batch: self.bundle.run(batch).logits, batches)))
        return _checked(logits @ weights(logits.shape[1], self.positive), str(self.bundle.path))

    def cam(self, photo: Floats) -> Floats:
        """Return the class activation maps [C, h, w] of one input [3, size, size]; their mean over h, w is the logit.

        Raises:
            BundleError: the network gave numbers that are not finite.
        """
        return _checked(self.bundle.run(photo[None]).cam[0], str(self.bundle.path))


@dataclass(frozen=True, eq=False)
class TorchSubject:
    """A float network with gradients, in eval mode."""

    model: Classifier
    size: int  # px a side of its input
    positive: int  # index of the positive class
    name: str

    def __post_init__(self) -> None:
        self.model.eval()  # dropout and batch statistics would make every explanation another one

    def contrast(self, inputs: Floats) -> Floats:
        """Return what is explained [N] for inputs [N, 3, size, size], `BATCH` of them at a time.

        Raises:
            BundleError: the network gave numbers that are not finite.
        """
        logits = self._exported if len(inputs) >= MANY and self._on_processor else self._logits
        parts = [logits(inputs[i : i + BATCH]) for i in range(0, len(inputs), BATCH)]
        found = np.concatenate([part @ weights(part.shape[1], self.positive) for part in parts] or [np.empty(0)])
        return _checked(np.asarray(found, np.float32), self.name)

    def contrast_tensor(self, inputs: Tensor) -> Tensor:
        """Return what is explained [N] for inputs [N, 3, size, size] in one pass, with its gradient."""
        logits: Tensor = self.model(inputs)[0]
        return logits @ logits.new_tensor(weights(logits.shape[1], self.positive))

    def cam(self, photo: Floats) -> Floats:
        """Return the class activation maps [C, h, w] of one input [3, size, size]; their mean over h, w is the logit.

        Raises:
            BundleError: the network gave numbers that are not finite.
        """
        import torch

        with torch.no_grad():
            found: Floats = self.model(self._tensor(photo[None]))[1][0].cpu().numpy()
        return _checked(found, self.name)

    @cached_property
    def _exported(self) -> Callable[[Floats], Floats]:
        from mpoxlens.explain.exported import exported

        return exported(self.model, self.size)

    @property
    def _on_processor(self) -> bool:
        return next(self.model.parameters()).device.type == "cpu"

    def _logits(self, inputs: Floats) -> Floats:
        import torch

        with torch.no_grad():
            found: Floats = self.model(self._tensor(inputs))[0].cpu().numpy()
        return found

    def _tensor(self, inputs: Floats) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(inputs)).to(next(self.model.parameters()).device)


def of_run(folder: Path, part: str = "final") -> tuple[TorchSubject, Spec]:
    """Return the float network of a finished run of `mpoxlens train`, and the specification of its bundle.

    Args:
        folder: the run's.
        part: which of its networks: "final", which learned from all photographs, or a fold's, such as "fold0".

    Raises:
        DataError: no finished run.
        CheckpointError: the network is missing, damaged or of another recipe.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from mpoxlens.vision.backbones import create
    from mpoxlens.vision.checkpoint import NETWORK
    from mpoxlens.vision.recipe import ModelRecipe

    spec, path = _spec(folder), folder / part / NETWORK
    about, size = spec.training, spec.preprocess.size
    model = create(ModelRecipe.recorded(about, size), len(spec.labels))
    try:
        content = path.read_bytes()
        model.load_state_dict(load(content))
    except (RuntimeError, OSError, SafetensorError):
        mend = "give the command of that run again: it goes on from where it stopped"
        raise CheckpointError(str(path), "missing, damaged or of another network", mend) from None
    name = f"{spec.name} {spec.version} float {hashlib.sha256(content).hexdigest()[:8]}"
    return TorchSubject(model, size, spec.labels.index(spec.positive), name), spec


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of mpoxlens, numpy and other packages, for `Explanation.versions`."""
    return {"mpoxlens": __version__} | {name: version(name) for name in ("numpy", *packages)}


def _spec(folder: Path) -> Spec:
    path = folder / "bundle" / "bundle.json"
    try:
        spec = Spec.from_dict(json.loads(path.read_text(encoding="utf-8")))
        spec.training["backbone"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        mend = "name the folder that mpoxlens train was given as --out, once it has finished"
        raise DataError(str(folder), "it holds no finished run", mend) from None
    return spec


def _checked(values: Floats, where: str) -> Floats:
    if not np.isfinite(values).all():
        raise BundleError(where, "its network gave numbers that are not finite", "verify or build the bundle again")
    return values
