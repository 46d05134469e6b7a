"""The ensemble by hand, the loss at its minimum, what the teacher sees and may know, and whether it teaches."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest, clustered
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Pixels
from mpoxlens.vision import distil
from mpoxlens.vision.backbones import Family, create
from mpoxlens.vision.backbones.families import HALF
from mpoxlens.vision.data import Key, TrainingSet, Variants
from mpoxlens.vision.distil import Teacher, of_frozen, teacher_for
from mpoxlens.vision.fit import fit, predict
from mpoxlens.vision.objective import Shape, objective
from mpoxlens.vision.recipe import DataRecipe, DistilRecipe, ModelRecipe, Recipe, TrainRecipe
from mpoxlens.vision.unlabelled import with_unlabelled
from tiny import build

VIEWS = torch.zeros(2, 3, 8, 8)


def says(*logits: list[float], width: int = 1) -> distil.Judge:
    return lambda _views: (torch.tensor(logits), torch.full((len(logits), width), float(width)))


def test_several_teachers_are_the_mean_of_their_probabilities() -> None:
    sure, unsure = [math.log(0.9), math.log(0.1)], [math.log(0.5), math.log(0.5)]
    shifted = [value + 7 for value in sure]  # the same probabilities
    logits, embedding = Teacher((says(shifted, unsure, width=3), says(unsure, sure, width=5)))(VIEWS)
    torch.testing.assert_close(logits.exp(), torch.tensor([[0.7, 0.3], [0.7, 0.3]]))
    assert embedding.shape == (2, 3)  # of the first


@pytest.mark.parametrize("heat", [1.0, 3.0])
def test_a_student_that_says_the_same_has_nothing_to_learn(heat: float) -> None:
    settings = DistilRecipe(("some",), weight=1.0, temperature=heat)
    student = torch.tensor([[2.0, -1.0, 0.5]], requires_grad=True)
    labels, shape = torch.tensor([[0.0, 1.0, 0.0]]), Shape(1, 1)
    taught = Teacher((says([5.0, 2.0, 3.5]),))(VIEWS[:1])  # all three higher by 3: the same probabilities
    loss = objective((student, torch.ones(1, 1)), labels, taught, settings, shape)
    loss.backward()
    torch.testing.assert_close(student.grad, torch.zeros(1, 3), atol=1e-6, rtol=0)
    assert abs(loss.item()) < 1e-6
    other = Teacher((says([0.0, 2.0, 0.0]),))(VIEWS[:1])
    objective((student, torch.ones(1, 1)), labels, other, settings, shape).backward()
    assert student.grad is not None
    assert student.grad.abs().max() > 0.1


def light(pixels: Pixels) -> bool:
    return bool(pixels.mean() > 120)


def by_light(views: Tensor) -> tuple[Tensor, Tensor]:
    """The rule that is to be taught: is the picture light?"""
    odds = (views.mean(dim=(1, 2, 3)) * 255 - 120) / 8
    return torch.stack([odds, -odds], dim=1), odds[:, None]


def recipe(weight: float, epochs: int = 2) -> Recipe:
    return Recipe(
        Path("distil.toml"),
        data=DataRecipe(labels=("mpox", "measles"), without=()),
        model=ModelRecipe("vit_tiny_patch16_224", "none", 0, 32),  # no batch statistics, which take long to settle
        train=TrainRecipe(head_epochs=0, epochs=epochs, batch=16, lr=1e-3, ema=0.8, layer_decay=1.0),
        distil=DistilRecipe(("some",), weight=weight, temperature=1.0, unlabelled=0.75),
    )


def told_wrong() -> TrainingSet:
    """Eight drawings of which six have the wrong label: by the rule, light is mpox and dark is measles."""
    pixels = [draw(i, size=64, tone=60.0 if i < 4 else -40.0).pixels for i in range(8)]
    return TrainingSet(pixels, [1, 1, 1, 0, 0, 0, 0, 1], [str(i) for i in range(8)], "drawn")


def test_the_teacher_is_shown_the_very_views_that_are_learned_from(tmp_path: Path) -> None:
    seen: list[tuple[Key, Tensor]] = []

    def watch(views: Tensor, keys: list[Key]) -> tuple[Tensor, Tensor]:
        seen.extend(zip(keys, views.clone(), strict=True))
        return by_light(views)

    data = told_wrong()
    fit(recipe(0.5), data, tmp_path, teacher=watch)
    assert len(seen) == 2 * len(data.targets)
    variants = Variants(data.pixels, 32, TrainRecipe(seed=7))
    for key, view in seen:
        np.testing.assert_array_equal((view * 255).round().permute(1, 2, 0).numpy(), variants(key))


@pytest.mark.slow
def test_a_student_learns_from_its_teacher_what_the_labels_get_wrong(tmp_path: Path) -> None:
    others = [draw(100 + i, size=64, tone=5.0 * i - 60, count=i % 12).pixels for i in range(26)]
    data = with_unlabelled(told_wrong(), others)
    fresh = [
        draw(500 + i, size=64, tone=tone, count=10).pixels for i, tone in enumerate([60, 50, 40, -30, -40, -50] * 3)
    ]
    truth = np.array([light(pixels) for pixels in fresh])
    spec = Preprocess(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    batch = np.stack([spec(pixels) for pixels in fresh])
    right = {}
    for weight in (0.0, 0.9):
        model = fit(recipe(weight, epochs=10), data, tmp_path / str(weight), teacher=Teacher((by_light,)))
        right[weight] = float(((predict(model, batch)[0].argmax(1) == 0) == truth).mean())
    assert right[0.9] >= 0.9
    assert right[0.0] <= 0.5


@pytest.fixture
def people(tmp_path: Path) -> Manifest:
    for i in range(16):
        folder = tmp_path / "data" / ("mpox" if i % 2 else "measles")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(i, size=64, tone=50 * (i % 2) + i).pixels).save(folder / f"{i}.png")
    found = collect([tmp_path / "data"])
    return replace(found, records=clustered(found, []))


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A family whose weights are a file."""
    torch.manual_seed(0)
    backbone = create(ModelRecipe(weights="none", frozen_blocks=0, size=64), 2).backbone
    torch.save(backbone.state_dict(), tmp_path / "small.pth")
    small = Family("tf_efficientnet_lite0", "tf_efficientnet_lite0", str(tmp_path / "small.pth"), 64, HALF)
    monkeypatch.setattr(distil, "FAMILIES", {"small": small})
    return "small"


