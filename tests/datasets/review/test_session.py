"""Decisions are written at once, can be taken back, and never replace what somebody else wrote."""

import resource
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_made import Made

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.manifest import apply
from mpoxlens.datasets.review.session import ChangedError, Session
from mpoxlens.datasets.reviews import Review, read_reviews, write_reviews
from mpoxlens.errors import DataError, MpoxlensError

A, B, C, D = (letter * 64 for letter in "abcd")
LINKS = [Link(A, B, "local-features", 50, 0.9), Link(B, C, "local-features", 50, 0.9)]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "ann.csv", "ann", today=lambda: "2026-01-02")


def _lines(session: Session) -> list[str]:
    return session.path.read_text(encoding="utf-8").splitlines()[1:]


def test_the_last_verdict_takes_the_place_of_the_first(session: Session) -> None:
    session.judge([A, B], "keep")
    session.judge([A], "drop", reason="drawing")
    assert _lines(session) == [f"{A},drop,,drawing,ann,2026-01-02", f"{B},keep,,,ann,2026-01-02"]
    assert session.judge([B], "keep") is None  # nothing new: nothing to undo
    assert session.steps == (2, 0)


def test_undo_takes_out_what_an_action_wrote_and_redo_puts_it_back(session: Session) -> None:
    session.judge([A], "relabel", "measles")
    session.judge([A], "drop", reason="text")
    session.undo()
    assert _lines(session) == [f"{A},relabel,measles,,ann,2026-01-02"]
    session.undo()
    assert _lines(session) == []
    assert session.undo() is None
    session.redo()
    session.redo()
    assert _lines(session) == [f"{A},drop,,text,ann,2026-01-02"]


def test_a_flag_is_toggled(session: Session) -> None:
    session.flag([A, B], "hands")
    session.flag([B], "hands")
    session.flag([A, B], "hands")  # not both have it, so it is given
    assert _lines(session) == [f"{A},flag,,hands,ann,2026-01-02", f"{B},flag,,hands,ann,2026-01-02"]
    session.flag([A, B], "hands")
    assert _lines(session) == []


def test_groups_that_share_a_photograph_are_joined(session: Session) -> None:
    session.together([A, B])
    session.together([C, D])
    session.together([B, C])
    name = f"scene-{A[:8]}"
    assert _lines(session) == [f"{sha},group,{name},same_scene,ann,2026-01-02" for sha in (A, B, C, D)]
    with pytest.raises(DataError, match="two photographs"):
        session.together([A])


def test_a_split_cuts_each_link_to_the_others_once(session: Session) -> None:
    session.together([A, B])
    session.apart([B], LINKS)
    assert _lines(session) == [
        f"{A},group,scene-{A[:8]},same_scene,ann,2026-01-02",
        f"{B},apart,{A},,ann,2026-01-02",
        f"{B},apart,{C},,ann,2026-01-02",
    ]
    assert session.apart([A], LINKS[:1]) is not None  # out of its group; the link is cut already
    assert _lines(session) == [f"{B},apart,{A},,ann,2026-01-02", f"{B},apart,{C},,ann,2026-01-02"]


def test_split_photographs_are_in_clusters_of_their_own(made: Made, tmp_path: Path) -> None:
    session = Session(tmp_path / "ann.csv", "ann")
    one, crop, mirror = (made.sha[name] for name in ("one", "crop", "mirror"))
    session.apart([crop], made.work.links())
    clean = apply(made.work.manifest(), made.work.links(), read_reviews(session.path))
    group = {record.sha256: record.group for record in clean.records}
    assert group[one] == group[mirror] != group[crop]


def test_a_box_is_cut_to_the_photograph(session: Session) -> None:
    session.hide(A, ["-0.1 0.5 0.3 0.7", "0.1 0.1 0.2 0.2"])
    assert [line.split(",")[2] for line in _lines(session)] == ["0.000 0.500 0.200 0.500", "0.100 0.100 0.200 0.200"]
    session.remove(A, "hide", "0.100 0.100 0.200 0.200", "face")
    assert len(_lines(session)) == 1
    for wrong in ("0.1 0.1 0.2", "a b c d", "0.5 0.5 0 0", "nan 0 1 1"):
        with pytest.raises(DataError, match="no box"):
            session.hide(A, [wrong])


