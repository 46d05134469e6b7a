"""Early stopping: what is held back, how it is judged, and what is kept."""

import math

import numpy as np
import pytest
import torch

from mpoxlens.errors import DataError
from mpoxlens.vision.data import TrainingSet
from mpoxlens.vision.stopping import Best, hold_back, validation_loss

PIXEL = np.zeros((1, 1, 3), np.uint8)


def drawn(targets: list[int], clusters: list[str]) -> TrainingSet:
    return TrainingSet([PIXEL + i for i in range(len(targets))], targets, clusters, "x")


def test_no_cluster_is_cut_and_every_label_stands_on_both_sides() -> None:
    targets = [0] * 40 + [1] * 20 + [-1] * 4
    clusters = [f"a{i // 4}" for i in range(40)] + [f"b{i // 2}" for i in range(20)] + ["a0", "a1", "a2", "free"]
    kept, held = hold_back(drawn(targets, clusters), ("mpox", "measles"), 0.2, seed=3)
    assert not set(kept.clusters) & set(held.clusters)
    assert held.targets.count(0) == 8
    assert held.targets.count(1) == 4
    assert held.targets.count(-1) == 0
    assert "free" in kept.clusters
    pixels = [int(p[0, 0, 0]) for p in (*kept.pixels, *held.pixels)]
    assert all(targets[i] == t for i, t in zip(pixels, (*kept.targets, *held.targets), strict=True))


def test_a_label_of_one_cluster_is_refused() -> None:
    few = drawn([0] * 9 + [1] * 3, [f"a{i}" for i in range(9)] + ["b"] * 3)
    with pytest.raises(DataError, match="label measles: 1 cluster is too few"):
        hold_back(few, ("mpox", "measles"), 0.1, seed=0)


def test_of_two_clusters_each_side_has_one() -> None:
    kept, held = hold_back(drawn([0] * 40 + [1] * 2, [f"a{i}" for i in range(42)]), ("mpox", "measles"), 0.1, seed=0)
    assert kept.targets.count(1) == held.targets.count(1) == 1


def test_every_label_weighs_the_same_in_the_validation_loss() -> None:
    logits = np.array([[0.0, 0.0]] * 3 + [[0.0, math.log(3)]], np.float32)
    expected = (math.log(2) + math.log(4 / 3)) / 2
    assert validation_loss(logits, [0, 0, 0, 1]) == pytest.approx(expected)


def test_the_lowest_loss_is_kept_and_the_epochs_since_are_counted() -> None:
    best, weight = Best(), torch.zeros(1)
    for loss in (3.0, 2.0, 2.5, 2.0):
        weight += 1
        best.look(loss, {"w": weight})
    assert (best.loss, best.stale, best.weights["w"].item()) == (2.0, 2, 2.0)
