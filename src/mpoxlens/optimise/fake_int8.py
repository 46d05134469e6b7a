"""A float network that computes as its static-int8 file will, in torch: rounded forward, backward as if not.

What is rounded is what the files round: weights of convolutions per channel and symmetric, and per tensor what goes
into a convolution or a sum and what comes out of it, after the clip that a runtime joins to it. The first convolutions
and the head stay float (`precision.kept_float`). The rounding is done while the network runs and leaves it as it is, so
that it is exported like any other. Gradients pass straight through (Jacob et al. 2018, section 3).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

from mpoxlens.errors import DataError
from mpoxlens.optimise.precision import kept_float
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier

WEIGHT_LEVELS = 64  # to each side of 0: the seven bits of the ONNX file, the coarsest of the three runtimes
ACTIVATION_LEVELS = 255
SUMS = {"add", "add_", "__add__", "__iadd__", "__radd__"}
CLIPS = {"hardtanh", "hardtanh_", "relu6", "relu", "relu_"}
STEP = 16  # photographs a pass while ranges are taken
Outputs3 = tuple[Tensor, Tensor, Tensor]
Range = tuple[float, float]


def folded(model: Classifier, size: int) -> Classifier:
    """Return a copy in which every batch norm is part of the convolution before it, as in the files.

    Args:
        model: in evaluation mode; what it gives does not change.
        size: px a side.
    """
    made = copy.deepcopy(model).eval()
    names = {module: name for name, module in made.named_modules()}
    for conv, norm in _pairs(made, size):
        made.set_submodule(names[conv], fuse_conv_bn_eval(conv, norm))
        made.set_submodule(names[norm], getattr(norm, "act", nn.Identity()))
    return made


def _pairs(model: nn.Module, size: int) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return convolutions with the batch norm that reads what they give, whatever their names are."""
    given: list[tuple[nn.Conv2d, Tensor]] = []
    found: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def gave(module: nn.Module, _photo: Any, output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            given.append((module, output))

    def reads(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(module, nn.BatchNorm2d):
            found.extend((conv, module) for conv, output in given if output is inputs[0])

    hooks = [m.register_forward_hook(gave) for m in model.modules()]
    hooks += [m.register_forward_pre_hook(reads) for m in model.modules()]
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return found


class FakeInt8:
    """A network run with the rounding of its file; ranges of activations are measured before, on the float network."""

    def __init__(self, model: Classifier) -> None:
        kept = set(kept_float(model))
        self.model = model
        self.rounded = [m.weight for name, m in model.named_modules() if isinstance(m, nn.Conv2d) and name not in kept]
        if not self.rounded:
            why = "past its first convolutions this network has none, so that no weight would be rounded"
            raise DataError("--precision qat-int8", why, "take fp32 or fp16, or another backbone")
        self.ranges: list[Range] = []

    @torch.no_grad()
    def measure(self, calibration: Floats) -> None:
        """Take the ranges of activations from inputs [N, 3, size, size] by the weights as they are now."""
        seen = _Measured(self.rounded)
        for i in range(0, len(calibration), STEP):
            seen.begin()
            with seen:
                self.model(torch.from_numpy(calibration[i : i + STEP]))
        self.ranges = seen.ranges

    def __call__(self, photo: Tensor) -> Outputs3:
        """Return logits [B, C], cam [B, C, h, w] and embedding [B, D] of photos [B, 3, H, W]; after `measure`."""
        with _Rounded(self.rounded, self.ranges):
            found: Outputs3 = self.model(photo)
        return found


class _Places(TorchFunctionMode):
    """Comes to every place where the file rounds, always in the same order."""

    def __init__(self, rounded: Sequence[Tensor]) -> None:
        super().__init__()
        self.rounded = {id(weight) for weight in rounded}
        self.begin()

    def begin(self) -> None:
        """Forget the pass before."""
        self.place = 0
        self.waiting: dict[int, Tensor] = {}  # what a convolution gave: rounded at once, unless a clip comes first
        self.done: dict[int, tuple[Tensor, int, Tensor]] = {}  # a tensor, its version, and it rounded

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name, more = getattr(func, "__name__", ""), kwargs or {}
        if name in CLIPS and id(args[0]) in self.waiting:
            del self.waiting[id(args[0])]
            return self.at(func(*args, **more))
        args = [self.settled(arg) for arg in args]
        if name == "conv2d" and id(args[1]) in self.rounded:
            found: Tensor = func(self.at(args[0]), self.weight(args[1]), *args[2:], **more)
            self.waiting[id(found)] = found
            return found
        if name in SUMS and all(isinstance(arg, Tensor) and arg.ndim > 2 for arg in args[:2]):
            return self.at(torch.add(self.at(args[0]), self.at(args[1]), **more))
        return func(*args, **more)

    def settled(self, arg: Any) -> Any:
        """Return an argument, or those in a list, rounded if a convolution gave it and no clip follows."""
        if type(arg) in (list, tuple):
            return type(arg)(map(self.settled, arg))
        return self.at(arg) if id(arg) in self.waiting else arg

    def at(self, x: Tensor) -> Tensor:
        """Return an activation as the file has it."""
        self.waiting.pop(id(x), None)
        if id(x) in self.done and self.done[id(x)][1] == x._version:  # else it was changed in place since
            return self.done[id(x)][2]
        found = self.activation(x)
        self.place += 1
        for tensor in (x, found):  # kept, so that no other tensor gets its id
            self.done[id(tensor)] = tensor, tensor._version, found
        return found

    def activation(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def weight(self, weight: Tensor) -> Tensor:
        raise NotImplementedError


class _Measured(_Places):
    """Rounds nothing, and keeps the least and greatest value of every place."""

    def __init__(self, rounded: Sequence[Tensor]) -> None:
        super().__init__(rounded)
        self.ranges: list[Range] = []

    def activation(self, x: Tensor) -> Tensor:
        if self.place == len(self.ranges):
            self.ranges.append((0.0, 0.0))  # a file's range holds 0, so that zeros stay zeros
        low, high = self.ranges[self.place]
        self.ranges[self.place] = min(low, float(x.min())), max(high, float(x.max()))
        return x

    def weight(self, weight: Tensor) -> Tensor:
        return weight


class _Rounded(_Places):
    """Rounds activations to the ranges measured, and weights by their own."""

    def __init__(self, rounded: Sequence[Tensor], ranges: Sequence[Range]) -> None:
        super().__init__(rounded)
        self.ranges = ranges

    def activation(self, x: Tensor) -> Tensor:
        low, high = self.ranges[self.place]
        scale = max((high - low) / ACTIVATION_LEVELS, float(np.finfo(np.float32).tiny))
        return torch.fake_quantize_per_tensor_affine(x, scale, round(-low / scale), 0, ACTIVATION_LEVELS)

    def weight(self, weight: Tensor) -> Tensor:
        greatest = weight.detach().abs().amax(dim=(1, 2, 3))
        scale = (greatest / WEIGHT_LEVELS).clamp(min=float(np.finfo(np.float32).tiny))
        zero = torch.zeros(len(scale), dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -WEIGHT_LEVELS, WEIGHT_LEVELS)
