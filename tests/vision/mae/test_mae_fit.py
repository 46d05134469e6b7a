"""The continuation: it learns, goes on where it stopped, and refuses what cannot be gone on with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mae_drawn import drawings, write_recipe

from mpoxlens.errors import CheckpointError, TrainingError
from mpoxlens.preprocess import Preprocess
from mpoxlens.vision.backbones import create
from mpoxlens.vision.mae.fit import Masked, Shuffled, fit, vary
from mpoxlens.vision.mae.model import MaskedAutoencoder
from mpoxlens.vision.recipe import Recipe, load

SPEC = Preprocess(160, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
PIXELS = drawings(8)


class StoppedError(Exception):
    """Somebody pulled the plug."""


def silent(_done: int, _of: int, _loss: float) -> None:
    pass


def fitted(recipe: Recipe, folder: Path, tell=silent) -> MaskedAutoencoder:  # type: ignore[no-untyped-def]
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    return fit(recipe, create(recipe.model, 2), SPEC, PIXELS, recipe.sha256, folder, tell)[0]


def test_the_loss_falls_on_phantoms(tmp_path: Path) -> None:
    losses: list[float] = []
    fitted(load(write_recipe(tmp_path, epochs=12)), tmp_path / "run", lambda _d, _o, loss: losses.append(loss))
    assert len(losses) == 12 * 2
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))


def test_a_stopped_continuation_goes_on_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    recipe = load(write_recipe(tmp_path, epochs=3))

    def stop_in_the_second_epoch(done: int, _of: int, _loss: float) -> None:
        if done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        fitted(recipe, tmp_path / "stopped", stop_in_the_second_epoch)
    again: list[int] = []
    resumed = fitted(recipe, tmp_path / "stopped", lambda done, _o, _l: again.append(done))
    whole = fitted(recipe, tmp_path / "whole")
    assert again == [3, 4, 5, 6]  # the first epoch was not done anew
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_loss_that_is_not_finite_stops_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"the loss is not finite; lower mae\.lr"):
        fitted(load(write_recipe(tmp_path, lr="1e30")), tmp_path / "run")


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    recipe = load(write_recipe(tmp_path, epochs=1))
    fitted(recipe, tmp_path / "run")
    other = replace(recipe, mae=replace(recipe.mae, mask=0.5))
    with pytest.raises(CheckpointError, match="it belongs to another recipe or other photographs"):
        fitted(other, tmp_path / "run")


def test_every_photograph_once_an_epoch_and_another_mask_each_time() -> None:
    sampler = Shuffled(8, seed=3)
    first = list(sampler)
    sampler.epoch = 1
    second = list(sampler)
    assert sorted(index for index, _ in first) == sorted(index for index, _ in second) == list(range(8))
    assert [draw for _, draw in first + second] == list(range(16))
    data = Masked(PIXELS, SPEC, 100, seed=3)
    (_, order), (_, again), (_, other) = data[0, 5], data[0, 5], data[0, 6]
    assert torch.equal(order, again)
    assert sorted(order.tolist()) == list(range(100))
    assert not torch.equal(order, other)


def test_a_variant_is_of_the_wanted_size_and_skin_stays_skin() -> None:
    variant = vary(PIXELS[0], 96, np.random.default_rng(0))
    assert variant.shape == (96, 96, 3)
    assert variant[..., 0].mean() > variant[..., 2].mean()  # red above blue, as in every skin
