"""Rounding in torch against the static-int8 file in onnxruntime."""

import numpy as np
import onnx as onnx_format
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from mpoxlens.errors import DataError
from mpoxlens.optimise import onnx
from mpoxlens.optimise.fake_int8 import ACTIVATION_LEVELS, FakeInt8, folded
from mpoxlens.vision.backbones import Classifier, create
from mpoxlens.vision.recipe import ModelRecipe

SIZE = 64
NETWORKS = {  # clips joined to convolutions; sigmoids between them
    "cut": ModelRecipe("tf_efficientnet_lite0", "none", 0, SIZE, kept_blocks=6),
    "sigmoid": ModelRecipe("test_efficientnet", "none", 0, SIZE),
}


def lived(recipe: ModelRecipe) -> Classifier:
    """Return a network whose batch norms have seen something."""
    torch.manual_seed(11)
    model = create(recipe, 4)
    with torch.no_grad():
        for _ in range(8):
            model(torch.randn(8, 3, SIZE, SIZE))
    return model.eval()


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(8, 3, SIZE, SIZE)).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_folded_batch_norms_change_nothing(name: str, batch: np.ndarray) -> None:
    model = lived(NETWORKS[name])
    made = folded(model, SIZE)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in made.modules())
    with torch.no_grad():
        for found, expected in zip(made(torch.from_numpy(batch)), model(torch.from_numpy(batch)), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_rounded_in_torch_is_the_file_in_its_runtime(name: str, batch: np.ndarray) -> None:
    """At the same places to the same steps; what is left are values that fell on the other side of a step."""
    model = folded(lived(NETWORKS[name]), SIZE)
    fake = FakeInt8(model)
    fake.measure(batch)
    file = onnx.quantise(onnx.export(model, SIZE), batch)
    steps = [(high - low) / ACTIVATION_LEVELS for low, high in fake.ranges]
    np.testing.assert_allclose(sorted(set(np.float32(steps).round(7))), sorted(_steps(file)), rtol=1e-3)
    with torch.no_grad():
        mimicked = fake(torch.from_numpy(batch))[0].numpy()
        full = model(torch.from_numpy(batch))[0].numpy()
    real = onnx.run(file, batch, step=1)["logits"]
    cost = np.abs(real - full).mean()
    assert cost > 1e-4
    assert np.abs(mimicked - real).mean() < 0.4 * cost


def _steps(file: bytes) -> set[np.float32]:
    """Return the scales of the activations of an ONNX file."""
    graph = onnx_format.load_from_string(file).graph
    known = {initializer.name: numpy_helper.to_array(initializer) for initializer in graph.initializer}
    return {known[node.input[1]].round(7).item() for node in graph.node if node.op_type == "QuantizeLinear"}


def test_gradients_pass_through_the_rounding_and_weights_stay(batch: np.ndarray) -> None:
    model = folded(lived(NETWORKS["cut"]), SIZE)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    fake = FakeInt8(model)
    fake.measure(batch)
    fake(torch.from_numpy(batch))[0].square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in fake.rounded)
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)


class Shallow(nn.Module):
    """As many convolutions as stay float."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(onnx.FLOAT_CONVOLUTIONS)))
        self.head = nn.Conv2d(3, 2, 1)


def test_a_network_of_which_nothing_is_rounded_is_refused() -> None:
    with pytest.raises(DataError, match=r"--precision qat-int8: .* no weight would be rounded; take fp32"):
        FakeInt8(Shallow())  # type: ignore[arg-type]
