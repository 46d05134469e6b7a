"""torch == onnx float == onnx int8, within what each step may cost; in the real runtime."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mpoxlens.errors import TrainingError
from mpoxlens.optimise import onnx
from mpoxlens.rules import Calibration
from mpoxlens.vision.backbones import create
from mpoxlens.vision.recipe import ModelRecipe

CALIBRATION = Calibration(1.0, 0.0, ((1.0, 0.0),))


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(3)
    return create(ModelRecipe(weights="none", size=64), 4).eval()


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(6, 3, 64, 64)).astype(np.float32)


def test_float_file_equals_torch(model: torch.nn.Module, batch: np.ndarray) -> None:
    out = onnx.run(onnx.export(model, 64), batch)
    with torch.no_grad():
        expected = model(torch.from_numpy(batch))
    for name, tensor in zip(("logits", "cam", "embedding"), expected, strict=True):
        np.testing.assert_allclose(out[name], tensor.numpy(), atol=1e-4, rtol=1e-4)


def test_fixed_padding_changes_nothing(model: torch.nn.Module, batch: np.ndarray) -> None:
    with torch.no_grad():
        before = model(torch.from_numpy(batch))[0]
        copied = create(ModelRecipe(weights="none", size=64), 4).eval()
        copied.load_state_dict(model.state_dict())
        onnx.fix_padding(copied, 64)
        torch.testing.assert_close(copied(torch.from_numpy(batch))[0], before)


def test_int8_file_is_small_and_its_map_still_sums_to_its_score(model: torch.nn.Module, batch: np.ndarray) -> None:
    full = onnx.export(model, 64)
    small = onnx.quantise(full, batch)
    out = onnx.run(small, batch)
    assert len(small) < 0.3 * len(full)
    np.testing.assert_allclose(out["cam"].mean(axis=(2, 3)), out["logits"], atol=1e-6)


def test_parity_is_measured_and_a_file_that_differs_is_refused() -> None:
    logits = np.array([[2.0, 0.0], [-2.0, 0.0]], np.float32)
    same = onnx.check_parity(logits, logits, CALIBRATION, 0, 0.5)
    assert same == {"median_difference": 0.0, "max_difference": 0.0, "same_side": 1.0, "photos": 2}
    with pytest.raises(TrainingError, match=r"differs by 0\.7616 in the median"):
        onnx.check_parity(logits, -logits, CALIBRATION, 0, 0.5)


def test_a_transformer_gets_small_and_its_products_stay_near(tmp_path: Path) -> None:
    """Its weights stand in matrix products, whose inputs no fixed range fits."""
    torch.manual_seed(3)
    model = create(ModelRecipe(backbone="test_vit", weights="none", frozen_blocks=0, size=160, pool="token"), 4).eval()
    batch = np.random.default_rng(0).normal(size=(6, 3, 160, 160)).astype(np.float32)
    full, rounded = onnx.export(model, 160), tmp_path / "rounded.onnx"
    rounded.write_bytes(full)
    onnx._round_products(rounded)
    before, after = (onnx.run(file, batch)["logits"] for file in (full, rounded.read_bytes()))
    assert np.abs(after - before).max() < 0.05 * np.abs(before).max()
    assert len(onnx.quantise(full, batch)) < 0.6 * len(full)
