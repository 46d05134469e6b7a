"""Several photographs of one person, by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import tiny
from mpoxlens.bundle import Bundle
from mpoxlens.errors import PhotoError
from mpoxlens.rules import Calibration, Conformal
from mpoxlens.schema import Classification, ClinicalInfo, Decision, Gate, Reason, Screening
from mpoxlens.screening.combine import Combined, Examined, JointScreening, combine
from mpoxlens.screening.engine import Refused, Screener
from mpoxlens.screening.json_lines import to_json

# Two labels, temperature 1 and no bias: the log-odds are the difference of the logits.
SPEC = tiny.spec(
    labels=("measles", "mpox"),
    calibration=Calibration(1.0, 0.0, ((1.0, 0.0), (1.0, 1.0))),
    conformal=Conformal(0.1, 0.4, 0.6),
    operating_point=0.5,
)
DARK, BLUR = Reason("too_dark", "Too dark."), Reason("blurred", "Not sharp.")
ODD = Reason("unfamiliar", "Unlike the known photos.")
GOOD = Gate(True, (), {"skin": 1.0})
REFUSED = Gate(False, (DARK,), {"skin": 0.0})


def p(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def shot(odds: float, gate: Gate = GOOD, ood: float = 1.0) -> Examined:
    logits, cam = np.array([0, odds], np.float32), np.array([[[0]], [[odds]]], np.float32)
    found = Classification({"measles": 1 - p(odds), "mpox": p(odds)}, logits, cam, np.zeros(4, np.float32), ood)
    return Examined(f"{odds:g}.jpg", f"{odds:g}", gate, ODD if ood > 2 else None, found)


def join(*shots: Examined) -> Combined:
    return combine(SPEC, shots)


def concluded(tiny_path: Path, *shots: Examined, **answers: bool) -> Screening:
    screener = Screener.from_path(tiny_path)
    return Screener(Bundle(screener.bundle.path, SPEC, "", screener.bundle.session)).conclude(
        shots, ClinicalInfo(**answers)
    )


def test_log_odds_are_averaged_in_the_estimate_and_in_each_draw() -> None:
    found = join(shot(3), shot(1))
    assert found.odds == 2
    assert found.drawn.tolist() == [2, 3]
    assert found.classification.probabilities == pytest.approx({"measles": 1 - p(2), "mpox": p(2)})
    assert found.doubt is None
    assert found.classification.cam[1] == 3  # of the first


def test_temperature_and_bias_are_applied_to_each_photograph_before_the_mean() -> None:
    spec = tiny.spec(labels=("measles", "mpox"), calibration=Calibration(2.0, 0.5, ((0.5, 1.0),)))
    found = combine(spec, [shot(3), shot(6)])
    assert found.odds == (3 / 2 + 0.5 + 6 / 2 + 0.5) / 2
    assert found.drawn.tolist() == [(3 / 0.5 + 1 + 8) / 2]  # 6 / 0.5 + 1 = 13 is cut to 8


def test_the_rest_is_shared_by_the_mean_shares() -> None:
    shares = ((0.8, 0.1, 0.1), (0.2, 0.2, 0.6))  # odds of 4 and 1/4: together even
    shots = [_of(row) for row in shares]
    found = combine(tiny.spec(labels=("mpox", "measles", "healthy"), calibration=Calibration(1, 0, ((1, 0),))), shots)
    expected = {"mpox": 0.5, "measles": 0.15, "healthy": 0.35}  # means 0.15 and 0.35 of a rest of 0.5
    assert found.classification.probabilities == pytest.approx(expected, abs=1e-7)


def _of(shares: tuple[float, ...]) -> Examined:
    logits, names = np.log(np.array(shares, np.float32)), ("mpox", "measles", "healthy")
    found = Classification(dict(zip(names, shares, strict=True)), logits, logits[:, None, None], logits, 1.0)
    return Examined("x", "", GOOD, None, found)


def test_what_is_unusable_or_strange_is_left_out_while_something_else_is_left() -> None:
    assert join(shot(3), shot(-8, REFUSED), shot(-8, ood=9)).odds == 3
    assert join(shot(3), shot(-8, ood=9)).doubt is None
    assert join(shot(-8, REFUSED), shot(3)).gate is GOOD
    assert join(shot(3, ood=1.5), shot(1), shot(1, ood=9)).classification.ood_score == 1.5


def test_a_person_is_strange_only_where_all_usable_photographs_are() -> None:
    found = join(shot(3, ood=4), shot(1, ood=3), shot(0, REFUSED))
    assert found.doubt is ODD
    assert (found.odds, found.classification.ood_score) == (2, 4)
    assert join(shot(3, REFUSED, ood=4)).doubt is None  # that it is no good photo says enough


def test_where_no_photograph_is_usable_every_reason_comes_once() -> None:
    blurred = Gate(False, (DARK, BLUR), {"skin": 0.5})
    found = join(shot(1, REFUSED), shot(3, blurred))
    assert found.gate == Gate(False, (DARK, BLUR), {"skin": 0.0})
    assert found.odds == 2


@pytest.mark.parametrize(
    ("odds", "decision", "code"),
    [
        ((2, -4, -4), Decision.CANNOT_TELL, "photos_disagree"),  # mean -2: P = 0.12
        ((0, -4), Decision.UNLIKELY, "photo"),  # the first fits both
        ((4, -1), Decision.LIKELY, "photo"),
        ((1, -1), Decision.CANNOT_TELL, "both_fit"),
    ],
)
def test_healthy_skin_does_not_outvote_a_lesion(
    tiny_path: Path, odds: tuple[float, ...], decision: Decision, code: str
) -> None:
    found = concluded(tiny_path, *map(shot, odds))
    assert (found.decision, found.reasons[0].code) == (decision, code)
    assert found.probability == pytest.approx(p(sum(odds) / len(odds)))


@pytest.mark.parametrize("set_aside", [shot(4, REFUSED), shot(4, ood=9)])
def test_healthy_skin_does_not_stand_for_a_photograph_that_was_set_aside(tiny_path: Path, set_aside: Examined) -> None:
    found = concluded(tiny_path, shot(-4), set_aside)
    assert (found.decision, [reason.code for reason in found.reasons]) == (Decision.CANNOT_TELL, ["photo_left_out"])
    assert found.next_step.startswith("Take those that could not be judged again. Show the rash to a clinician")
    assert found.probability == pytest.approx(p(-4))
    assert concluded(tiny_path, shot(-4)).decision is Decision.UNLIKELY
    assert concluded(tiny_path, shot(4), set_aside).decision is Decision.LIKELY
    outvoted = concluded(tiny_path, shot(2), shot(-4), shot(-4), set_aside)
    assert [reason.code for reason in outvoted.reasons] == ["photos_disagree"]


def test_healthy_skin_does_not_stand_for_a_file_that_could_not_be_read() -> None:
    doubt = combine(SPEC, [shot(-4)], unread=1).doubt
    assert doubt is not None
    assert doubt.code == "photo_left_out"
    assert combine(SPEC, [shot(-4)]).doubt is None
    assert combine(SPEC, [shot(4)], unread=1).doubt is None


def test_names_and_hashes_are_joined(tiny_path: Path) -> None:
    found = concluded(tiny_path, shot(4), shot(0, REFUSED), acute_rash=True)
    assert isinstance(found, JointScreening)
    assert found.file == "4.jpg, 0.jpg"
    assert found.provenance.photo_sha256 == "4 0"
    assert [one.counts for one in found.photos] == [True, False]


@given(st.lists(st.floats(-6, 6, width=32), min_size=1, max_size=5), st.randoms())
def test_the_order_does_not_matter(odds: list[float], rng: object) -> None:
    mixed = list(odds)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = join(*map(shot, odds)), join(*map(shot, mixed))
    assert one.odds == pytest.approx(other.odds, abs=1e-9)
    assert np.allclose(one.drawn, other.drawn)
    assert min(odds) - 1e-9 <= one.odds <= max(odds) + 1e-9


def test_a_single_photograph_gives_what_screen_gives(screener: Screener, photo_path: Path) -> None:
    info = ClinicalInfo(contact_21_days=True)
    alone, together = screener.screen(photo_path, info), screener.screen_together([photo_path], info)
    assert type(together) is Screening
    assert to_json(together) == to_json(alone)
    shift = math.log(alone.history.likelihood_ratio)
    interval = screener.bundle.spec.calibration.interval(alone.classification.logits, 0, shift)
    assert (alone.interval.low, alone.interval.high) == (interval.low, interval.high)


def test_a_photograph_named_twice_gives_its_own_numbers(screener: Screener, photo_path: Path) -> None:
    alone, twice = screener.screen(photo_path), screener.screen_together([photo_path, photo_path.read_bytes()])
    assert twice.probability == pytest.approx(alone.probability, abs=1e-9)
    assert twice.interval.low == pytest.approx(alone.interval.low, abs=1e-9)
    assert (twice.decision, twice.reasons) == (alone.decision, alone.reasons)
    assert twice.file == f"{photo_path}, <bytes>"


def test_real_photographs_together(screener: Screener, photo_path: Path) -> None:
    small = photo_path.with_name("blue.png")
    Image.new("RGB", (200, 200), (40, 60, 200)).save(small)
    with_blue = screener.screen_together([small, photo_path])
    assert with_blue.probability == screener.screen(photo_path).probability
    assert [one.counts for one in with_blue.photos] == [False, True]  # type: ignore[attr-defined]


def test_what_cannot_be_read_is_an_error_or_refused(screener: Screener, photo_path: Path) -> None:
    missing = photo_path.with_name("no.jpg")
    with pytest.raises(PhotoError, match="no such file"):
        screener.screen_together([photo_path, missing])
    with pytest.raises(PhotoError, match="no photo: a screening needs at least one"):
        screener.screen_together([])
    first, second = screener.examine([missing, photo_path])
    assert isinstance(first, Refused)
    assert isinstance(second, Examined)
    assert second.gate.usable
