"""A fit on drawings: it learns, goes on where it was, stops early, listens to a teacher, and refuses what is wrong."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import recipe, training_set
from torch import Tensor

from mpoxlens.errors import CheckpointError, DivergedError, TrainingError
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.data import Key
from mpoxlens.vision.fit import fit, predict

DATA = training_set()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a network is slowed by a second one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def same(a: Classifier, b: Classifier) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


class PowerError(Exception):
    """The power fails."""


def killed_at(step: int, loss_of: dict[int, float] | None = None):  # type: ignore[no-untyped-def]
    def tell(done: int, _of: int, loss: float) -> None:
        if loss_of is not None:
            loss_of[done] = loss
        if done == step:
            raise PowerError

    return tell


def teacher(views: Tensor, _keys: list[Key]) -> tuple[Tensor, Tensor]:
    """Judge by brightness alone."""
    light = views.mean(dim=(1, 2, 3))
    return torch.stack([light, -light, 0 * light, 0 * light], dim=1) * 9, torch.stack([light, 1 - light], dim=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("train", "distil"),
    [
        ({}, {}),
        ({"mixup": 0.4, "cutmix": 1.0, "unfreeze": 1, "patience": 2, "validation": 0.25}, {}),
        ({"mixup": 0.4}, {"weight": 0.5, "feature_weight": 1.0, "unlabelled": 0.25}),
    ],
)
def test_a_fit_that_was_cut_off_ends_with_the_network_of_an_unbroken_one(
    train: dict[str, float], distil: dict[str, float], tmp_path: Path
) -> None:
    settings, taught = recipe(distil, **train), teacher if distil else None
    data = training_set(unlabelled=2) if distil else DATA
    whole = fit(settings, data, tmp_path / "whole", teacher=taught)
    with pytest.raises(PowerError):
        fit(settings, data, tmp_path / "cut", killed_at(5), teacher=taught)
    assert (tmp_path / "cut" / "checkpoint.pt").exists()
    assert same(fit(settings, data, tmp_path / "cut", teacher=taught), whole)


def test_the_rate_of_learning_is_staged(tmp_path: Path) -> None:
    """In the head's epoch nothing else moves, though the batch statistics do."""
    cut, whole = recipe(head_epochs=1, epochs=2, ema=0.0), recipe(head_epochs=0, epochs=2, ema=0.0)
    moved = []
    for name, settings in (("head", cut), ("all", whole)):
        with pytest.raises(PowerError):
            fit(settings, DATA, tmp_path / name, killed_at(4))
        fresh = torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)
        moved.append(fresh["model"])
    torch.manual_seed(cut.train.seed)
    from mpoxlens.vision.backbones import create

    start = create(cut.model, 4).state_dict()
    stem = "backbone.conv_stem.weight"
    assert torch.equal(moved[0][stem], start[stem])
    assert not torch.equal(moved[1][stem], start[stem])
    assert not torch.equal(moved[0]["head.weight"], start["head.weight"])
    assert not torch.equal(moved[0]["backbone.bn1.running_mean"], start["backbone.bn1.running_mean"])


@pytest.mark.slow
def test_early_stopping_keeps_the_best_average(tmp_path: Path) -> None:
    settings = recipe(epochs=8, patience=2, validation=0.25, lr=0.3, head_epochs=0)  # far too fast: it soon gets worse
    steps: dict[int, float] = {}
    model = fit(settings, DATA, tmp_path, killed_at(-1, steps))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["epoch"] < 8
    assert state["best"]["stale"] == 2
    assert len(steps) == state["epoch"] * 2  # twelve photographs of sixteen, six a step
    assert all(torch.equal(v, state["best"]["weights"][k]) for k, v in model.state_dict().items())
    assert any(not torch.equal(v, state["average"][k]) for k, v in model.state_dict().items())
    assert same(fit(settings, DATA, tmp_path, killed_at(1)), model)  # done is done: no further step


def test_the_teacher_sees_the_views_of_the_student(tmp_path: Path) -> None:
    seen: list[tuple[Tensor, list[Key]]] = []

    def listening(views: Tensor, keys: list[Key]) -> tuple[Tensor, Tensor]:
        seen.append((views.clone(), keys))
        return teacher(views, keys)

    settings = recipe({"weight": 1.0, "unlabelled": 0.5}, epochs=1, head_epochs=0)
    fit(settings, training_set(unlabelled=3), tmp_path, teacher=listening)
    keys = [key for _, part in seen for key in part]
    assert len(keys) == 32  # sixteen with a label, and as many draws of those without
    assert any(index >= 16 for index, _ in keys)
    from mpoxlens.vision.augment import augment

    index, draw = keys[0]
    expected = augment(training_set(unlabelled=3).pixels[index], 64, np.random.default_rng((7, draw)))
    np.testing.assert_array_equal((seen[0][0][0] * 255).round().permute(1, 2, 0).numpy(), expected)


@pytest.mark.slow
def test_a_student_learns_what_only_the_teacher_says(tmp_path: Path) -> None:
    """No photograph has a label of use: all four looks are given label 0, the teacher tells light from dark."""
    settings = recipe({"weight": 1.0, "temperature": 1.0}, epochs=12, head_epochs=0, lr=5e-3, ema=0.5)
    taught = fit(settings, DATA, tmp_path / "taught", teacher=teacher)
    tones = np.stack([np.full((3, 64, 64), level, np.float32) for level in (-1.5, 1.5)])
    logits, _ = predict(taught, tones)
    ahead = logits[:, 0] - logits[:, 1]
    assert ahead[1] > ahead[0]


def test_unlabelled_photographs_without_a_teacher_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"unlabelled photographs: nobody teaches them; name distil\.teachers"):
        fit(recipe(), training_set(unlabelled=1), tmp_path)


def test_a_checkpoint_of_other_photographs_is_refused(tmp_path: Path) -> None:
    settings = recipe(epochs=2)
    with pytest.raises(PowerError):
        fit(settings, DATA, tmp_path, killed_at(4))
    with pytest.raises(CheckpointError, match="it belongs to another recipe or other photographs"):
        fit(settings, training_set(identity="others"), tmp_path)


def test_a_loss_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"the loss is not finite; lower train\.lr"):
        fit(recipe(lr=1e30), DATA, tmp_path)
