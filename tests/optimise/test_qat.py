"""Quantisation-aware training on drawings: int8 comes nearer to float, and a stopped training goes on."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import CheckpointError, DivergedError
from mpoxlens.optimise import onnx
from mpoxlens.optimise.optimise_command import optimise
from mpoxlens.optimise.qat import Lesson, apart, tune
from mpoxlens.optimise.qat_settings import Settings
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.data import inputs
from mpoxlens.vision.recipe import ModelRecipe

SIZE = 64
QUICK = Settings(epochs=2, batch=8)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a network is slowed by a second one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def lesson(model: Classifier, photographs: int = 20) -> Lesson:
    pixels = [draw(i, size=72, count=12 * (i % 2)).pixels for i in range(photographs)]
    spec = preprocess_of(model, SIZE)
    return Lesson(model, spec, pixels, inputs(pixels, spec), "drawn")


def lived(recipe: ModelRecipe) -> Classifier:
    """Return a network whose batch norms have seen drawings."""
    torch.manual_seed(11)
    model = create(recipe, 4)
    photos = torch.from_numpy(lesson(model, 8).calibration)
    with torch.no_grad():
        for _ in range(8):
            model(photos)
    return model.eval()


@pytest.fixture(scope="module")
def small() -> Classifier:
    return lived(ModelRecipe("test_efficientnet", "none", 0, SIZE))


class PowerError(Exception):
    """The power fails."""


def test_a_training_that_was_stopped_ends_with_the_network_of_an_unbroken_one(
    small: Classifier, tmp_path: Path
) -> None:
    def killed(_stage: str, done: int, _of: int) -> None:
        if done == 4:  # in the second epoch
            raise PowerError

    given = lesson(small)
    whole = tune(given, QUICK, tmp_path / "whole")
    with pytest.raises(PowerError):
        tune(given, QUICK, tmp_path / "cut", killed)
    again = tune(given, QUICK, tmp_path / "cut")
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], weight)
    assert not any(path.suffix == ".part" for path in tmp_path.rglob("*"))


def test_what_is_done_is_not_done_again_and_other_settings_are_refused(small: Classifier, tmp_path: Path) -> None:
    def busy(*_told: object) -> None:
        raise AssertionError("it trains again")

    given = lesson(small)
    tune(given, QUICK, tmp_path)
    assert tune(given, QUICK, tmp_path, busy).about["epochs"] == 2
    with pytest.raises(CheckpointError, match="another recipe or other photographs; name a new folder with --out"):
        tune(given, replace(QUICK, lr=1e-3), tmp_path)
    with pytest.raises(CheckpointError):
        tune(replace(given, identity="of another network"), QUICK, tmp_path)


def test_a_loss_that_is_not_finite_is_one_line(small: Classifier, tmp_path: Path) -> None:
    broken = copy.deepcopy(small)
    with torch.no_grad():
        broken.head.bias[0] = float("nan")
    with pytest.raises(DivergedError, match=r"the loss is not finite; lower --lr"):
        tune(lesson(broken), QUICK, tmp_path)


def test_how_far_two_networks_are_apart() -> None:
    """By hand: shares (.5, .5) instead of (.8, .2), a map twice too large, an embedding at a right angle."""
    full = torch.tensor([[0.8, 0.2]]).log(), torch.tensor([[[[1.0, -1.0]]]]), torch.tensor([[1.0, 0.0]])
    small = torch.zeros(1, 2), 2 * full[1], torch.tensor([[0.0, 3.0]])
    divergence = 0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)  # of the float shares from the rounded
    maps = 1.0 / 2.0  # mean square 1; the float map's variance is 2
    assert float(apart(small, full)) == pytest.approx(divergence + maps + 1.0)
    assert float(apart(full, full)) == pytest.approx(0.0, abs=1e-6)


def with_outliers(model: Classifier, factor: float) -> Classifier:
    """Blow up one channel of what the blocks hand on, and shrink what reads it: the network says what it said.

    Activations have one range for all channels, so the others are left a few of its 255 steps.
    """
    blocks = [block for stage in model.backbone.blocks for block in stage][1:]
    with torch.no_grad():
        for block, reader in zip(blocks, [*(b.conv_pw for b in blocks[1:]), model.backbone.conv_head], strict=True):
            block.bn3.weight[0] *= factor
            block.bn3.bias[0] *= factor
            reader.weight[:, 0] /= factor
    return model


@pytest.mark.slow
def test_int8_comes_nearer_to_float_than_without(tmp_path: Path) -> None:
    """Both through the same static-int8 path and onnxruntime, on drawings that neither learned from."""
    plain = lived(ModelRecipe("tf_efficientnet_lite0", "none", 0, SIZE, kept_blocks=8))
    given = lesson(with_outliers(copy.deepcopy(plain), 16.0), 32)
    fresh = inputs([draw(500 + i, size=72, count=12 * (i % 2)).pixels for i in range(16)], given.preprocess)
    full = onnx.run(onnx.export(plain, SIZE), fresh)["cam"]

    def away(network: Classifier) -> float:
        file = onnx.quantise(onnx.export(network, SIZE), given.calibration)
        return float(np.abs(onnx.run(file, fresh, step=1)["cam"] - full).mean())

    before = away(given.model)
    assert before > 3 * away(plain)  # hard to quantise indeed
    tuned = tune(given, Settings(epochs=8, batch=8, lr=3e-4), tmp_path)
    assert away(tuned.model) < 0.93 * before


def test_settings_of_qat_are_refused_with_another_precision(tmp_path: Path) -> None:
    given = [str(tmp_path), "--data", str(tmp_path), "--out", str(tmp_path), "--epochs", "2"]
    done = CliRunner().invoke(optimise, given)
    assert done.exit_code == 2
    assert "--epochs is a setting of --precision qat-int8" in done.output
