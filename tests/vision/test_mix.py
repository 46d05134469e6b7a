"""Mixup and CutMix: views and labels in the same shares, by hand."""

import numpy as np
import pytest
import torch

from mpoxlens.vision.mix import mix

VIEWS = torch.arange(3.0)[:, None, None, None].expand(3, 3, 8, 8) / 2  # photographs 0, 0.5 and 1, an uneven batch
SHARES = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])  # the middle one has no label


def test_nothing_is_mixed_by_default() -> None:
    views, shares = mix(VIEWS, SHARES, 0.0, 0.0, np.random.default_rng(0))
    assert views is VIEWS
    assert shares is SHARES


def test_mixup_blends_views_and_labels_by_one_share() -> None:
    kept = float(np.random.default_rng(3).beta(0.4, 0.4))
    views, shares = mix(VIEWS, SHARES, 0.4, 0.0, np.random.default_rng(3))
    assert 0.01 < kept < 0.99
    torch.testing.assert_close(views[:, 0, 0, 0], torch.tensor([1 - kept, 0.5, kept]))
    torch.testing.assert_close(shares, torch.tensor([[kept, 1 - kept], [0.0, 0.0], [1 - kept, kept]]))


@pytest.mark.parametrize("seed", range(8))
def test_cutmix_gives_the_label_the_share_of_the_area_that_is_left(seed: int) -> None:
    views, shares = mix(VIEWS, SHARES, 0.0, 1.0, np.random.default_rng(seed))
    pasted = float((views[0, 0] == 1).float().mean())  # the first photograph is 0, what is pasted into it is 1
    assert shares[0].tolist() == pytest.approx([1 - pasted, pasted])
    assert set(views.unique().tolist()) <= {0.0, 0.5, 1.0}


def test_cutmix_pastes_something_of_each_size() -> None:
    shares = [float(mix(VIEWS, SHARES, 0.0, 1.0, np.random.default_rng(seed))[1][0, 1]) for seed in range(300)]
    assert min(shares) == 0
    assert max(shares) > 0.6
    assert 0.25 < np.mean(shares) < 0.5  # half, less what the border clips


def test_both_take_turns_by_chance() -> None:
    blended = 0
    for seed in range(200):
        views, _ = mix(VIEWS, SHARES, 1.0, 1.0, np.random.default_rng(seed))
        blended += not set(views.unique().tolist()) <= {0.0, 0.5, 1.0}
    assert 70 < blended < 130
