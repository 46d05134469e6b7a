"""Figures that rank backbones, by hand."""

import numpy as np
import pytest

from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.vision.scores import figures, mean_of_repeats, mpox_scores, paired


def predictions(scores: list[float], target: list[int], repeats: int = 1) -> Predictions:
    """Return predictions whose log-odds of label 0 are the scores; label 2 is healthy skin."""
    n = len(scores)
    logits = np.array([[s, 0.0, -40.0] for s in scores], dtype=np.float32)
    return Predictions(
        ("mpox", "measles", "healthy"),
        tuple(f"s{i}" for i in range(n)) * repeats,
        np.array(target * repeats),
        tuple(f"c{i}" for i in range(n)) * repeats,
        np.tile(np.arange(n) % 2, repeats),
        np.repeat(np.arange(repeats), n),
        np.tile(logits, (repeats, 1)),
        np.zeros(n * repeats),
    )


def test_scores_are_log_odds_and_never_cut_off() -> None:
    p = predictions([30.0, 20.0, -1.0], [0, 0, 1])
    assert mpox_scores(p) == pytest.approx([30.0, 20.0, -1.0])


def test_figures_by_hand() -> None:
    # Mpox 3, 1, -1; measles 2, -2, -3; healthy -4. Seven of nine pairs with measles are in order, ten of twelve in all.
    p = predictions([3, 1, -1, 2, -2, -3, -4], [0, 0, 0, 1, 1, 1, 2])
    found = figures(p, ["healthy"])
    assert found["auroc"]["value"] == pytest.approx(7 / 9, abs=1e-4)
    assert found["auroc_all"]["value"] == pytest.approx(10 / 12, abs=1e-4)
    assert found["sensitivity"]["value"] == pytest.approx(1 / 3, abs=1e-4)  # above 2, the highest of the measles
    assert found["accuracy"]["value"] == pytest.approx(4 / 7, abs=1e-4)  # 3, 1, -2, -3
    # F1: mpox 2 * 2 / (3 + 3), measles 2 * 2 / (4 + 3), healthy 0
    assert found["macro_f1"]["value"] == pytest.approx((4 / 6 + 4 / 7 + 0) / 3, abs=1e-4)


def test_repeats_are_averaged_for_tests_and_one_judge_equals_itself() -> None:
    p = predictions([3, 1, -1, 2, -2, -3], [0, 0, 0, 1, 1, 1], repeats=2)
    p.logits[:6, 0] += 1.0
    assert mpox_scores(mean_of_repeats(p)) == pytest.approx([3.5, 1.5, -0.5, 2.5, -1.5, -2.5], abs=1e-5)
    same = paired(p, p, ["healthy"])
    assert (same.auroc["value"], same.auroc["p"], same.auroc_delong["p"]) == (0.0, 1.0, 1.0)


def test_a_better_judge_has_a_positive_difference() -> None:
    target = [0] * 20 + [1] * 20
    good = predictions([1.0 + i for i in range(20)] + [-1.0 - i for i in range(20)], target)
    bad = predictions([(-1.0) ** i * (i + 1) for i in range(40)], target)
    found = paired(good, bad, [])
    assert found.auroc["value"] == pytest.approx(0.5, abs=0.06)
    assert found.auroc["p"] < 0.01  # type: ignore[operator]
    assert found.auroc_delong["p"] < 0.001  # type: ignore[operator]