def relabelled(manifest: Manifest, row: int) -> Manifest:
    records = list(manifest.records)
    records[row] = replace(records[row], label="measles" if records[row].label == "mpox" else "mpox")
    return replace(manifest, records=tuple(records))


def test_a_frozen_teacher_knows_the_training_side_alone(people: Manifest, family: str, tmp_path: Path) -> None:
    rows, views = np.arange(12), torch.rand(4, 3, 64, 64)
    known = recipe(0.5)
    known = replace(known, train=replace(known.train, inverse_penalty=0.1))
    first = of_frozen(family, known, people, rows, tmp_path)(views)[0]
    for row in range(12, 16):  # whatever the held-out photographs are called, it cannot tell
        again = of_frozen(family, known, relabelled(people, row), rows, tmp_path)(views)[0]
        torch.testing.assert_close(again, first)
    other = of_frozen(family, known, relabelled(people, 3), rows, tmp_path)(views)[0]
    assert (other - first).abs().max() > 0.01
    doubted = replace(people, flags={people.records[3].sha256: frozenset({"doubtful_label"})})
    fewer = of_frozen(family, known, doubted, rows, tmp_path)(views)[0]
    torch.testing.assert_close(of_frozen(family, known, relabelled(doubted, 3), rows, tmp_path)(views)[0], fewer)


def test_what_stands_in_the_recipe_is_made_beside_it(people: Manifest, family: str, tmp_path: Path) -> None:
    build(tmp_path / "tiny", labels=("mpox", "chickenpox", "measles", "healthy"))
    both = replace(recipe(0.5), path=tmp_path / "r.toml", distil=DistilRecipe((f"frozen:{family}", "tiny"), 0.5))
    with pytest.raises(DataError, match=r"tiny: a bundle has learned from all folds"):
        teacher_for(both, people, [], np.arange(12), tmp_path)
    with pytest.raises(
        DataError, match=r"tiny: its labels are mpox, chickenpox, measles, healthy, the student's mpox, m"
    ):
        teacher_for(both, people, [], np.arange(16), tmp_path)
    alone = replace(both, distil=DistilRecipe((f"frozen:{family}",), 0.5))
    views = torch.rand(2, 3, 64, 64)
    made, judge = (make(views)[0] for make in (teacher_for(alone, people, [], np.arange(12), tmp_path),
                                               of_frozen(family, alone, people, np.arange(12), tmp_path)))  # fmt: skip
    torch.testing.assert_close(made, judge.log_softmax(dim=1))


def test_a_split_that_cuts_a_cluster_is_refused(people: Manifest, tmp_path: Path) -> None:
    one = people.records[0].group
    cut = replace(people, records=(*people.records[:-1], replace(people.records[-1], group=one)))
    with pytest.raises(DataError, match=f"cluster {one}: it is learned from and judged on; split by clusters"):
        teacher_for(recipe(0.5), cut, [], np.arange(12), tmp_path)


def test_an_unknown_family_is_told(people: Manifest, tmp_path: Path) -> None:
    asked = replace(recipe(0.5), distil=DistilRecipe(("frozen:clip",), 0.5))
    with pytest.raises(
        DataError, match=r"distil\.toml: distil\.teachers: frozen:clip: no such family of backbones; ch"
    ):
        teacher_for(asked, people, [], np.arange(12), tmp_path)
