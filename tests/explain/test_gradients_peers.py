"""The gradient methods give what captum and torchcam give."""

from __future__ import annotations

import pytest
import torch
from numpy.testing import assert_allclose
from tiny_network import photograph, smooth
from torch import Tensor, nn

from mpoxlens.explain.gradients import WEIGHINGS, integrated_gradients, read_layer, smoothgrad
from mpoxlens.explain.subject import TorchSubject

pytestmark = pytest.mark.slow  # captum alone takes seconds to import


class Contrast(nn.Module):
    """A network whose only class is the contrast [N, 1]."""

    def __init__(self, subject: TorchSubject) -> None:
        super().__init__()
        self.subject, self.model = subject, subject.model

    def forward(self, given: Tensor) -> Tensor:
        return self.subject.contrast_tensor(given)[:, None]


# Not Grad-CAM++: where the gradient changes from place to place, torchcam sums what equation 19 weighs one by one.
@pytest.mark.parametrize(("method", "peer"), [("gradcam", "GradCAM"), ("layercam", "LayerCAM")])
def test_maps_are_those_of_torchcam(method: str, peer: str) -> None:
    methods = pytest.importorskip("torchcam.methods", reason="torchcam is not installed")
    network, given = smooth(), torch.from_numpy(photograph(8)[None])
    found = WEIGHINGS[method](*read_layer(network, photograph(8))[:2])
    assert float(found.max()) > 1e-3
    with getattr(methods, peer)(Contrast(network), "model.drop", input_shape=(3, 8, 8)) as extractor:
        (theirs,) = extractor(0, extractor.model(given), normalized=False)
    assert_allclose(found, theirs[0], rtol=1e-4, atol=1e-6)


def test_maps_and_integrals_are_those_of_captum() -> None:
    attr = pytest.importorskip("captum.attr", reason="captum is not installed")
    network, photo = smooth(), photograph(8)
    given = torch.from_numpy(photo[None]).requires_grad_()
    maps, gradient, _ = read_layer(network, photo)
    plain, drop = network.contrast_tensor, network.model.drop
    cam = attr.LayerGradCam(plain, drop).attribute(given, relu_attributions=True)
    assert_allclose(WEIGHINGS["gradcam"](maps, gradient), cam.detach()[0, 0], rtol=1e-4, atol=1e-6)
    product = attr.LayerGradientXActivation(plain, drop).attribute(given).detach()[0]
    assert_allclose(WEIGHINGS["hirescam"](maps, gradient) / 16, product.sum(dim=0), rtol=1e-4, atol=1e-6)
    integral = attr.IntegratedGradients(plain).attribute(given, n_steps=32, method="gausslegendre")
    assert_allclose(integrated_gradients(network, photo, 0).heat, integral[0].sum(dim=0).detach(), rtol=1e-4, atol=1e-6)
    slope = attr.Saliency(plain).attribute(given, abs=True)
    plainly = smoothgrad(network, photo, 0, samples=1, noise=0.0)
    assert_allclose(plainly.heat, slope[0].max(dim=0).values.detach().numpy(), rtol=1e-4, atol=1e-6)
