"""What one reader is shown and what is kept of the answers, without a page."""

import datetime
import json
from pathlib import Path

import pytest
from study_made import MONDAY, SQUARE, answered, made, readings

from mpoxlens.errors import DataError
from mpoxlens.explain.study.answers import enrol, enrolled, read_answer
from mpoxlens.explain.study.desk import Desk
from mpoxlens.explain.study.folder import Study, read_study
from mpoxlens.explain.study.questions import UNAIDED


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime.datetime:
        return self.now


@pytest.fixture
def study(tmp_path: Path, tiny_path: Path) -> Study:
    return made(tmp_path / "study", tiny_path, count=4)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _give(desk: Desk, confidence: str = "4", *, done: bool = True, **more: object) -> dict[str, object]:
    view = desk.view()
    names = [question["name"] for question in view["reading"]["questions"]]
    choices = {"confidence": confidence} | ({"on_lesions": "yes", "changes": "no"} if len(names) > 1 else {})
    answer = {"choices": choices, "seconds": 3.21, "done": done, **more}
    return desk.answer({"session": view["session"], "at": view["at"], "answer": answer})


def test_a_reader_reads_every_case_in_both_arms_with_a_wash_out_between(study: Study, clock: Clock) -> None:
    desk = Desk(enrol(study, "Ann"), clock)
    seen: list[list[tuple[int, bool]]] = [[], []]
    for session in range(2):
        for at in range(4):
            view = desk.view()
            assert (view["session"], view["at"], view["of"], view["done"]) == (session + 1, at, 4, at)
            reading = view["reading"]
            assert (reading["map"] is None) == (reading["score"] is None)
            seen[session].append((len(reading["questions"]), reading["map"] is not None))
            _give(desk)
        if session == 0:
            closed = desk.view()
            assert (closed["state"], closed["opens"], closed["reading"]) == ("closed", "2026-03-30", None)
            clock.now = MONDAY + datetime.timedelta(days=27, hours=23)
            assert desk.view()["state"] == "closed"
            clock.now = MONDAY + datetime.timedelta(days=28)
    assert desk.view()["state"] == "finished"
    assert [sorted(each) for each in seen] == [[(1, False)] * 2 + [(3, True)] * 2] * 2


def test_the_page_learns_neither_method_nor_truth(study: Study, clock: Clock) -> None:
    (study.folder / "key.json").unlink()
    desk = Desk(enrol(read_study(study.folder), "Ann"), clock)
    for _ in range(4):
        shown = json.dumps(desk.view())
        for word in ("cam", "map1", 'mpox"', "healthy", "block", "sha256", "c00"):
            assert word not in shown
        _give(desk)


def test_a_reader_goes_on_where_they_stopped(study: Study, clock: Clock) -> None:
    _give(Desk(enrol(study, "Ann"), clock))
    half = Desk(enrol(study, "Ann"), clock)
    _give(half, "2", done=False)
    again = Desk(enrol(study, " ann "), clock).view()
    assert (again["reader"], again["at"], again["done"]) == ("r1", 1, 1)
    assert again["reading"]["answer"]["choices"]["confidence"] == "2"
    assert again["reading"]["answer"]["seconds"] == 3.2
    assert Desk(enrol(study, "Ben"), clock).view()["done"] == 0
    assert [one.id for one in enrolled(study)] == ["r1", "r2"]


def test_no_reading_is_skipped_and_earlier_ones_can_be_corrected(study: Study, clock: Clock) -> None:
    answers = enrol(study, "Ann")
    desk = Desk(answers, clock)
    first = readings(answers)[0]
    assert desk.view(3)["at"] == 0
    with pytest.raises(DataError, match="does not show what is to be read now"):
        desk.answer({"session": 1, "at": 1, "answer": {}})
    with pytest.raises(DataError, match="does not show"):
        desk.photo(2, 0)
    _give(desk)
    earlier = desk.view(0)
    choices = earlier["reading"]["answer"]["choices"] | {"confidence": "1"}
    answer = {"choices": choices, "seconds": 99, "done": False}
    assert desk.answer({"session": 1, "at": 0, "answer": answer})["at"] == 0
    kept = answers.of(first)
    assert kept is not None
    assert (kept.choices["confidence"], kept.seconds, kept.done, kept.revised) == ("1", 3.2, True, 1)
    desk.answer({"session": 1, "at": 0, "answer": answer | {"done": True}})  # as it was: no revision
    assert answers.of(first).revised == 1
    assert desk.view()["at"] == 1


def test_a_map_is_given_where_the_plan_has_one_alone(study: Study, clock: Clock) -> None:
    answers = enrol(study, "Ann")
    desk, plan = Desk(answers, clock), readings(answers)
    for at in range(4):
        assert desk.photo(1, at) == study.photo(plan[at].case)
        if plan[at].arm == UNAIDED:
            with pytest.raises(DataError, match="this reading has none"):
                desk.picture(1, at)
        else:
            assert desk.picture(1, at) == study.picture(plan[at].case, "map1")
        with pytest.raises(DataError):
            desk.picture(1, at + 1)
        _give(desk)


@pytest.mark.parametrize(
    ("arm", "given", "why"),
    [
        (UNAIDED, {"choices": {"confidence": "6"}}, "not offered"),
        (UNAIDED, {"choices": {"confidence": 4}}, "not offered"),
        (UNAIDED, {"choices": {"on_lesions": "yes"}}, "not offered"),
        (UNAIDED, {"choices": []}, "not offered"),
        (UNAIDED, {"choices": {"confidence": ["4"]}}, "not offered"),
        (UNAIDED, {"seconds": -1}, "no time"),
        (UNAIDED, {"seconds": float("nan")}, "no time"),
        (UNAIDED, {"seconds": "1"}, "no time"),
        (UNAIDED, {"done": True}, "not answered"),
        ("map1", {"choices": {"confidence": "4"}, "done": True}, "not answered"),
        ("map1", {"drawing": [SQUARE.to_dict()]}, "where no map is shown"),
        (UNAIDED, {"drawing": 1}, "no list"),
    ],
)
def test_what_makes_no_sense_is_refused(arm: str, given: dict[str, object], why: str) -> None:
    with pytest.raises(DataError, match=why):
        read_answer(given, arm)


def test_answers_survive_in_files_of_their_own(study: Study) -> None:
    answers = enrol(study, "Ann")
    one = next(each for each in readings(answers) if each.arm == UNAIDED)
    answers.write(one, answered(UNAIDED, 5, draws=True), MONDAY)
    (path,) = (study.folder / "answers" / "r1").glob("s*.json")
    assert path.name == f"s{one.session}-{one.case}.json"
    kept = enrol(study, "Ann").of(one)
    assert kept is not None
    assert (kept.drawing, kept.choices, kept.saved) == ((SQUARE,), {"confidence": "5"}, "2026-03-02T09:00:00+00:00")
    path.write_text(path.read_text(encoding="utf-8").replace('"5"', '"9"'), encoding="utf-8")
    with pytest.raises(DataError, match=r"damaged .*; remove it: the case is then read again"):
        enrol(study, "Ann").of(one)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="no JSON"):
        enrol(study, "Ann").of(one)


@pytest.mark.parametrize("name", ["", "  ", "a" * 61, "a\x00b"])
def test_a_reader_has_a_name(study: Study, name: str) -> None:
    with pytest.raises(DataError, match="--reader"):
        enrol(study, name)
