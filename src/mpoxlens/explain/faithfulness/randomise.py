"""Sanity check (Adebayo et al. 2018): a map that stays when the network forgets what it learned does not explain it.

A network forgets by the values of each kernel being shuffled: their distribution stays, and so does the scale of what
flows through, while nothing learned is left. Biases and norms stay. It works on the float network as on the int8 file.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.explain.faithfulness.similarity import alike
from mpoxlens.explain.nouns import Method, Subject
from mpoxlens.explain.subject import OnnxSubject, TorchSubject
from mpoxlens.schema import Floats

if TYPE_CHECKING:
    from mpoxlens.evaluation.metrics import Figure

LEVELS = 4  # depths at which the cascade is looked at; the last is the whole network
MOST_ALIKE = 0.5  # mean rank correlation that a map may keep; edges alone, which no weights make, keep more


@dataclass(frozen=True, eq=False)
class Forgot:
    """A network of which some is shuffled."""

    share: float  # of its kernels that are shuffled
    subject: Subject


@dataclass(frozen=True)
class Kept:
    """How alike a map is before and after: rank correlations, -1 to 1."""

    signed: float
    absolute: float  # of the maps without their signs


def cascading(subject: Subject, levels: int = LEVELS, seed: int = 0) -> Iterator[Forgot]:
    """Yield the network shuffled from its output down, a further part each time, at last the whole.

    Raises:
        DataError: neither a bundle's network nor a float one.
    """
    names, rebuild = _parts(subject, seed)
    for level in range(1, levels + 1):
        count = max(1, round(len(names) * level / levels))
        yield Forgot(count / len(names), rebuild(names[-count:]))


def independent(subject: Subject, levels: int = LEVELS, seed: int = 0) -> Iterator[Forgot]:
    """Yield the network with one of its parts shuffled, the last first, and all else as it was learned.

    Raises:
        DataError: neither a bundle's network nor a float one.
    """
    names, rebuild = _parts(subject, seed)
    for part in reversed([part for part in np.array_split(np.arange(len(names)), levels) if len(part)]):
        yield Forgot(len(part) / len(names), rebuild([names[i] for i in part]))


def kept(method: Method, forgot: Subject, photo: Floats, heat: Floats, seed: int = 0) -> Kept:
    """Compare the map [S, S] of an input [3, S, S] with the map that a network that forgot gives of it."""
    after = method(forgot, photo, seed).heat
    return Kept(alike(heat, after), alike(np.abs(heat), np.abs(after)))


def passed(signed: Figure, absolute: Figure) -> bool:
    """Whether maps depend on what was learned: the whole network forgotten, neither correlation may be large.

    Args:
        signed: mean size of `Kept.signed` over photographs, with its interval.
        absolute: mean size of `Kept.absolute`.
    """
    return signed.high < MOST_ALIKE and absolute.high < MOST_ALIKE


def _parts(subject: Subject, seed: int) -> tuple[list[str], Callable[[Sequence[str]], Subject]]:
    """Return the kernels' names from input to output, and what makes a network with some of them shuffled."""
    if isinstance(subject, TorchSubject):
        return [n for n, p in subject.model.named_parameters() if p.ndim > 1], _torch(subject, seed)
    if isinstance(subject, OnnxSubject):
        return _onnx(subject, seed)
    mend = "give a bundle with --bundle, or a run with --run"
    raise DataError(getattr(subject, "name", "subject"), "no weights are known that could be shuffled", mend)


def _torch(subject: TorchSubject, seed: int) -> Callable[[Sequence[str]], Subject]:
    import torch

    def rebuild(names: Sequence[str]) -> Subject:
        model, chance = copy.deepcopy(subject.model), torch.Generator().manual_seed(seed)
        kernels = dict(model.named_parameters())
        with torch.no_grad():
            for name in names:
                flat = kernels[name].flatten()
                order = torch.randperm(flat.numel(), generator=chance).to(flat.device)
                kernels[name].copy_(flat[order].reshape(kernels[name].shape))
        return replace(subject, model=model, name=f"{subject.name}, shuffled")

    return rebuild


def _onnx(subject: OnnxSubject, seed: int) -> tuple[list[str], Callable[[Sequence[str]], Subject]]:
    import onnx
    import onnxruntime
    from onnx import numpy_helper

    file = subject.bundle.path / "model.onnx"
    content = file.read_bytes()
    names = _kernels(onnx.load_from_string(content).graph)

    def rebuild(chosen: Sequence[str]) -> Subject:
        model, rng = onnx.load_from_string(content), np.random.default_rng(seed)
        for tensor in model.graph.initializer:
            if tensor.name in chosen:
                values = numpy_helper.to_array(tensor)
                shuffled = rng.permutation(values.ravel()).reshape(values.shape)
                tensor.CopyFrom(numpy_helper.from_array(shuffled, tensor.name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )  # fmt: skip
        return replace(subject, bundle=replace(subject.bundle, session=session, sha256="shuffled"))

    return names, rebuild


def _kernels(graph: Any) -> list[str]:
    """Return the initialisers of two dimensions and more in the order in which a photograph meets them."""
    kernels = {tensor.name for tensor in graph.initializer if len(tensor.dims) > 1}
    from_kernel = {name: name for name in kernels}
    found: dict[str, None] = {}
    for node in graph.node:
        sources = [from_kernel[name] for name in node.input if name in from_kernel]
        if node.op_type == "DequantizeLinear" and sources:  # stands before the node that uses the kernel, often far
            from_kernel[node.output[0]] = sources[0]
        else:
            found.update(dict.fromkeys(sources))
    return list(found)
