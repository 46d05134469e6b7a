"""Judges that cheat are caught by the alteration that takes away what they read, and by no other."""

import numpy as np
import pytest
from judges import Reader, darkness, frame, on_background, photographs, rashes, redness

from mpoxlens.datasets.phantom import draw
from mpoxlens.evaluation.alterations import Alteration, alterations, resized, tone_moved
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.evaluation.shortcuts import Effect, shortcuts
from mpoxlens.evaluation.tone import typology_angle

RNG = np.random.default_rng(0)


def chosen(*names: str) -> list[Alteration]:
    found = [one for one in alterations() if one.name in names]
    assert len(found) == len(names)
    return found


def test_one_that_reads_the_background_is_caught() -> None:
    """Mpox on white, the others on black: the skin is the same, and the background alone tells all."""
    pictures = [on_background(draw(i, count=9, tone=30, size=96), 250 if i < 6 else 10) for i in range(12)]
    sample = photographs(pictures, [i < 6 for i in range(12)])
    found = shortcuts(Reader(frame), sample, chosen=chosen("background only", "skin only", "lesions masked"))
    background, skin = found.effect("background only"), found.effect("skin only")
    assert found.auroc.value == background.auroc.value == 1.0
    assert background.verdict == (
        "The background alone tells mpox with AUROC 1.00 (1.00 to 1.00), the whole photograph with 1.00: "
        "100% of what lies above chance does not need the skin."
    )
    assert skin.auroc.value == 0.5  # all frames are the same grey
    assert skin.flips.value == 50.0  # 128 / 255 is above the operating point: all six of the others are called
    assert skin.flips_to_positive.value == 50.0
    assert found.effect("lesions masked").auroc.value == 1.0


def test_one_that_reads_lesions_loses_all_without_them() -> None:
    names = ("background only", "lesions masked", "other places masked", "mirrored")
    found = shortcuts(Reader(redness), rashes(), chosen=chosen(*names))
    masked, elsewhere = found.effect("lesions masked"), found.effect("other places masked")
    assert found.auroc.value == 1.0
    assert masked.auroc.low <= 0.5
    assert masked.verdict.endswith("that is within reach of chance.")
    assert elsewhere.auroc.value == 1.0
    assert found.effect("background only").photographs == 0  # skin fills all of them
    assert found.effect("mirrored").flips.value == 0.0
    assert found.effect("mirrored").probability_change.value < 0.01


@pytest.mark.parametrize(
    ("before", "auroc", "end"),
    [
        (1.0, (0.5, 0.3, 0.7), "; that is within reach of chance."),
        (1.0, (0.2, 0.1, 0.5), "; that is within reach of chance."),
        (1.0, (0.0, 0.0, 0.0), "; that is below chance: what is left points the wrong way, which is no chance either."),
        (0.9, (0.7, 0.6, 0.8), ": 50% of what lies above chance does not need the skin."),
        (0.4, (0.7, 0.6, 0.8), "; that is above chance, which the whole photograph is not."),
    ],
)
def test_the_verdict_asks_whether_the_interval_holds_chance(
    before: float, auroc: tuple[float, float, float], end: str
) -> None:
    same, none = Figure(before, before, before), Figure(0.0, 0.0, 0.0)
    effect = Effect("background only", "skin", 12, 6, same, Figure(*auroc), none, none, none, none)
    assert effect.verdict.endswith(f"the whole photograph with {before:.2f}{end}")


def test_one_that_reads_the_background_the_wrong_way_is_not_at_chance() -> None:
    """Mpox on black, and whiteness counts for mpox: every pair is in the wrong order."""
    pictures = [on_background(draw(i, count=9, tone=30, size=96), 10 if i < 6 else 250) for i in range(12)]
    sample = photographs(pictures, [i < 6 for i in range(12)])
    background = shortcuts(Reader(frame), sample, chosen=chosen("background only")).effect("background only")
    assert background.auroc == Figure(0.0, 0.0, 0.0)
    assert "within reach of chance" not in background.verdict


def test_one_that_reads_tone_flips_with_it() -> None:
    tones = (-10.0, 19.0)  # the middles of the bands brown and tan
    pictures = [draw(i, count=5, tone=tones[i % 2], size=96).pixels for i in range(12)]
    levels = [darkness(one) for one in pictures]
    limit = (min(levels[::2]) + max(levels[1::2])) / 2
    sample = photographs(pictures, [i % 2 == 0 for i in range(12)])
    judge = Reader(lambda pixels: float(np.clip(0.5 + 5 * (darkness(pixels) - limit), 0, 1)))
    names = ("tone a band darker", "tone a band lighter", "mirrored", "JPEG 90")
    found = shortcuts(judge, sample, chosen=chosen(*names))
    assert found.auroc.value == 1.0
    assert found.effect("tone a band darker").flips_to_positive.value == 50.0  # tan becomes brown, brown stays called
    lighter = found.effect("tone a band lighter")
    assert (lighter.flips.value, lighter.flips_to_positive.value) == (50.0, 0.0)
    assert found.effect("mirrored").flips.value == found.effect("JPEG 90").flips.value == 0.0


@pytest.mark.parametrize(("tone", "darker", "lighter"), [(-10, -45, 19), (19, -10, 34.5), (34.5, 19, 48), (62, 48, 75)])
def test_the_tone_really_moves_to_the_next_band(tone: float, darker: float, lighter: float) -> None:
    pixels = draw(2, count=6, tone=tone, size=160).pixels
    for bands, wanted in ((-1, darker), (1, lighter)):
        moved = tone_moved(pixels, RNG, bands=bands)
        assert moved is not None
        assert typology_angle(moved) == pytest.approx(wanted, abs=3.0)


def test_where_there_is_no_skin_there_is_no_tone() -> None:
    assert tone_moved(np.full((64, 64, 3), 128, np.uint8), RNG, bands=1) is None


def test_a_photograph_that_is_small_already_is_not_resized() -> None:
    assert resized(np.zeros((100, 100, 3), np.uint8), RNG, side=112) is None


def test_every_alteration_changes_the_photograph_and_gives_pixels() -> None:
    pixels = on_background(draw(5, size=160), 200)
    for one in alterations():
        found = one.alter(pixels, np.random.default_rng(1))
        assert found is not None, one.name
        assert found.dtype == np.uint8, one.name
        assert found.shape != pixels.shape or (found != pixels).any(), one.name


def test_the_result_is_json_and_the_same_twice() -> None:
    sample = rashes(3)
    first, second = (shortcuts(Reader(redness), sample, chosen=chosen("other places masked")) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    (one,) = first.to_dict()["alterations"]
    assert one["photographs"] == 6
    assert one["auroc_before"]["value"] == 1.0
