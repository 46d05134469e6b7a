"""Methods that read a network's gradients; they need torch and a float network.

Four weigh the maps of one layer by the gradient of the contrast there, two look at the gradient at the input itself.
Each is a few lines on one hook, so no package stands behind them; captum and torchcam check them in the tests.

Where the head is linear over average-pooled features, as that of every `Classifier` is, the gradient of the contrast is
the same at all h·w places: the head's weight over h·w. HiResCAM, in the scale used here, is then the network's own map
without the head's bias, and Grad-CAM is its positive part over h·w.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from mpoxlens.errors import DataError
from mpoxlens.explain.cam import enlarged
from mpoxlens.explain.nouns import Explanation, Method, Setting, Subject
from mpoxlens.explain.subject import BATCH, TorchSubject, versions
from mpoxlens.schema import Floats

LAST = "drop"  # what a `Classifier` puts before its head, which in eval mode passes the last maps on
STEPS = 32  # of Integrated Gradients
SAMPLES, NOISE = 24, 0.15  # of SmoothGrad; noise as a share of the photograph's range, 0.1 to 0.2 in its paper

Weigh: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # maps [D, h, w], their gradient [D, h, w] -> [h, w]


def gradcam(maps: Tensor, gradient: Tensor) -> Tensor:
    """Weigh each map by its mean gradient, and keep what speaks for mpox (Selvaraju et al. 2017, equations 1 and 2)."""
    return torch.relu(torch.einsum("d,dhw->hw", gradient.mean(dim=(1, 2)), maps))


def gradcam_plus_plus(maps: Tensor, gradient: Tensor) -> Tensor:
    """Weigh each map by its positive gradients, shared out by curvature (Chattopadhay et al. 2018, equation 19).

    Derived for maps that are not negative.
    """
    below = 2 * gradient**2 + maps.sum(dim=(1, 2), keepdim=True) * gradient**3
    share = torch.where(below == 0, 0.0, gradient**2 / below)
    return torch.relu(torch.einsum("d,dhw->hw", (share * torch.relu(gradient)).sum(dim=(1, 2)), maps))


def hirescam(maps: Tensor, gradient: Tensor) -> Tensor:
    """Weigh each place of each map by its own gradient (Draelos and Carin 2020, equation 6).

    Times the number of places, so that the mean over places is what the maps give to the contrast, as in `cam`.
    """
    return (maps * gradient).sum(dim=0) * gradient[0].numel()


def layercam(maps: Tensor, gradient: Tensor) -> Tensor:
    """Weigh each place of each map by its positive gradient (Jiang et al. 2021, equations 5 to 7)."""
    return torch.relu((torch.relu(gradient) * maps).sum(dim=0))


WEIGHINGS: Mapping[str, Weigh] = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "hirescam": hirescam,
    "layercam": layercam,
}


def at_layer(method: str, layer: str = LAST) -> Method:
    """Return the method of `WEIGHINGS` at a layer.

    Args:
        method: its name.
        layer: name of a module of the `Classifier` that gives maps [N, D, h, w], such as "backbone.blocks.4".
    """

    def explain(subject: Subject, photo: Floats, seed: int) -> Explanation:
        network = with_gradients(subject, method)
        maps, gradient, contrast = read_layer(network, photo, layer)
        coarse: Floats = WEIGHINGS[method](maps, gradient).cpu().numpy()
        heat = enlarged(coarse, network.size)
        return explained(network, heat, method, {"layer": layer}, seed, contrast, 1)

    return explain


def read_layer(subject: TorchSubject, photo: Floats, layer: str = LAST) -> tuple[Tensor, Tensor, float]:
    """Return maps [D, h, w] of a layer, the gradient of the contrast there, and the contrast, of one input [3, S, S].

    Raises:
        DataError: no such layer, it gives no maps, or the head reads a class token alone, before which every place of
            the last maps is alike.
    """
    if layer == LAST and subject.model.reading.pool == "token":
        why = "its head reads the class token alone, so its last maps are flat"
        raise DataError(subject.name, why, "take --method rollout or integrated_gradients")
    with _watched(subject, layer) as seen:
        contrast = subject.contrast_tensor(_inputs(subject, photo[None]))
    if not seen:
        raise DataError(f"layer {layer!r}", "it gives no maps of the photograph", "name one that does")
    (gradient,) = torch.autograd.grad(contrast.sum(), seen[0])
    return seen[0][0].detach(), gradient[0], float(contrast.detach())


def integrated_gradients(subject: Subject, photo: Floats, seed: int, *, steps: int = STEPS) -> Explanation:
    """Integrate the gradient along the straight line from a plain photograph (Sundararajan et al. 2017).

    The plain one is 0 in the network's own scale: the mean colour of the photographs that its base weights saw. The sum
    of the heat is the contrast less that of the plain photograph, but for the error of `steps` Gauss-Legendre points.
    """
    network = with_gradients(subject, "integrated_gradients")
    points, shares = np.polynomial.legendre.leggauss(steps)  # on -1 to 1
    path = (photo * np.float32((point + 1) / 2) for point in points)
    total = np.zeros(photo.shape, np.float64)
    for share, gradient in zip(shares / 2, _gradients(network, path), strict=True):
        total += share * gradient
    heat = np.asarray((photo * total).sum(axis=0), np.float32)
    contrast = float(network.contrast(photo[None])[0])
    settings: dict[str, Setting] = {"steps": steps, "baseline": "mean colour"}
    return explained(network, heat, "integrated_gradients", settings, seed, contrast, steps + 1)


def smoothgrad(
    subject: Subject, photo: Floats, seed: int, *, samples: int = SAMPLES, noise: float = NOISE
) -> Explanation:
    """Average the gradient over noisy copies of the photograph (Smilkov et al. 2017).

    The heat is the largest magnitude among the three channels (Simonyan et al. 2014): how strongly the contrast depends
    on a place, without a sign.
    """
    network = with_gradients(subject, "smoothgrad")
    heat = np.abs(mean_gradient(network, photo, seed, samples=samples, noise=noise)).max(axis=0)
    contrast = float(network.contrast(photo[None])[0])
    settings: dict[str, Setting] = {"samples": samples, "noise": noise}
    return explained(network, heat, "smoothgrad", settings, seed, contrast, samples + 1)


def mean_gradient(subject: TorchSubject, photo: Floats, seed: int, *, samples: int, noise: float) -> Floats:
    """Return the mean gradient [3, S, S] of the contrast over noisy copies of an input [3, S, S].

    Args:
        subject: the network.
        photo: its input.
        seed: of the noise.
        samples: how many copies.
        noise: standard deviation, as a share of the input's range.
    """
    rng = np.random.default_rng(seed)
    scale = np.float32(noise * (photo.max() - photo.min()))
    copies = (photo + scale * rng.standard_normal(photo.shape, np.float32) for _ in range(samples))
    total = np.zeros(photo.shape, np.float64)
    for gradient in _gradients(subject, copies):
        total += gradient
    return np.asarray(total / samples, np.float32)


GRADIENT_METHODS: Mapping[str, Method] = {
    **{name: at_layer(name) for name in WEIGHINGS},
    "integrated_gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
}


def with_gradients(subject: Subject, method: str) -> TorchSubject:
    """Return the subject, if it is a float network.

    Raises:
        DataError: it is not.
    """
    if not isinstance(subject, TorchSubject):
        why = f"{method} reads inside the float network, and a bundle holds none"
        raise DataError(subject.name, why, "name the run it came from with --run, or take --method cam")
    return subject


def explained(
    subject: TorchSubject,
    heat: Floats,
    method: str,
    settings: Mapping[str, Setting],
    seed: int,
    contrast: float,
    passes: int,
) -> Explanation:
    """Return the explanation, with the versions of what computed it."""
    return Explanation(heat, method, settings, seed, contrast, passes, subject.name, versions("torch"))


@contextmanager
def _watched(subject: TorchSubject, layer: str) -> Iterator[list[Tensor]]:
    """Collect what a layer gives while the network runs."""
    try:
        module = subject.model.get_submodule(layer)
    except AttributeError:
        raise DataError(f"layer {layer!r}", f"{subject.name} has none of this name", "correct the name") from None
    seen: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: object) -> Tensor | None:
        if not isinstance(output, Tensor) or output.ndim != 4:
            return None
        seen.append(output)
        return output.clone()  # the next layer may change its input in place

    hook = module.register_forward_hook(keep)
    try:
        yield seen
    finally:
        hook.remove()


def _gradients(subject: TorchSubject, photos: Iterator[Floats]) -> Iterator[Floats]:
    """Yield the gradient [3, S, S] of the contrast at each input, `BATCH` of them in one pass."""
    while batch := list(islice(photos, BATCH)):
        inputs = _inputs(subject, np.stack(batch))
        (gradient,) = torch.autograd.grad(subject.contrast_tensor(inputs).sum(), inputs)
        yield from gradient.cpu().numpy()


def _inputs(subject: TorchSubject, photos: Floats) -> Tensor:
    device = next(subject.model.parameters()).device
    return torch.from_numpy(np.ascontiguousarray(photos)).to(device).requires_grad_()
