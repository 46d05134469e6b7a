"""Damage grows with severity, and the curves say what it does to a judge of known answer."""

import numpy as np
import pytest
from judges import Reader, photographs, rashes, redness

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.phantom import draw
from mpoxlens.evaluation.damage import SEVERITIES, exposed, occluded, shaken, sweeps, zoomed
from mpoxlens.evaluation.judge import BundleJudge
from mpoxlens.evaluation.robustness import robustness

PIXELS = draw(5, size=160).pixels


def named(*names: str) -> list:  # type: ignore[type-arg]
    return [one for one in sweeps() if one.name in names]


@pytest.mark.parametrize("sweep", sweeps(), ids=lambda one: one.name)
def test_damage_grows(sweep) -> None:  # type: ignore[no-untyped-def]
    assert len(sweep.strengths) == SEVERITIES
    copies = [sweep.damage(PIXELS, np.random.default_rng(3), s) for s in sweep.strengths]
    assert all(one.dtype == np.uint8 and one.shape[2] == 3 for one in copies)
    if copies[0].shape == PIXELS.shape:
        away = [float(np.abs(one.astype(int) - PIXELS).mean()) for one in copies]
        assert away[0] > 0
        assert away[0] < away[-1]
    else:  # another size: cut smaller and smaller, or surrounded by more and more
        sizes = [one.shape[0] for one in copies]
        assert sizes in (sorted(sizes), sorted(sizes, reverse=True))
        assert len(set(sizes)) == SEVERITIES


def test_one_stop_is_twice_the_light() -> None:
    grey = np.full((8, 8, 3), 127, np.uint8)  # 0.2122 in linear light
    assert exposed(grey, np.random.default_rng(0), 1.0)[0, 0, 0] == pytest.approx(174, abs=1)  # 0.4245
    assert exposed(grey, np.random.default_rng(0), -1.0)[0, 0, 0] == pytest.approx(92, abs=1)  # 0.1061


def test_occlusion_hides_the_share_that_it_says() -> None:
    hidden = occluded(np.full((100, 100, 3), 7, np.uint8), np.random.default_rng(1), 0.25)
    assert (hidden != 7).any(axis=2).mean() == 0.25


def test_a_crop_keeps_the_share_that_it_says() -> None:
    assert zoomed(PIXELS, np.random.default_rng(1), 0.25).shape == (80, 80, 3)


def test_shaking_keeps_the_light() -> None:
    assert shaken(PIXELS, np.random.default_rng(0), 8).mean() == pytest.approx(PIXELS.mean(), abs=1)


def test_one_that_reads_lesions_goes_blind_in_grey_fog_and_not_by_turning() -> None:
    found = robustness(Reader(redness), rashes(6), chosen=named("contrast", "rotation"))
    fog, turned = found.curve("contrast"), found.curve("rotation")
    assert [point.severity for point in fog.points] == [0, 1, 2, 3, 4, 5]
    assert fog.points[0].sensitivity.value == 1.0
    assert fog.points[-1].sensitivity.value == 0.0  # a fifth of the redness stays under the operating point
    assert turned.points[-1].sensitivity.value == 1.0
    assert turned.points[-1].auroc.value == 1.0
    assert fog.values("sensitivity")[0] == (1.0, 1.0, 1.0)


def test_what_the_gate_refuses_gets_no_decision(tiny_path) -> None:  # type: ignore[no-untyped-def]
    sample = photographs([draw(i, count=9, size=128).pixels for i in range(4)], [True, True, False, False])
    found = robustness(BundleJudge(Bundle.load(tiny_path, threads=1)), sample, chosen=named("blur"))
    start, end = found.curve("blur").points[0], found.curve("blur").points[-1]
    assert start.refused.value == 0.0
    assert end.refused.value == end.cannot_tell.value == 1.0
    assert np.isnan(end.right_when_decided.value)
    assert found.verdicts[0].endswith("100% get no decision, nothing is decided.")
    assert found.to_dict()["sweeps"][0]["points"][5]["right_when_decided"]["value"] is None
