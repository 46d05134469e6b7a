"""Agreement of two reviewers, against figures worked by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from review_made import Made
from sklearn.metrics import cohen_kappa_score

from mpoxlens.datasets.review.kappa import agreement, cohen_kappa, disagreements, write_disagreements
from mpoxlens.datasets.reviews import Review
from mpoxlens.errors import DataError


def _review(sha: str, verdict: str, who: str, reason: str = "") -> Review:
    action, _, value = verdict.partition(":")
    return Review(sha, action, value, reason, who, "2026-01-01")


def _said(verdicts: str, who: str) -> list[Review]:
    words = {"k": "keep", "d": "drop", "m": "relabel:mpox", "z": "relabel:measles"}
    return [_review(f"{i:02d}", words[v], who) for i, v in enumerate(verdicts) if v != "-"]


def test_kappa_is_what_the_hand_works_out() -> None:
    # 10 photographs, both keep 5, both drop 3, one each way: agreed .8;
    # by chance .6 x .6 + .4 x .4 = .52; kappa (.8 - .52) / .48
    found = agreement(_said("kkkkkkdddd-", "ann"), _said("kkkkkdkddd-", "bob"))
    assert found.photographs == 10
    assert found.agreed.value == pytest.approx(0.8)
    assert found.kappa.value == pytest.approx(0.28 / 0.48)
    assert found.kappa_drop.value == pytest.approx(0.28 / 0.48)
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert [(d.sha256, d.verdict_a, d.verdict_b) for d in found.disagreements] == [
        ("05", "keep", "drop"),
        ("06", "drop", "keep"),
    ]


def test_labels_count_in_the_kappa_of_verdicts_and_not_in_that_of_drops() -> None:
    # keep/drop/mpox/measles: agreed 3 of 4; chance 1/4 x 1/4 x 2 (keep, drop) + 2/4 x 1/4 (mpox) + 0 = 1/4
    found = agreement(_said("kdmm", "ann"), _said("kdmz", "bob"))
    assert found.kappa.value == pytest.approx((3 / 4 - 1 / 4) / (3 / 4))
    assert found.kappa_drop.value == pytest.approx(1.0)


def test_only_photographs_with_a_verdict_of_both_count() -> None:
    found = agreement(_said("kd--k", "ann"), _said("kdk--", "bob"))
    assert (found.photographs, found.only_a, found.only_b) == (2, 1, 1)
    with pytest.raises(DataError, match="no photograph has a verdict of both"):
        agreement(_said("k-", "ann"), _said("-k", "bob"))


def test_flags_have_their_own_kappa() -> None:
    ann = [
        *_said("kkkk", "ann"),
        Review("00", "flag", "", "face", "ann", ""),
        Review("01", "flag", "", "face", "ann", ""),
    ]
    bob = [
        *_said("kkkk", "bob"),
        Review("00", "flag", "", "face", "bob", ""),
        Review("99", "flag", "", "hands", "bob", ""),
    ]
    found = agreement(ann, bob)
    # agreed 3/4; chance 2/4 x 1/4 + 2/4 x 3/4 = 1/2
    assert {name: figure.value for name, figure in found.kappa_flags.items()} == {"face": pytest.approx(0.5)}


def test_kappa_is_undefined_where_all_say_one_thing() -> None:
    found = agreement(_said("kkk", "ann"), _said("kkk", "bob"))
    assert np.isnan(found.kappa.value)
    assert "kappa, verdicts: not defined, both gave one and the same to all" in found.lines()
    assert "same verdict: 1.00 (95 % interval 1.00 to 1.00)" in found.lines()


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.integers(0, 4, (2, 30))
        assert cohen_kappa(x, y) == pytest.approx(cohen_kappa_score(x, y), abs=1e-12)


def test_the_last_verdict_holds_and_the_label_that_stands_is_kept(bare: Made) -> None:
    one, crop = bare.sha["one"], bare.sha["crop"]
    ann = [_review(one, "drop", "ann"), _review(one, "relabel:mpox", "ann"), _review(crop, "drop", "ann", "text")]
    bob = [_review(one, "keep", "bob"), _review(crop, "relabel:measles", "bob")]
    found = agreement(ann, bob, bare.work.manifest())
    assert [(d.sha256, d.verdict_a, d.reason_a, d.verdict_b) for d in found.disagreements] == [
        (crop, "drop", "text", "relabel:measles")
    ]


def test_clusters_widen_the_interval(made: Made) -> None:
    shas = sorted(made.sha.values())
    ann = [_review(sha, "keep" if i < 6 else "drop", "ann") for i, sha in enumerate(shas)]
    bob = [_review(sha, "keep" if i % 4 else "drop", "bob") for i, sha in enumerate(shas)]
    manifest = made.work.manifest()
    two = tuple(dataclasses.replace(r, group=str(i % 2)) for i, r in enumerate(manifest.records))
    alone = agreement(ann, bob, manifest).agreed
    grouped = agreement(ann, bob, dataclasses.replace(manifest, records=two)).agreed
    assert alone.value == grouped.value
    # of two clusters, each drawn alone in a quarter of the samples, the interval spans the shares of the two
    same = [a.action == b.action for a, b in zip(ann, bob, strict=True)]
    shares = [np.mean(same[k::2]) for k in (0, 1)]
    assert (grouped.low, grouped.high) == pytest.approx((min(shares), max(shares)))


def test_disagreements_are_a_table(tmp_path: Path) -> None:
    found = agreement([_review("aa", "drop", "ann", "text")], [_review("aa", "relabel:mpox", "bob")])
    write_disagreements(found.disagreements, tmp_path / "d.csv")
    assert (tmp_path / "d.csv").read_text() == (
        "sha256,verdict_a,verdict_b,reason_a,reason_b\naa,drop,relabel:mpox,text,\n"
    )


def test_disagreements_alone_are_those_of_the_agreement() -> None:
    ann, bob = _said("kkdmz-k", "ann"), _said("kddzz-d", "bob")
    assert disagreements(ann, bob) == agreement(ann, bob).disagreements
    assert [one.sha256 for one in disagreements(ann, bob)] == ["01", "03", "06"]
    with pytest.raises(DataError, match="no photograph has a verdict of both"):
        disagreements(_said("k-", "ann"), _said("-k", "bob"))


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("k" * 19 + "d", "k" * 20, True),  # agreed .95, by chance .95: kappa 0
        ("k" * 39 + "d", "k" * 39 + "d", False),  # by chance .95, and yet kappa is 1
        ("kkkkkkdddd", "kkkkkdkddd", False),  # by chance .52
        ("k" * 10 + "d" * 10, "d" * 10 + "k" * 10, False),  # they truly disagree
        ("k" * 20, "k" * 20, False),  # not defined, and said so
    ],
)
def test_a_low_kappa_of_one_sided_verdicts_is_explained(one: str, other: str, told: bool) -> None:
    lines = agreement(_said(one, "ann"), _said(other, "bob")).lines()
    assert any("kappa says little" in line for line in lines) == told


def test_one_is_counted_as_one() -> None:
    lines = agreement(_said("k", "ann"), _said("d", "bob")).lines()
    assert lines[0].startswith("1 photograph with a verdict of both")
    assert lines[-1] == "1 disagreement"
