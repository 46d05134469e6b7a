"""What one reader answered: one small file a reading, written whole at every answer."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.explain.study.drawing import Shape, read_shapes
from mpoxlens.explain.study.folder import FORMAT, Study, read_json, write_json
from mpoxlens.explain.study.plan import Reading
from mpoxlens.explain.study.questions import UNAIDED, asked
from mpoxlens.screening.output import unwritten

LONGEST_NAME = 60
LONGEST_TIME = 24 * 3600.0  # seconds; a page that was left open says nothing of reading
Now = datetime.datetime


@dataclass(frozen=True)
class Answer:
    """What a reader said of one case in one arm, so far."""

    choices: Mapping[str, str]  # by the question's name
    drawing: tuple[Shape, ...] = ()  # of the lesions; empty when none was drawn
    seconds: float = 0.0  # from the photograph's appearing to the last needed answer
    done: bool = False
    revised: int = 0  # how often it was altered after it was done
    saved: str = ""  # when, ISO 8601 in UTC

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is kept."""
        shapes = [shape.to_dict() for shape in self.drawing]
        return {**vars(self), "choices": dict(self.choices), "drawing": shapes}


def read_answer(given: Mapping[str, Any], arm: str) -> Answer:
    """Read what the page sends or a file holds.

    Raises:
        DataError: a choice that is not offered in this arm, or it is said to be done while a choice is missing.
    """
    offered = {question.name: {value for value, _ in question.options} for question in asked(arm)}
    choices, seconds, done = given.get("choices", {}), given.get("seconds", 0.0), given.get("done", False)
    if not isinstance(choices, dict) or any(
        not isinstance(value, str) or value not in offered.get(name, ()) for name, value in choices.items()
    ):
        raise DataError("choices", "one of them is not offered here", "look at the page anew")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise DataError("seconds", "no time", "look at the page anew")
    if done is True and choices.keys() != offered.keys():
        raise DataError("this reading", "a question is not answered", "answer all of them")
    drawing = read_shapes(given.get("drawing", ()))
    if drawing and arm != UNAIDED:  # who sees the map draws what the map shows
        raise DataError("drawing", "lesions are drawn where no map is shown", "draw them in a reading without the map")
    return Answer(choices, drawing, round(min(seconds, LONGEST_TIME), 1), done is True)


class Answers:
    """One reader's answers in a study's folder."""

    def __init__(self, study: Study, number: int) -> None:
        self.study, self.number, self.id = study, number, f"r{number + 1}"
        self._folder = _folder(study, number)
        self._known: dict[Reading, Answer] = {}

    def of(self, reading: Reading) -> Answer | None:
        """Return what was answered so far. DataError when the file is damaged."""
        if reading not in self._known:
            path = self._path(reading)
            if not path.exists():
                return None
            data = read_json(path)
            try:
                found = read_answer(data, reading.arm)
                saved = datetime.datetime.fromisoformat(data["saved"]).isoformat()
                self._known[reading] = replace(found, revised=int(data["revised"]), saved=saved)
            except (DataError, KeyError, TypeError, ValueError) as error:
                raise DataError(str(path), f"damaged ({error})", "remove it: the case is then read again") from None
        return self._known[reading]

    def write(self, reading: Reading, answer: Answer, now: Now) -> None:
        """Keep an answer in the place of an earlier one. MpoxlensError when it cannot be written."""
        earlier = self.of(reading)
        finished = earlier is not None and earlier.done
        changed = earlier is not None and (earlier.choices, earlier.drawing) != (answer.choices, answer.drawing)
        revised = (earlier.revised if earlier else 0) + (finished and changed)
        kept = replace(
            answer,
            done=answer.done or finished,
            revised=revised,
            seconds=earlier.seconds if earlier and finished else answer.seconds,
            saved=now.astimezone(datetime.UTC).isoformat(timespec="seconds"),
        )
        about = {"format": FORMAT, "session": reading.session, "case": reading.case, "arm": reading.arm}
        write_json(self._path(reading), {**about, **kept.to_dict()})
        self._known[reading] = kept

    def _path(self, reading: Reading) -> Path:
        return self._folder / f"s{reading.session}-{reading.case}.json"


def enrol(study: Study, name: str) -> Answers:
    """Return a reader's answers; a name that is new gets the next number.

    Raises:
        DataError: the name cannot stand in a file.
        MpoxlensError: the folder cannot be written.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise DataError(
            f"--reader {name!r}", f"a name or code of 1 to {LONGEST_NAME} letters is needed", "name yourself"
        )
    number = 0
    while True:
        folder = _folder(study, number)
        try:
            folder.mkdir(parents=True)  # only one of two that enrol at once succeeds
        except FileExistsError:
            if _name(folder) == name.casefold():
                return Answers(study, number)
            number += 1
        except OSError as error:
            raise unwritten(folder, error) from None
        else:
            write_json(folder / "reader.json", {"format": FORMAT, "name": name})
            return Answers(study, number)


def enrolled(study: Study) -> list[Answers]:
    """Return all readers, by number."""
    found: list[Answers] = []
    while _folder(study, len(found)).is_dir():
        found.append(Answers(study, len(found)))
    return found


def _folder(study: Study, number: int) -> Path:
    return study.folder / "answers" / f"r{number + 1}"


def _name(folder: Path) -> str:
    try:
        return str(read_json(folder / "reader.json").get("name", "")).casefold()
    except MpoxlensError:  # stopped between making the folder and naming it: the number stays unused
        return ""
