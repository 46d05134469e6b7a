"""Attention rollout: worked out by hand on three tokens, and read from networks of timm and of transformers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from tiny_network import subject
from torch import nn

from mpoxlens.errors import DataError
from mpoxlens.explain.cam import enlarged
from mpoxlens.explain.rollout import ROLLOUT, attention, roll_out
from mpoxlens.explain.subject import TorchSubject
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier, Reading, create
from mpoxlens.vision.backbones.others import TransformersBackbone
from mpoxlens.vision.recipe import ModelRecipe

SIDE = 32


def photograph(seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((3, SIDE, SIDE), np.float32)


def of_timm(pool: str) -> TorchSubject:
    torch.manual_seed(0)
    plain = ModelRecipe(weights="none", frozen_blocks=0, size=SIDE)
    model = create(replace(plain, backbone="vit_tiny_patch16_224", pool=pool), 3)
    for block in model.backbone.blocks:
        nn.init.normal_(block.attn.qkv.weight, std=0.2)  # else attention is even everywhere
    return TorchSubject(model, SIDE, 0, "vit")


def of_transformers() -> TorchSubject:
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, image_size=SIDE, patch_size=8, use_mask_token=False
    )
    backbone = TransformersBackbone(Dinov2Model(config), SIDE, (0.5,) * 3, (0.5,) * 3)
    return TorchSubject(Classifier(backbone, 16, 3, Reading("NLC", 1, 4, 4, "token"), SIDE), SIDE, 0, "dino")


def test_two_layers_worked_out_by_hand() -> None:
    """A class token and two patches; with the residual connection half of each token stays where it is."""
    first = torch.tensor([[[1, 0, 0], [0, 0, 1], [0, 1, 0]], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]], dtype=torch.float32)
    second = torch.tensor([[[0, 1, 0], [0, 1, 0], [0, 0, 1]], [[0, 0, 1], [0, 1, 0], [0, 0, 1]]], dtype=torch.float32)
    # The first swaps half of the patches; the second takes a quarter of each patch into the class token.
    assert_allclose(roll_out([first]), [[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]])
    assert_allclose(roll_out([first, second])[0], [0.5, 0.25, 0.25])
    only_one = torch.tensor([[[0, 1, 0], [0, 1, 0], [0, 0, 1]]], dtype=torch.float32)
    assert_allclose(roll_out([only_one])[0], [0.5, 0.5, 0])
    assert_allclose(roll_out([first, only_one])[0], [0.5, 0.25, 0.25])  # it reads what the first has mixed already
    assert_allclose(roll_out([only_one, first])[0], [0.5, 0.5, 0])


@pytest.mark.parametrize(
    ("network", "layers", "heads", "tokens"), [(partial(of_timm, "token"), 12, 3, 5), (of_transformers, 3, 2, 17)]
)
def test_attention_is_that_of_the_network(
    network: Callable[[], TorchSubject], layers: int, heads: int, tokens: int
) -> None:
    made = network()
    before = made.contrast(photograph()[None])[0]
    found, contrast = attention(made, photograph())
    assert [tuple(one.shape) for one in found] == [(heads, tokens, tokens)] * layers
    assert_allclose(torch.stack(found).sum(dim=-1), np.ones((layers, heads, tokens)), atol=1e-5)
    assert contrast == pytest.approx(float(before), abs=1e-4)  # written out or in one step, it is the same
    assert made.contrast(photograph()[None])[0] == before  # and left as it was


def test_heat_is_what_arrives_at_the_class_token() -> None:
    made = of_transformers()
    layers, _ = attention(made, photograph())
    row = roll_out(layers)[0, 1:].reshape(4, 4).numpy()
    found = ROLLOUT(made, photograph(), 5)
    assert_allclose(found.heat, enlarged(row, SIDE))
    assert found.heat.min() >= 0
    assert (found.method, found.seed, found.settings["signed"]) == ("rollout", 5, False)


def test_with_a_mean_over_patches_heat_is_what_arrives_at_all_of_them() -> None:
    made = of_timm("mean")
    layers, _ = attention(made, photograph())
    row = roll_out(layers)[1:].mean(dim=0)[1:].reshape(2, 2).numpy()
    assert row.std() > 1e-4
    assert_allclose(ROLLOUT(made, photograph(), 0).heat, enlarged(row, SIDE))


def test_it_knows_no_class() -> None:
    """The same heat for the opposite head: where it looks, not what that speaks for."""
    made = of_transformers()
    before = ROLLOUT(made, photograph(), 0)
    with torch.no_grad():
        made.model.head.weight.neg_()
        made.model.head.bias.neg_()
    after = ROLLOUT(made, photograph(), 0)
    assert after.contrast == pytest.approx(-before.contrast, abs=1e-6)
    assert_allclose(after.heat, before.heat)


def test_a_network_without_such_attention_is_refused() -> None:
    with pytest.raises(DataError, match="no vision transformer with attention over the whole photograph"):
        ROLLOUT(subject(), np.zeros((3, 2, 2), np.float32), 0)
    swin = create(replace(ModelRecipe(weights="none", frozen_blocks=0, size=224), backbone="swin_s3_tiny_224"), 3)
    with pytest.raises(DataError, match="no vision transformer"):
        ROLLOUT(TorchSubject(swin, 224, 0, "swin"), np.zeros((3, 224, 224), np.float32), 0)
