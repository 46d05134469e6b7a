"""A network cut short: what is kept is what it was, and whoever cannot be cut is told in one line."""

from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch

from mpoxlens.errors import WeightsError
from mpoxlens.vision.backbones import FAMILIES, create, stages
from mpoxlens.vision.recipe import ModelRecipe, Recipe, load

PLAIN = ModelRecipe(weights="none", frozen_blocks=0, size=64)
CUTTABLE = {"mobilenet-v2", "efficientnet-b0", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"}


def test_what_is_kept_is_what_the_whole_network_computes_there() -> None:
    """The last features are those that the next block of the whole network begins with."""
    torch.manual_seed(4)
    model = create(replace(PLAIN, kept_blocks=11), 4).eval()
    torch.manual_seed(4)
    whole = timm.create_model("tf_efficientnet_lite0").eval()
    photo, following = torch.randn(1, 3, 64, 64), whole.blocks[5][0]
    with torch.no_grad():
        expected = following.bn1(following.conv_pw(whole.blocks[:5](whole.bn1(whole.conv_stem(photo)))))
        _, cam, embedding = model(photo)
    torch.testing.assert_close(embedding, expected.mean(dim=(2, 3)), rtol=0, atol=0)
    assert cam.shape == (1, 4, 4, 4)  # before the last stride: the whole network's map is 2 x 2


@pytest.mark.parametrize(("kept", "parts"), [(3, 5), (12, 8)])
def test_the_map_of_a_cut_network_sums_to_its_logit(kept: int, parts: int) -> None:
    """A cut inside a stage too: blocks 2 and 3 make the second stage, block 12 begins the sixth."""
    model = create(replace(PLAIN, kept_blocks=kept), 4).eval()
    with torch.no_grad():
        logits, cam, embedding = model(torch.randn(2, 3, 64, 64))
    torch.testing.assert_close(cam.mean(dim=(2, 3)), logits)
    by_hand = embedding @ model.head.weight[:, :, 0, 0].T + model.head.bias
    torch.testing.assert_close(by_hand, logits, rtol=1e-4, atol=1e-4)
    assert len(stages(model)) == parts - 1 if kept == 3 else parts  # stem, stages, last convolution


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"vgg16"}))
def test_every_family_is_cut_or_says_that_it_cannot_be(name: str) -> None:
    size = {"dinov2-s": 70, "inception-v3": 96}.get(name, 64)
    wanted = replace(PLAIN, backbone=name, size=size, pool=FAMILIES[name].pool, kept_blocks=5)
    if name in CUTTABLE:
        whole = create(replace(wanted, kept_blocks=0), 4)
        assert len(list(create(wanted, 4).parameters())) < len(list(whole.parameters())) / 2
        return
    with pytest.raises(WeightsError, match=r"only EfficientNets of timm .* can be cut; set model\.kept_blocks to 0"):
        create(wanted, 4)


@pytest.mark.parametrize(
    ("name", "kept", "says"),
    [
        ("mobilenetv3_small_050", 2, r"only EfficientNets of timm and their kin can be cut; .*kept_blocks to 0"),
        ("squeezenet", 2, r"only EfficientNets of timm"),
        ("tf_efficientnet_lite0", 16, r"it has 16 blocks; set model\.kept_blocks to 15 at most"),
        ("test_efficientnet", 1, r"block 2, .*, does not begin by widening; set model\.kept_blocks to one of 3, 4"),
    ],
)
def test_a_cut_that_cannot_be_is_one_line(name: str, kept: int, says: str) -> None:
    with pytest.raises(WeightsError, match=says) as caught:
        create(replace(PLAIN, backbone=name, kept_blocks=kept), 3)
    assert "\n" not in str(caught.value)


def test_frozen_blocks_are_counted_after_the_cut() -> None:
    with pytest.raises(WeightsError, match="it has 4 blocks after its stem"):
        create(replace(PLAIN, kept_blocks=5, frozen_blocks=5), 3)


def test_a_cut_is_part_of_what_a_recipe_is_and_no_cut_is_not() -> None:
    """Runs from before the setting came keep their name (`test_card` holds the shipped one to it)."""
    whole = Recipe(Path("drawn.toml"))
    assert replace(whole, model=replace(whole.model, kept_blocks=11)).sha256 != whole.sha256
    assert replace(whole, model=replace(whole.model, kept_blocks=0)).sha256 == whole.sha256


def test_a_training_record_makes_the_same_network_again() -> None:
    record = {"backbone": "tf_efficientnet_lite0", "pool": "mean", "kept_blocks": 5}
    assert ModelRecipe.recorded(record, 64) == replace(PLAIN, kept_blocks=5)
    assert ModelRecipe.recorded({"backbone": "tf_efficientnet_lite0"}, 64) == PLAIN


def test_the_small_recipe_is_cut() -> None:
    recipe = load(Path(__file__).parents[2] / "recipes" / "lite0-small.toml")
    assert recipe.model.kept_blocks
