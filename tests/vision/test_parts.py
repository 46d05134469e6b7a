"""Recipe, network, augmentation and sampling, one law each."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import RecipeError, WeightsError
from mpoxlens.vision import augment as augmentation
from mpoxlens.vision.augment import augment
from mpoxlens.vision.backbones import create, freeze, parameter_groups, stages
from mpoxlens.vision.recipe import ModelRecipe, load

PIXELS = draw(3, size=96).pixels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nepoch = 3\n", "'epoch': no such setting of [train]; did you mean 'epochs'?"),
        ("[trian]\n", "'trian': no such section; did you mean 'train'?"),
        ("[train]\nepochs = '3'\n", "train.epochs = '3': a whole number without quotes is needed; correct it"),
        ("[train]\nlr = '1e-3'\n", "train.lr = '1e-3': a number without quotes is needed"),
        ("[model]\nbackbone = 3\n", "model.backbone = 3: a text in quotes is needed"),
        ("[data]\nlabels = 'mpox'\n", "data.labels = 'mpox': a list of texts in square brackets is needed"),
        ("[train]\nfolds = 1\n", "train.folds = 1: impossible; see vision/recipe.py for its meaning"),
        ("[data]\npositive = 'zoster'\n", "data.positive = 'zoster': impossible"),
        ("[data]\nreviews = ['gone.csv']\n", "data.reviews = ('gone.csv',): impossible"),
        ("[train", "not TOML"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_told_by_setting(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as refused:
        load(path)
    assert message in str(refused.value)


def test_thresholds_are_no_part_of_what_a_fit_depends_on(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("# a\n[bundle]\nalpha = 0.2\n")
    (tmp_path / "b.toml").write_text("")
    (tmp_path / "c.toml").write_text("[train]\nseed = 8\n")
    a, b, c = (load(tmp_path / f"{name}.toml").sha256 for name in "abc")
    assert a == b != c


def test_the_mean_of_a_map_is_its_logit() -> None:
    model = create(ModelRecipe(weights="none"), 3).eval()
    with torch.no_grad():
        logits, cam, embedding = model(torch.randn(2, 3, 96, 96))
        by_hand = embedding @ model.head.weight[:, :, 0, 0].T + model.head.bias
    torch.testing.assert_close(cam.mean(dim=(2, 3)), logits)
    torch.testing.assert_close(by_hand, logits)


def test_frozen_parts_do_not_learn_and_deeper_parts_learn_slower() -> None:
    model = create(ModelRecipe(weights="none"), 3)
    freeze(model, 2)
    assert [any(p.requires_grad for p in part.parameters()) for part in stages(model)] == [False] * 3 + [True] * 6
    rates = [group["lr"] for group in parameter_groups(model, 1.0, 0.5)]
    assert rates == [0.5**depth for depth in range(len(rates))]


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(WeightsError, match="network 'resnet9000': timm does not know it"):
        create(ModelRecipe(backbone="resnet9000", weights="none"), 3)


def test_a_variant_is_a_function_of_its_seed() -> None:
    first, again, other = (augment(PIXELS, 64, np.random.default_rng(s)) for s in (5, 5, 6))
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_background_is_swapped_and_skin_is_kept() -> None:
    pixels = np.full((96, 96, 3), 255, np.uint8)
    pixels[20:76, 20:76] = PIXELS[20:76, 20:76]
    swapped = augmentation.swap_background(pixels, np.random.default_rng(0))
    assert np.abs(swapped[30:66, 30:66].astype(int) - pixels[30:66, 30:66]).max() == 0
    assert np.abs(swapped[:12].astype(int) - 255).mean() > 20


@pytest.mark.parametrize("tone", [-50, -20, 10, 40, 65])
def test_every_skin_tone_counts_as_skin(tone: float) -> None:
    assert augmentation.skin(draw(1, count=0, tone=tone, size=96).pixels).mean() > 0.9
