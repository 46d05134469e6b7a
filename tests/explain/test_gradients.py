"""Gradient methods: worked out by hand on one convolution, the same as the network's own map, and as other packages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from tiny_network import photo, photograph, smooth, subject
from torch import nn

from mpoxlens.bundle import Bundle, default_path
from mpoxlens.errors import DataError
from mpoxlens.explain.gradients import (
    GRADIENT_METHODS,
    WEIGHINGS,
    at_layer,
    integrated_gradients,
    mean_gradient,
    read_layer,
)
from mpoxlens.explain.subject import MANY, OnnxSubject, TorchSubject
from mpoxlens.explain.subject import weights as counted
from mpoxlens.screening.heatmap import evidence
from mpoxlens.vision.backbones import create
from mpoxlens.vision.recipe import ModelRecipe

# Maps red and green of four places each; the contrast is (12 - 8) / 4 + 0.5, its gradient 0.5 and -0.5 at every place.
PHOTO = photo(red=[[1, 0], [0, 5]], green=[[0, 1], [2, 1]])
BY_HAND = {
    "gradcam": [[0.5, 0], [0, 2]],  # 0.5 red - 0.5 green, what is below 0 cut off
    "gradcam++": [[0.4, 0], [0, 2]],  # of red each place has the share 0.25 / (0.5 + 6 · 0.125), four of them · 0.5
    "hirescam": [[2, -2], [-4, 8]],  # 2 red - 2 green
    "layercam": [[0.5, 0], [0, 2.5]],  # 0.5 red
}


@pytest.mark.parametrize("method", BY_HAND)
def test_maps_worked_out_by_hand(method: str) -> None:
    found = GRADIENT_METHODS[method](subject(), PHOTO, 7)
    assert_allclose(found.heat, BY_HAND[method], atol=1e-6)
    assert found.contrast == pytest.approx(1.5)
    assert (found.method, found.seed, found.passes, found.subject) == (method, 7, 1, "tiny")
    assert found.settings == {"layer": "drop"}


def test_before_the_activation_a_place_that_is_cut_off_counts_nothing() -> None:
    given = photo(red=[[1, -2], [-1, 5]], green=[[-1, -1], [-1, -1]])
    at = {name: at_layer(name, "backbone.conv")(subject(), given, 0).heat for name in ("gradcam", "hirescam")}
    assert_allclose(at["hirescam"], [[2, 0], [0, 10]], atol=1e-6)  # 4 places · gradient 0.5 where red is above 0
    assert_allclose(at["gradcam"], [[0.25, 0], [0, 1.25]], atol=1e-6)  # its mean over all four places is 0.25


def test_the_networks_own_map_is_hirescam_and_its_positive_part_is_gradcam() -> None:
    """The head is linear over average-pooled features, so its gradient is its weight over the number of places."""
    torch.manual_seed(0)
    plain = ModelRecipe(weights="none", frozen_blocks=0, size=96)
    model = create(replace(plain, backbone="tf_efficientnet_lite0"), 4)
    nn.init.normal_(model.head.weight, std=0.3)
    nn.init.normal_(model.head.bias)
    network = TorchSubject(model, 96, 1, "lite0")
    maps, gradient, contrast = read_layer(network, photograph(96))
    bias = float(model.head.bias.detach() @ torch.from_numpy(counted(4, 1)))
    own = evidence(network.cam(photograph(96)), 1)
    assert own.shape == (3, 3)
    assert own.std() > 0.05  # a flat map would equal anything
    assert_allclose(WEIGHINGS["hirescam"](maps, gradient) + bias, own, atol=1e-4)
    assert contrast == pytest.approx(float(own.mean()), abs=1e-4)
    assert_allclose(9 * WEIGHINGS["gradcam"](maps, gradient), np.maximum(own - bias, 0), atol=1e-4)


def test_integrated_gradients_sum_to_what_the_photograph_adds() -> None:
    network, given = smooth(), 3 * photograph(8)
    found = integrated_gradients(network, given, 0)
    added = network.contrast(np.stack([given, np.zeros_like(given)]))
    assert found.contrast == pytest.approx(float(added[0]), abs=1e-6)
    assert abs(added[0] - added[1]) > 0.01
    assert float(found.heat.sum()) == pytest.approx(float(added[0] - added[1]), abs=1e-3)
    assert found.passes == 33


def test_integrated_gradients_of_a_linear_network_are_weight_times_input() -> None:
    found = GRADIENT_METHODS["integrated_gradients"](subject(), PHOTO, 0)
    assert_allclose(found.heat, np.array([[2, -2], [-4, 8]]) / 4, atol=1e-5)


def test_smoothgrad_of_a_linear_network_is_its_weight() -> None:
    above = photo(red=[[10, 10], [10, 11]], green=[[10, 10], [10, 10]])  # noise reaches no corner
    gradient = mean_gradient(subject(), above + np.float32(10), 0, samples=20, noise=0.05)
    assert_allclose(gradient, np.broadcast_to(np.array([0.5, -0.5, 0])[:, None, None], (3, 2, 2)), atol=1e-6)
    found = GRADIENT_METHODS["smoothgrad"](subject(), above, 0)
    assert_allclose(found.heat, np.full((2, 2), 0.5), atol=1e-6)
    assert found.passes == 25


def test_the_seed_decides_the_noise_and_nothing_else_does() -> None:
    network, given = smooth(), photograph(8)
    one, again, other = (GRADIENT_METHODS["smoothgrad"](network, given, seed).heat for seed in (3, 3, 4))
    assert_allclose(one, again, rtol=0, atol=0)
    assert np.abs(one - other).max() > 1e-6


def test_a_map_is_enlarged_to_the_photograph() -> None:
    heat = GRADIENT_METHODS["hirescam"](smooth(), photograph(8), 0).heat
    assert heat.shape == (8, 8)
    assert heat.dtype == np.float32
    maps, gradient, _ = read_layer(smooth(), photograph(8))
    assert maps.shape == (5, 4, 4)
    assert heat[0, 0] == pytest.approx(float(WEIGHINGS["hirescam"](maps, gradient)[0, 0]), rel=1e-5)


def test_another_network_than_a_float_one_is_refused() -> None:
    bundle = OnnxSubject(Bundle.load(default_path(), threads=1, check_golden=False))
    for method in GRADIENT_METHODS.values():
        with pytest.raises(DataError, match=r"and a bundle holds none; .* --run"):
            method(bundle, photograph(bundle.size), 0)


@pytest.mark.parametrize(("layer", "why"), [("nowhere", "has none of this name"), ("backbone", "gives no maps")])
def test_a_layer_that_cannot_be_read_is_told(layer: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        at_layer("gradcam", layer)(subject(), PHOTO, 0)


def test_flat_maps_of_a_class_token_are_refused() -> None:
    plain = ModelRecipe(weights="none", frozen_blocks=0, size=32)
    model = create(replace(plain, backbone="vit_tiny_patch16_224", pool="token"), 3)
    with pytest.raises(DataError, match="its last maps are flat; take --method rollout"):
        GRADIENT_METHODS["gradcam"](TorchSubject(model, 32, 0, "vit"), photograph(32), 0)


def test_many_answers_of_a_float_network_are_those_that_torch_gives() -> None:
    network = smooth()
    photos = np.stack([photograph(8, seed) for seed in range(MANY + 3)])
    one_by_one = np.concatenate([network.contrast(photo[None]) for photo in photos])  # few: by torch
    assert np.ptp(one_by_one) > 0.01
    assert_allclose(network.contrast(photos), one_by_one, atol=1e-5)
