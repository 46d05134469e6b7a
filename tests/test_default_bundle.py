"""The bundle that is shipped: small, whole, documented, and cautious."""

import json

import numpy as np
import pytest

from mpoxlens import Decision, Screener
from mpoxlens.bundle import default_path
from mpoxlens.datasets.phantom import draw, save
from mpoxlens.schema import Photo


@pytest.fixture(scope="module")
def default() -> Screener:
    return Screener.default()


def test_it_is_at_most_5_mb_and_its_map_sums_to_its_score(default: Screener) -> None:
    assert sum(file.stat().st_size for file in default_path().iterdir()) <= 5e6
    pixels = draw(4).pixels
    found = default.screen(Photo(pixels, "drawn", "0" * 64, 448, 448)).classification
    np.testing.assert_allclose(found.cam.mean(axis=(1, 2)), found.logits, atol=1e-5)


def test_its_card_carries_every_figure_with_its_interval(default: Screener) -> None:
    card = (default_path() / "card.md").read_text()
    rash = json.loads((default_path() / "bundle.json").read_text())["figures"]["rash_only"]
    for name in ("auroc", "sensitivity", "specificity", "right_when_decided"):
        shown = "{value:.3f} [{low:.3f}–{high:.3f}]".format(**rash[name]).replace("0.", ".")
        assert shown in card
    assert default.bundle.spec.intended_use in card


def test_a_drawing_never_gets_a_decision_and_still_shows_what_was_seen(default: Screener, tmp_path) -> None:  # type: ignore[no-untyped-def]
    for seed in range(5):
        save(draw(seed), tmp_path / "drawn.png")
        screening = default.screen(tmp_path / "drawn.png")
        assert screening.decision is Decision.CANNOT_TELL
        assert screening.reasons[0].code == "drawing"
        assert np.abs(screening.classification.cam).max() > 0
