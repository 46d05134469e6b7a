"""Decisions: read strictly, applied in order, written so that a small change is a small difference."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.reviews import (
    ACTIONS,
    COLUMNS,
    Review,
    apply_verdicts,
    box,
    common,
    flags_of,
    read_reviews,
    reviewed_links,
    settled,
    unknown,
    write_reviews,
)
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

HEAD = ",".join(COLUMNS)


def _review(sha256: str, action: str, value: str = "", reason: str = "", reviewer: str = "r") -> Review:
    return Review(sha256, action, value, reason, reviewer, "2026-01-01")


def _record(name: str, label: str = "mpox") -> ImageRecord:
    return ImageRecord(name, f"{name}.png", label, "s", None, 9, 9, "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "ab,burn,,,r,2026-01-01",
            "d.csv:2: action 'burn' is unknown; use keep, drop, relabel, flag, group, apart, hide",
        ),
        ("ab,relabel,,,r,2026-01-01", "d.csv:2: relabel with value '' says nothing; give the new label as value"),
        ("ab,flag,,,r,2026-01-01", "d.csv:2: flag with value '' says nothing; give the flag as reason"),
        (
            "ab,hide,0.5 0.5 2 0.1,,r,2026-01-01",
            "d.csv:2: hide with value '0.5 0.5 2 0.1' says nothing; give left, top",
        ),
        ("ab,drop", "d.csv:2: it has more or fewer cells than the first line; write: sha256,action,value,reason"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_by_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "d.csv").write_text(f"{HEAD}\n{line}\n")
    with pytest.raises(DataError) as refused:
        read_reviews(tmp_path / "d.csv")
    assert message in str(refused.value)


def test_two_verdicts_on_one_photograph_in_one_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(f"{HEAD}\nab,drop,,text,r,2026-01-01\nab,keep,,,s,2026-01-02\n")
    with pytest.raises(
        DataError, match=r"d\.csv:3: a second verdict on one photograph: the first is at .*d\.csv:2; keep"
    ):
        read_reviews(tmp_path / "d.csv")


def test_other_columns_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("sha256,verdict\n")
    with pytest.raises(
        DataError, match=r"d\.csv:1: its columns are others; write: sha256,action,value,reason,reviewer,da"
    ):
        read_reviews(tmp_path / "d.csv")
    with pytest.raises(
        DataError, match=r"none\.csv: cannot be read \(No such file or directory\); name a decisions file"
    ):
        read_reviews(tmp_path / "none.csv")


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=12)
reviews = st.lists(
    st.builds(
        Review,
        sha256=st.text("0123456789abcdef", min_size=4, max_size=4),
        action=st.sampled_from([action for action in ACTIONS if action != "hide"]),
        value=words,
        reason=words,
        reviewer=words,
        date=st.just("2026-01-01"),
    ),
    unique_by=lambda review: review.sha256,
)


@given(reviews)
def test_decisions_go_to_a_file_and_back_whatever_they_hold(
    tmp_path_factory: pytest.TempPathFactory, given_: list[Review]
) -> None:
    path = tmp_path_factory.mktemp("reviews") / "d.csv"
    write_reviews(given_, path)
    back = read_reviews(path)
    assert Counter(back) == Counter(given_)


def test_the_last_verdict_holds_and_all_else_adds_up() -> None:
    given_ = [_review("a", "drop"), _review("a", "flag", reason="face"), _review("a", "keep"), _review("b", "drop")]
    assert [r.action for r in settled(given_)] == ["flag", "keep", "drop"]
    assert apply_verdicts([_record("a"), _record("b"), _record("c")], given_) == [_record("a"), _record("c")]
    assert flags_of(given_) == {"a": frozenset({"face"})}


def test_a_relabelled_photograph_carries_the_new_label() -> None:
    assert apply_verdicts([_record("a")], [_review("a", "relabel", "measles")]) == [_record("a", "measles")]


def test_a_reviewer_cuts_links_and_makes_groups_of_their_own() -> None:
    links = [Link("a", "b", "local-features", 30, 1.0), Link("b", "c", "local-features", 12, 0.3)]
    given_ = [
        _review("c", "apart", "b"),
        _review("a", "group", "scene 1"),
        _review("d", "group", "scene 1"),
        _review("e", "group", "scene 1", reviewer="another"),  # another's names are another's
    ]
    assert reviewed_links(links, given_) == [links[0], Link("a", "d", "reviewer", 0, 0.0)]


def test_unknown_hashes_are_told_once_a_file_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    write_reviews([_review("a", "drop"), *(_review(f"x{i:02d}", "keep") for i in range(20))], path)
    (error,) = unknown([_record("a")], read_reviews(path))
    assert str(error).startswith(
        f"{path}:3,4,5,6,7,8,9,10,11,12,13,14,...: 20 decisions name photographs that are not in"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.1 0.2 0.3 0.4", (0.1, 0.2, 0.3, 0.4)),
        ("0 0 1 1", (0.0, 0.0, 1.0, 1.0)),
        ("0 0 0 1", None),
        ("nan 0 1 1", None),
        ("0.1 0.2 0.3", None),
        ("face", None),
    ],
)
def test_a_box_is_four_shares(text: str, found: tuple[float, ...] | None) -> None:
    assert box(text) == found


def test_what_two_reviewers_agree_on() -> None:
    a = [
        _review("1", "drop", reason="text"), _review("2", "keep"), _review("3", "flag", reason="face"),
        _review("4", "flag", reason="face"), _review("5", "group", "scene 1"),
        _review("6", "drop"), _review("6", "keep"),
    ]  # fmt: skip
    b = [
        _review("1", "drop", reason="drawing", reviewer="s"), _review("2", "drop", reviewer="s"),
        _review("3", "flag", reason="face", reviewer="s"), _review("7", "group", "scene 1", reviewer="s"),
        _review("6", "keep", reviewer="s"),
    ]  # fmt: skip
    assert [(r.sha256, r.action, r.value, r.reviewer) for r in common(a, b)] == [
        ("1", "drop", "", "r+s"), ("3", "flag", "", "r+s"), ("6", "keep", "", "r+s"),
        ("5", "group", "r scene 1", "r+s"), ("7", "group", "s scene 1", "r+s"),
    ]  # fmt: skip
