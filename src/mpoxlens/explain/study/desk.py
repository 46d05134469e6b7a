"""What the page shows one reader and takes from them, as plain objects; no HTTP in here."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mpoxlens.errors import DataError
from mpoxlens.explain.study.answers import Answer, Answers, read_answer
from mpoxlens.explain.study.plan import Reading, sessions
from mpoxlens.explain.study.questions import UNAIDED, asked
from mpoxlens.screening.terminal import percent

Shown = dict[str, Any]  # what goes to the page as JSON


def _now() -> datetime.datetime:
    return datetime.datetime.now(tz=datetime.UTC)


class Desk:
    """One reader at one study. Readings come in the order of the plan, and none is skipped.

    Args:
        answers: the reader's.
        now: gives the time, for the wash-out between sessions.
    """

    def __init__(self, answers: Answers, now: Callable[[], datetime.datetime] = _now) -> None:
        self.study, self._answers, self._now = answers.study, answers, now
        self._sessions = sessions(self.study.blocks, self.study.arms, answers.number, self.study.seed)
        self._cases = {case.id: case for case in self.study.cases}
        self._lock = threading.RLock()  # the page's requests come in threads

    def view(self, at: int | None = None) -> Shown:
        """Return one reading of the open session, the first that is not done when none is asked for; `at` is from 0."""
        with self._lock:
            session = self._open()
            shown: Shown = {
                "reader": self._answers.id,
                "session": session + 1,
                "sessions": len(self._sessions),
                "state": "finished" if session == len(self._sessions) else "reading",
                "reading": None,
            }
            if shown["state"] == "finished":
                return shown
            opens = self._opens(session)
            if opens and opens > self._now():
                return shown | {"state": "closed", "opens": opens.date().isoformat()}
            first = self._first(session)
            at = first if at is None else max(0, min(at, first))
            shown |= {"at": at, "of": len(self._sessions[session]), "done": first}
            return shown | {"reading": self._shown(self._sessions[session][at], f"{session + 1}/{at}")}

    def answer(self, given: Mapping[str, Any]) -> Shown:
        """Keep what was answered and return what follows: the next reading when this one is done, else the same.

        Raises:
            DataError: the page shows another session or a reading that is not open yet, or the answer makes no sense.
            MpoxlensError: it could not be written.
        """
        with self._lock:
            session, at = _whole(given, "session") - 1, _whole(given, "at")
            reading = self._reading(session, at)
            content = given.get("answer")
            if not isinstance(content, dict):
                raise DataError("answer", "none is given", "look at the page anew")
            answer: Answer = read_answer(content, reading.arm)
            self._answers.write(reading, answer, self._now())
            return self.view() if answer.done else self.view(at)

    def photo(self, session: int, at: int) -> Path:
        """Return the photograph of an open reading. DataError when it is not open."""
        return self.study.photo(self._reading(session - 1, at).case)

    def picture(self, session: int, at: int) -> Path:
        """Return the map of an open aided reading. DataError when it is not open, or has none."""
        reading = self._reading(session - 1, at)
        if reading.arm == UNAIDED:
            raise DataError("map", "this reading has none", "look at the page anew")
        return self.study.picture(reading.case, reading.arm)

    def _reading(self, session: int, at: int) -> Reading:
        with self._lock:
            view = self.view(at)
            if view["state"] != "reading" or view["session"] - 1 != session or view["at"] != at:
                raise DataError("this page", "it does not show what is to be read now", "look at it anew")
            return self._sessions[session][at]

    def _open(self) -> int:
        """The first session in which something is left to be read; all of them when nothing is."""
        left = (i for i, readings in enumerate(self._sessions) if self._first(i) < len(readings))
        return next(left, len(self._sessions))

    def _first(self, session: int) -> int:
        """How many readings of a session are done, from its beginning."""
        readings = self._sessions[session]
        return next((i for i, one in enumerate(readings) if not self._done(one)), len(readings))

    def _done(self, reading: Reading) -> bool:
        answer = self._answers.of(reading)
        return answer is not None and answer.done

    def _opens(self, session: int) -> datetime.datetime | None:
        """When a session opens: the wash-out after the last answer of the one before."""
        if session == 0:
            return None
        saved = [answer.saved for one in self._sessions[session - 1] if (answer := self._answers.of(one))]
        last = max(datetime.datetime.fromisoformat(each) for each in saved)
        return last + datetime.timedelta(days=self.study.washout_days)

    def _shown(self, reading: Reading, place: str) -> Shown:
        aided, case = reading.arm != UNAIDED, self._cases[reading.case]
        answer = self._answers.of(reading)
        return {
            "photo": f"photo/{place}",
            "map": f"map/{place}" if aided else None,
            "score": percent(case.score) if aided else None,
            "width": case.width,
            "height": case.height,
            "questions": [question.to_dict() for question in asked(reading.arm)],
            "answer": (answer or Answer({})).to_dict(),
        }


def _whole(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(name, "a whole number is needed", "look at the page anew")
    return value
