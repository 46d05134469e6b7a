"""Figures within subgroups, what is too few, and what is left when a subgroup gives nothing away."""

import numpy as np
import pytest

from mpoxlens.evaluation.bootstrap import Draws
from mpoxlens.evaluation.metrics import auroc
from mpoxlens.evaluation.subgroups import LEAST, Answers, auroc_within, groupings, quality_bands, size_bands, subgroups
from mpoxlens.evaluation.tone import tone_band
from mpoxlens.schema import ImageRecord


def _answers(n: int = 120, *, repeats: int = 1) -> tuple[Answers, list[str]]:
    """Dark skin is mostly mpox and light mostly not; within a band the score says a little."""
    rng = np.random.default_rng(0)
    dark = np.arange(n) % 2 == 0
    positive = rng.random(n) < np.where(dark, 0.8, 0.2)
    p = np.clip(0.35 + 0.25 * dark + 0.05 * positive + rng.normal(0, 0.05, n), 0.01, 0.99)
    clusters = tuple(str(i) for i in range(n))
    return Answers(positive, p, p >= 0.5, clusters, repeats), np.where(dark, "dark", "light").tolist()


def test_within_subgroups_is_the_mean_weighted_by_pairs() -> None:
    answers, group = _answers()
    draws = Draws.of(answers.cluster, 50)
    right, pairs = 0.0, 0
    for name in ("dark", "light"):
        rows = np.array(group) == name
        y = answers.positive[rows]
        count = int(y.sum() * (~y).sum())
        right, pairs = right + count * auroc(y, answers.probability[rows]), pairs + count
    assert auroc_within(answers, group, draws)[0] == pytest.approx(right / pairs)
    assert auroc_within(answers, ["all"] * 120, draws)[0] == pytest.approx(auroc(answers.positive, answers.probability))


def test_a_score_that_only_knows_the_subgroup_is_worth_nothing_within_it() -> None:
    answers, group = _answers()
    tone_only = np.where(np.array(group) == "dark", 0.8, 0.2)
    cheat = Answers(answers.positive, tone_only, tone_only >= 0.5, answers.cluster)
    assert auroc(cheat.positive, cheat.probability) > 0.7
    assert auroc_within(cheat, group, Draws.of(cheat.cluster, 10))[0] == 0.5


def test_figures_gaps_and_counts_by_hand() -> None:
    answers, group = _answers()
    found = subgroups(answers, group, Draws.of(answers.cluster, 100))
    dark, light = found["groups"]["dark"], found["groups"]["light"]
    rows = np.array(group) == "dark"
    assert (dark["photos"], dark["mpox"]) == (60, int(answers.positive[rows].sum()))
    assert dark["sensitivity"]["value"] == pytest.approx(answers.called[rows & answers.positive].mean(), abs=1e-4)
    told_minus_seen = answers.probability[rows].mean() - answers.positive[rows].mean()
    assert dark["told_minus_seen"]["value"] == pytest.approx(told_minus_seen, abs=1e-4)
    gap = found["gaps"]["sensitivity"]
    assert (gap["highest"], gap["lowest"]) == ("dark", "light")
    assert gap["value"] == pytest.approx(dark["sensitivity"]["value"] - light["sensitivity"]["value"], abs=2e-4)
    assert gap["low"] > 0


def test_too_few_people_are_said_and_not_computed() -> None:
    answers, group = _answers()
    rows = (np.array(group) == "light") & answers.positive
    few = rows & (np.cumsum(rows) >= LEAST)  # all but the first nine people
    renamed = ["" if out else name for name, out in zip(group, few, strict=True)]
    found = subgroups(answers, renamed, Draws.of(answers.cluster, 20))
    light = found["groups"]["light"]
    assert light["clusters_mpox"] == LEAST - 1
    assert light["too_few"] == "fewer than 10 clusters for auroc, sensitivity, told_minus_seen"
    assert not {"auroc", "sensitivity", "told_minus_seen"} & set(light)
    assert light["specificity"]["value"] is not None
    assert found["gaps"]["auroc"] is None


def test_many_photographs_of_few_people_are_too_few() -> None:
    answers, group = _answers()
    one_person = Answers(answers.positive, answers.probability, answers.called, ("p",) * 120)
    found = subgroups(one_person, group, Draws.of(one_person.cluster, 5))
    assert all("too_few" in told and "auroc" not in told for told in found["groups"].values())


def test_repeats_count_as_one_photograph() -> None:
    answers, group = _answers(repeats=2)
    found = subgroups(answers, group, Draws.of(answers.cluster, 5))
    assert found["groups"]["dark"]["photos"] == 30


def test_bands() -> None:
    assert [tone_band(x) for x in (-90.0, -0.1, 0.0, 27.9, 28.0, 90.0)] == [
        "dark", "dark", "intermediate", "intermediate", "light", "light",
    ]  # fmt: skip
    assert size_bands([100, 256, 511, 512]) == ("below 256 px", "256 to 511 px", "256 to 511 px", "512 px and more")


def test_groupings_of_what_is_known_of_each_photograph() -> None:
    records = [ImageRecord("a", "a.jpg", "mpox", "msid", None, 224, 300, "a"),
               ImageRecord("b", "b.jpg", "mpox", "msld", None, 900, 600, "b")]  # fmt: skip
    quality = [{"sha256": "a", "flags": ["blurry"], "problem": ""}, {"sha256": "b", "flags": [], "problem": "damaged"}]
    found = groupings(("b", "a", "c", "a"), records, {"a": 40.0, "b": -5.0}, quality)
    assert found == {
        "source": ("msld", "msid", "", "msid"),
        "size": ("512 px and more", "below 256 px", "", "below 256 px"),
        "tone": ("dark", "light", "", "light"),
        "quality: blurry": ("", "yes", "", "yes"),
    }
    assert quality_bands(("a",), []) == {}
