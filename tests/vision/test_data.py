"""Sampling and the preparation of batches."""

import numpy as np
import pytest

from mpoxlens.datasets.phantom import draw
from mpoxlens.vision.augment import augment
from mpoxlens.vision.data import Balanced, Variants, batches
from mpoxlens.vision.recipe import TrainRecipe

PIXELS = [draw(seed, size=80).pixels for seed in range(3)]
KEYS = [(i % 3, i) for i in range(8)]


def test_sampling_balances_classes_and_clusters() -> None:
    targets, clusters = [0] * 90 + [1] * 10, ["one"] * 81 + [f"c{i}" for i in range(9)] + [f"d{i}" for i in range(10)]
    sampler = Balanced(targets, clusters, seed=0)
    share = np.zeros(100)
    for epoch in range(200):
        for index, _ in sampler.keys(epoch):
            share[index] += 1 / 200 / 100
    assert share[90:].sum() == pytest.approx(0.5, abs=0.02)
    assert share[:81].sum() == pytest.approx(0.25, abs=0.02)  # sqrt(81) = 9, as much as nine photographs on their own


def test_the_unlabelled_have_their_share_and_the_labelled_their_number() -> None:
    sampler = Balanced([0] * 30 + [1] * 10 + [-1] * 500, [f"c{i}" for i in range(540)], seed=0, unlabelled=0.2)
    assert sampler.weights[40:].sum() == pytest.approx(0.2)
    assert sampler.weights[:30].sum() == pytest.approx(0.4)
    assert len(sampler) == len(sampler.keys(0)) == 50  # 40 labelled are four fifths
    draws = [draw for epoch in range(3) for _, draw in sampler.keys(epoch)]
    assert len(set(draws)) == 150


def test_without_unlabelled_photographs_their_share_is_nothing() -> None:
    with_share = Balanced([0, 0, 1], ["a", "b", "c"], seed=0, unlabelled=0.25)
    np.testing.assert_allclose(with_share.weights, [0.25, 0.25, 0.5])
    assert len(with_share) == 3


def test_batches_hold_the_variants_of_their_keys_in_order() -> None:
    found = list(batches(Variants(PIXELS, 64, TrainRecipe(seed=5)), KEYS, 3))
    assert [batch.keys for batch in found] == [KEYS[:3], KEYS[3:6], KEYS[6:]]
    for batch in found:
        assert batch.counts
        for (index, draw_number), view in zip(batch.keys, batch.views, strict=True):
            np.testing.assert_array_equal(view, augment(PIXELS[index], 64, np.random.default_rng((5, draw_number))))


def test_processes_share_a_batch_and_none_stands_idle() -> None:
    parts = [list(batches(Variants(PIXELS, 64, TrainRecipe(seed=5)), KEYS[:7], 3, part, of=2)) for part in (0, 1)]
    for first, second in zip(*parts, strict=True):
        assert first.whole == second.whole
        assert sorted(first.keys + second.keys * second.counts, key=lambda key: key[1]) == first.whole
    assert [batch.counts for batch in parts[1]] == [True, True, False]  # the last batch has one photograph
    assert parts[1][-1].keys == parts[0][-1].keys


def test_a_variant_that_cannot_be_made_stops_the_epoch() -> None:
    with pytest.raises(IndexError):
        list(batches(Variants(PIXELS, 64, TrainRecipe(seed=5)), [(9, 0)], 3))
