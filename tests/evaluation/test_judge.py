"""The judge of a bundle decides as the clinic does, whichever way photographs are batched."""

from pathlib import Path

import numpy as np
import pytest
from judges import photographs

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError
from mpoxlens.evaluation.judge import BundleJudge, Photographs, judged
from mpoxlens.schema import ImageRecord, Photo, Pixels
from mpoxlens.screening.engine import Screener

PICTURES = [
    *(draw(i, count=4 * i, tone=60 - 25 * i, size=128).pixels for i in range(4)),
    np.full((128, 128, 3), 255, np.uint8),  # a blank page
    np.full((128, 128, 3), (200, 30, 30), np.uint8),
]


@pytest.fixture
def judge(tiny_path: Path) -> BundleJudge:
    return BundleJudge(Bundle.load(tiny_path, threads=1))


def test_it_decides_as_the_screener_does(judge: BundleJudge, screener: Screener) -> None:
    screened = [screener.screen(Photo(one, "", "", one.shape[1], one.shape[0])) for one in PICTURES]
    outputs, found = judge(PICTURES), judge.judge(PICTURES, [""] * len(PICTURES))
    assert found.decision == tuple(one.decision for one in screened) == judge.decision(outputs, PICTURES)
    assert len(set(found.decision)) > 1
    np.testing.assert_allclose(found.probability, [one.photo_probability for one in screened], rtol=1e-6)
    np.testing.assert_array_equal(found.probability, judge.probability(outputs))
    np.testing.assert_array_equal(found.called, judge.called(outputs))
    assert found.called.tolist() == [one.photo_probability >= 0.4 for one in screened]
    assert found.refused.tolist() == [not one.gate.usable for one in screened]
    np.testing.assert_allclose(found.strange * 50.0, [one.classification.ood_score for one in screened], rtol=1e-6)


def test_batches_and_threads_change_nothing(judge: BundleJudge) -> None:
    sample = photographs([PICTURES[i % 4] for i in range(37)], [i % 2 == 0 for i in range(37)])
    told: list[tuple[int, int]] = []
    rows, found = judged(judge, sample, tell=lambda _stage, done, of: told.append((done, of)))
    assert rows.tolist() == list(range(37))
    assert told == [(16, 37), (32, 37), (37, 37)]
    one_by_one = [judge.judge([one], [""]).probability[0] for one in sample.pixels]
    np.testing.assert_allclose(found.probability, one_by_one, rtol=1e-6)


def test_photographs_with_nothing_to_alter_are_left_out(judge: BundleJudge) -> None:
    sample = photographs([np.full((40, 40, 3), 10 * i, np.uint8) for i in range(20)], [i < 10 for i in range(20)])

    def odd(pixels: Pixels, _rng: np.random.Generator) -> Pixels | None:
        return pixels if pixels[0, 0, 0] % 20 else None

    rows, found = judged(judge, sample, odd)
    assert rows.tolist() == list(range(1, 20, 2))
    assert len(found.probability) == len(found.decision) == 10
    none, nothing = judged(judge, sample, lambda _pixels, _rng: None)
    assert len(none) == len(nothing.probability) == 0


def test_chance_depends_on_the_photograph_and_not_on_its_place(judge: BundleJudge) -> None:
    def noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return rng.integers(0, 256, pixels.shape).astype(np.uint8)

    one = photographs(PICTURES[:4], [True, True, False, False])
    back = Photographs(one.pixels[::-1], one.positive[::-1], one.cluster[::-1], one.key[::-1])
    (_, first), (_, second) = judged(judge, one, noisy), judged(judge, back, noisy)
    np.testing.assert_array_equal(first.probability, second.probability[::-1])


def test_photographs_of_a_manifest_leave_labels_out() -> None:
    labels = ["mpox", "healthy", "measles"]
    records = [ImageRecord(f"sha{i}", "", label, "", None, 1, 1, f"g{i}") for i, label in enumerate(labels)]
    found = Photographs.of(records, PICTURES[:3], "mpox", without=("healthy",))
    assert found.positive.tolist() == [True, False]
    assert (found.cluster, found.key) == (("g0", "g2"), ("sha0", "sha2"))
    assert found.pixels[1] is PICTURES[2]


def test_no_photograph_is_refused() -> None:
    with pytest.raises(DataError, match="photographs"):
        Photographs([], np.zeros(0, dtype=bool), (), ())