def test_verdicts_of_another_reviewer_are_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "ben.csv"
    lines = [Review(A, "flag", "", "face", "ann", "2025-01-01"), Review(B, "drop", "", "text", "ann", "2025-01-01")]
    write_reviews(lines, path)
    with pytest.raises(DataError, match=r"ben\.csv:3: verdicts of ann in ben's file; use one file a reviewer"):
        Session(path, "ben")


def test_other_lines_of_another_reviewer_stay(session: Session) -> None:
    write_reviews([Review(A, "flag", "", "face", "bob", "2025-01-01")], session.path)
    session.reload()
    session.judge([A], "keep")
    session.flag([A], "face")
    session.undo()
    assert _lines(session) == [f"{A},keep,,,ann,2026-01-02", f"{A},flag,,face,bob,2025-01-01"]


def test_a_file_that_is_refused_is_not_replaced_later(session: Session) -> None:
    session.judge([A], "keep")
    write_reviews([Review(B, "drop", "", "text", "bob", "2025-01-01")], session.path)
    before = session.path.read_bytes()
    with pytest.raises(DataError, match="verdicts of bob"):
        session.reload()
    with pytest.raises(ChangedError):
        session.judge([C], "keep")
    assert session.path.read_bytes() == before


TEXT = st.text(max_size=12)
SHAS = st.lists(st.sampled_from((A, B, C, D)), min_size=1, max_size=3, unique=True)
STEPS = st.one_of(
    st.tuples(st.just("judge"), SHAS, st.sampled_from(("keep", "drop", "relabel")), TEXT, TEXT),
    st.tuples(st.just("flag"), SHAS, TEXT),
    st.tuples(st.just("together"), SHAS),
    st.tuples(st.just("apart"), SHAS, st.just(LINKS)),
    st.tuples(st.just("hide"), st.sampled_from((A, B)), st.just(["0.1 0.1 0.5 0.99"])),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)


@given(st.lists(STEPS, max_size=12))
@settings(max_examples=30, deadline=None)
def test_every_file_that_was_written_can_be_read_again(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder) / "ann.csv", "ann")
        for name, *asked in steps:
            try:
                change = getattr(session, name)(*asked)
            except DataError:  # refused, so nothing was written
                continue
            if change:
                again = Session(session.path, "ann")
                assert set(again.reviews()) == set(session.reviews())
                assert again.judged == session.judged


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "\x1b[2J"])
def test_what_no_file_can_hold_is_refused(session: Session, text: str) -> None:
    with pytest.raises(DataError, match="cannot stand in the file"):
        session.judge([A], "relabel", text)
    assert not session.path.exists()


def test_a_relabel_needs_a_label_and_a_flag_a_name(session: Session) -> None:
    with pytest.raises(DataError, match="a text is needed"):
        session.judge([A], "relabel", " ")
    with pytest.raises(DataError, match="a text is needed"):
        session.flag([A], "")


def test_a_file_that_was_changed_underneath_is_not_replaced(session: Session) -> None:
    session.judge([A], "keep")
    other = Session(session.path, "ann")
    other.judge([B], "drop", reason="text")
    before = session.path.read_bytes()
    for change in (lambda: session.judge([C], "keep"), session.undo):
        with pytest.raises(ChangedError, match="was changed by something else, nothing was written"):
            change()
    assert session.path.read_bytes() == before
    session.reload()
    session.judge([C], "keep")
    assert len(_lines(session)) == 3


def test_a_full_disk_loses_nothing(session: Session) -> None:
    session.judge([A], "keep")
    before = session.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), hard))
    try:
        with pytest.raises(MpoxlensError, match="cannot be written"):
            session.judge([B], "keep")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert session.path.read_bytes() == before
    assert session.judged == {A}
    session.judge([B], "keep")
    assert len(_lines(session)) == 2


@pytest.mark.parametrize("name", ["", "  ", "two\nlines"])
def test_a_name_is_needed(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="--reviewer"):
        Session(tmp_path / "a.csv", name)


@pytest.mark.slow
def test_a_hundred_thousand_lines_stay_quick(tmp_path: Path) -> None:
    many = [Review(f"{i:064x}", "drop", "", "text", "ann", "2026-01-01") for i in range(100_000)]
    write_reviews(many, tmp_path / "ann.csv")
    session = Session(tmp_path / "ann.csv", "ann")
    start = time.process_time()
    session.judge([A], "keep")
    assert time.process_time() - start < 1.0  # 0.15 s on one core of 2024
    assert len(_lines(session)) == 100_001
