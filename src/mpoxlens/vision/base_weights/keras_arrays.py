"""SqueezeNet 1.1 out of a pickled dictionary of arrays, of which nothing but arrays is admitted.

The arrays are laid out as in Keras ([h, w, in, out]) and expect a photograph as Caffe did: blue first, 0 to 255, less
a mean. Both are worked into the first convolution, so that the network takes what torchvision's SqueezeNet takes.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mpoxlens.errors import WeightsError
from mpoxlens.schema import Floats

FIRE = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}  # fire module -> place in torchvision's `features`
CAFFE_MEAN = np.array([123.68, 116.779, 103.939]) / 255  # of RGB in 0..1
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # torchvision's


def read_squeezenet(path: Path) -> dict[str, Tensor]:
    """Return the tensors by their names in torchvision, made for torchvision's standardised RGB input.

    Raises:
        WeightsError: damaged, it holds something else than arrays, or not those of SqueezeNet.
    """
    layers = _dictionary(path)
    wanted = {"conv1", "conv10"} | {
        f"fire{n}/{part}" for n in FIRE for part in ("squeeze1x1", "expand1x1", "expand3x3")
    }
    if set(layers) != wanted:
        raise WeightsError(str(path), "its layers are not those of SqueezeNet 1.1", "correct model.weights")
    state: dict[str, Tensor] = {}
    for name, (kernel, bias) in layers.items():
        if name != "conv10":  # the classifier of ImageNet
            kernel, bias = _for_torchvision(kernel, bias) if name == "conv1" else (kernel, bias)
            state[f"{_place(name)}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
            state[f"{_place(name)}.bias"] = torch.from_numpy(bias.copy())
    return state


def _place(name: str) -> str:
    if name == "conv1":
        return "features.0"
    fire, part = name.split("/")
    return f"features.{FIRE[int(fire[4:])]}.{'squeeze' if part == 'squeeze1x1' else part}"


def _for_torchvision(kernel: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """Give the first convolution [h, w, 3, out] of Caffe's input the input of torchvision.

    Its value is 255 (rgb - CAFFE_MEAN), and rgb = MEAN + STD x input; exact, as this convolution is not padded.
    """
    rgb = kernel[:, :, ::-1].astype(np.float64) * 255
    moved = bias + np.einsum("hwio,i->o", rgb, MEAN - CAFFE_MEAN)
    return (rgb * STD[:, None]).astype(np.float32), moved.astype(np.float32)


def _dictionary(path: Path) -> dict[str, list[Floats]]:
    try:
        with path.open("rb") as file:
            found = _ArraysOnly(file).load()
    except (pickle.UnpicklingError, EOFError, OSError, ValueError, TypeError, IndexError, KeyError, AttributeError):
        raise WeightsError(str(path), "damaged, or more than arrays", "remove it to download it again") from None
    good = isinstance(found, dict) and all(
        isinstance(v, list) and len(v) == 2 and all(isinstance(a, np.ndarray) and a.dtype == np.float32 for a in v)
        for v in found.values()
    )
    if not good:
        raise WeightsError(str(path), "no dictionary of arrays", "remove it to download it again")
    return dict(found)


class _ArraysOnly(pickle.Unpickler):
    """Admits what an array consists of; any other name, and so any call, is refused."""

    def find_class(self, module: str, name: str) -> Any:
        admitted = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],  # numpy's name for it changes
        }
        if (module, name) not in admitted:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted")
        return admitted[module, name]
