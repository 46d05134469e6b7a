"""The probe against arithmetic by hand, a direct minimisation, and the network that it is folded into."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from mpoxlens.errors import DataError
from mpoxlens.optimise import onnx
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import create
from mpoxlens.vision.probe import CHOICES, Probe, fit_probe, to_classifier
from mpoxlens.vision.recipe import DataRecipe, ModelRecipe, Recipe, TrainRecipe


def recipe(labels: Sequence[str] = ("mpox", "chickenpox", "measles"), penalty: float = 0.0) -> Recipe:
    return Recipe(
        Path("probe.toml"),
        data=DataRecipe(labels=tuple(labels), without=()),
        train=TrainRecipe(inverse_penalty=penalty),
    )


def blobs(photographs: int, width: int, spread: float, seed: int = 0) -> tuple[Floats, NDArray[np.int64], list[str]]:
    """Three classes around three corners, two photographs a cluster."""
    rng = np.random.default_rng(seed)
    target = np.arange(photographs) // 2 % 3
    centre = np.eye(3, width)[target] * 4
    features = centre + spread * rng.normal(size=(photographs, width)) * np.linspace(0.5, 5, width) + 7
    return features.astype(np.float32), target, [f"c{i // 2}" for i in range(photographs)]


def test_logits_by_hand() -> None:
    probe = Probe(
        np.float32([1, 2]), np.float32([2, 4]), np.float32([[1, 0], [0, -1], [3, 1]]), np.float32([0, 0.5, -1]), 1.0
    )
    # (5 - 1) / 2 = 2 and (10 - 2) / 4 = 2: 2, -2 + 0.5, 6 + 2 - 1
    np.testing.assert_array_equal(probe.logits(np.float32([[5, 10]])), [[2, -1.5, 7]])


def test_it_is_the_minimum_of_the_penalised_weighted_loss() -> None:
    features, target, clusters = blobs(24, 4, 1.5)
    clusters[:6:2] = ["big"] * 3  # photographs 0, 2, 4 of three labels: a cluster counts within its label
    clusters[6] = clusters[7] = clusters[12] = "six"  # of one label: three photographs, 1 / sqrt(3) each
    found = fit_probe(features, target, clusters, recipe(penalty=0.3))
    z = (features - features.mean(0)) / features.std(0)
    rough = np.full(24, 2**-0.5)  # pairs
    rough[[0, 1, 2, 3, 4, 5, 13]] = 1  # alone in their label
    rough[[6, 7, 12]] = 3**-0.5
    share = np.array([rough[i] / rough[target == target[i]].sum() for i in range(24)]) * 24 / 3

    def loss(flat: NDArray[np.float64]) -> float:
        weight, bias = flat[:12].reshape(3, 4), flat[12:]
        logits = z @ weight.T + bias
        cross = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(24), target]
        return float(0.3 * share @ cross + 0.5 * (weight**2).sum())

    best = minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(found.weight.ravel(), best.x[:12], atol=2e-3)
    np.testing.assert_allclose(found.bias - found.bias.mean(), best.x[12:] - best.x[12:].mean(), atol=2e-3)


def test_more_features_than_photographs_is_the_same_fit_in_fewer_unknowns(monkeypatch: pytest.MonkeyPatch) -> None:
    features, target, clusters = blobs(18, 40, 1.0)
    small = fit_probe(features, target, clusters, recipe(penalty=0.1))
    monkeypatch.setattr("mpoxlens.vision.probe._axes", lambda rows: np.eye(rows.shape[1], dtype=np.float32))
    full = fit_probe(features, target, clusters, recipe(penalty=0.1))
    np.testing.assert_allclose(small.weight, full.weight, atol=1e-3)


def test_views_share_the_weight_of_their_photograph() -> None:
    features, target, clusters = blobs(24, 4, 1.0)
    once, thrice = (fit_probe(x, target, clusters, recipe(penalty=0.3)) for x in (features, np.stack([features] * 3)))
    np.testing.assert_allclose(thrice.weight, once.weight, atol=1e-3)


def test_of_two_labels_each_has_a_row() -> None:
    features, target, clusters = blobs(24, 4, 0.5)
    two = target < 2
    kept = [c for c, keep in zip(clusters, two, strict=True) if keep]
    found = fit_probe(features[two], target[two], kept, recipe(("mpox", "measles"), 1.0))
    assert found.weight.shape == (2, 4)
    np.testing.assert_array_equal(found.logits(features[two]).argmax(1), target[two])
    np.testing.assert_allclose(found.weight[0], -found.weight[1])


def test_noise_asks_for_a_stronger_penalty_than_signal() -> None:
    clear, target, clusters = blobs(48, 8, 0.1)
    noise = np.random.default_rng(1).normal(size=clear.shape).astype(np.float32)
    weak, strong = (fit_probe(x, target, clusters, recipe()).inverse_penalty for x in (clear, noise))
    assert strong <= 0.01
    assert weak == CHOICES[-1]


def test_copies_in_a_cluster_do_not_choose_the_penalty() -> None:
    """Noise in which every photograph has a twin: who splits the twins believes that noise can be learned."""
    rng = np.random.default_rng(2)
    single = rng.normal(size=(45, 20)).astype(np.float32)
    features, target = np.repeat(single, 2, axis=0), np.repeat(np.arange(45) % 3, 2)
    grouped, split = [f"c{i // 2}" for i in range(90)], [f"c{i}" for i in range(90)]
    honest, fooled = (fit_probe(features, target, c, recipe()).inverse_penalty for c in (grouped, split))
    assert honest < fooled


def test_folded_into_a_network_it_is_the_probe_in_torch_and_in_the_clinics_runtime() -> None:
    torch.manual_seed(0)
    network = create(ModelRecipe(weights="none", frozen_blocks=0), 5).eval()
    photos = torch.randn(6, 3, 64, 64)
    with torch.no_grad():
        features = network(photos)[2].numpy()
    probe = fit_probe(features, [0, 1, 2, 0, 1, 2], [f"c{i}" for i in range(6)], recipe(penalty=1.0))
    folded = to_classifier(network, probe)
    with torch.no_grad():
        logits, cam, embedding = (x.numpy() for x in folded(photos))
    np.testing.assert_allclose(logits, probe.logits(features), atol=1e-4)
    np.testing.assert_allclose(cam.mean(axis=(2, 3)), probe.logits(features), atol=1e-4)
    np.testing.assert_allclose(embedding, features, atol=1e-6)
    exported = onnx.run(onnx.export(folded, 64), photos.numpy())["logits"]
    np.testing.assert_allclose(exported, probe.logits(features), atol=1e-4)
    assert network.head.out_channels == 5  # the network that was given is as it was


def test_a_probe_of_another_network_is_refused() -> None:
    probe = fit_probe(*blobs(24, 4, 1.0), recipe(penalty=1.0))
    with pytest.raises(DataError, match="a probe of 4 features: the network's features have 1280; fit the probe on"):
        to_classifier(create(ModelRecipe(weights="none"), 3), probe)


def test_a_label_without_photographs_is_refused() -> None:
    features, target, clusters = blobs(24, 4, 1.0)
    with pytest.raises(DataError, match="label measles: no photograph to learn it from"):
        fit_probe(features, np.minimum(target, 1), clusters, recipe(penalty=1.0))


def test_a_label_in_one_cluster_needs_a_penalty_that_is_given() -> None:
    features, target, clusters = blobs(24, 4, 1.0)
    joined = ["one" if t == 2 else c for t, c in zip(target, clusters, strict=True)]
    with pytest.raises(DataError, match=r"label measles: .* one cluster, so that C cannot be chosen; set train\.inv"):
        fit_probe(features, target, joined, recipe())
    assert fit_probe(features, target, joined, recipe(penalty=0.5)).inverse_penalty == 0.5


def test_the_penalty_of_the_recipe_holds() -> None:
    features, target, clusters = blobs(24, 4, 1.0)
    weak, strong = (fit_probe(features, target, clusters, recipe(penalty=c)) for c in (10.0, 0.001))
    assert np.abs(strong.weight).max() < 0.1 * np.abs(weak.weight).max()


def test_a_fit_that_is_stopped_short_says_so_and_warns_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features, target, clusters = blobs(30, 6, 1.0)
    assert fit_probe(features, target.tolist(), clusters, recipe(penalty=0.1)).converged
    monkeypatch.setattr("mpoxlens.vision.probe.ROUNDS", 1)
    short = fit_probe(features, target.tolist(), clusters, recipe(penalty=0.1))
    assert not short.converged
    assert (short.logits(features).argmax(axis=1) == target).mean() > 0.9  # one round has gone downhill already
