"""The decisions of one reviewer while they are made: each is written at once, and can be taken back."""

from __future__ import annotations

import datetime
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.review.texts import one_line, tidy_box
from mpoxlens.datasets.reviews import VERDICTS, Review, read_reviews, write_reviews
from mpoxlens.errors import DataError

SAME_SCENE = "same_scene"


class ChangedError(DataError):
    """The decisions file is not as it was last read: nothing was written."""


class StaleError(DataError):
    """The page does not show the decisions as they are: nothing was written."""


@dataclass(frozen=True)
class Change:
    """What one action takes out of the file, and what it puts in."""

    removed: tuple[Review, ...]
    added: tuple[Review, ...]

    @property
    def sha256(self) -> str:
        """One of the photographs concerned."""
        return (*self.added, *self.removed)[0].sha256

    def reversed(self) -> Change:
        """The change that takes this one back."""
        return Change(self.added, self.removed)


def _today() -> str:
    return datetime.datetime.now(tz=datetime.UTC).astimezone().date().isoformat()


class Session:
    """One reviewer at one decisions file.

    The file holds what was decided at every moment: it is replaced whole with each action, so an action that cannot be
    written did not happen. What can be undone is what was done since the file was opened. Flags, groups, cuts and boxes
    of other reviewers in the file stay as they are; their verdicts belong into files of their own.

    Args:
        path: the decisions file, which need not exist.
        reviewer: the name that the lines get.
        today: gives the date that they get, year-month-day.

    Raises:
        DataError: the file cannot be used or holds verdicts of another reviewer, or the name cannot stand in it.
    """

    def __init__(self, path: Path, reviewer: str, today: Callable[[], str] = _today) -> None:
        if not reviewer.strip() or not reviewer.isprintable():
            raise DataError(f"--reviewer {reviewer!r}", "a name is needed that can stand in the file", "name yourself")
        self.path, self.reviewer, self._today = path, reviewer.strip(), today
        self.lock = threading.RLock()  # the page's requests come in threads
        self.reload()

    def reload(self) -> None:
        """Read the file again; what was done before can no longer be undone."""
        with self.lock:
            digest = _digest(self.path)
            reviews = read_reviews(self.path) if digest else []
            self._check_own(reviews)
            self._digest = digest  # of what was read: a file that is refused above cannot be replaced later
            self._lines: dict[str, list[Review]] = {}
            for review in reviews:
                self._lines.setdefault(review.sha256, []).append(review)
            self.judged = {one.sha256 for one in reviews if one.action in VERDICTS}
            self._done: list[Change] = []
            self._undone: list[Change] = []
            self.revision = self._digest

    def reviews(self) -> list[Review]:
        """All lines of the file."""
        return list(chain.from_iterable(self._lines.values()))

    def of(self, sha256: str) -> list[Review]:
        """This reviewer's lines about one photograph."""
        return [one for one in self._lines.get(sha256, ()) if one.reviewer == self.reviewer]

    def verdict(self, sha256: str) -> Review | None:
        """What this reviewer said of it: keep, drop or relabel."""
        return next((one for one in reversed(self.of(sha256)) if one.action in VERDICTS), None)

    def cut(self, shas: Iterable[str]) -> set[frozenset[str]]:
        """The pairs that somebody said are apart, of these photographs."""
        lines = chain.from_iterable(self._lines.get(sha, ()) for sha in shas)
        return {frozenset((one.sha256, one.value)) for one in lines if one.action == "apart"}

    def judge(self, shas: Iterable[str], action: str, value: str = "", reason: str = "") -> Change | None:
        """Give photographs a verdict in the place of an earlier one; what has this verdict already stays."""
        removed, added = [], []
        for sha in shas:
            verdict = self._review(sha, action, value, reason)
            earlier = [one for one in self.of(sha) if one.action in VERDICTS]
            if [replace(one, date=verdict.date) for one in earlier] != [verdict]:
                removed += earlier
                added.append(verdict)
        return self._do(removed, added)

    def flag(self, shas: Sequence[str], name: str) -> Change | None:
        """Flag photographs, or take this flag from them when all have it."""
        having = [one for sha in shas for one in self.of(sha) if one.action == "flag" and one.reason == name]
        if {one.sha256 for one in having} >= set(shas):
            return self._do(having, [])
        known = {one.sha256 for one in having}
        return self._do([], [self._review(sha, "flag", "", name) for sha in shas if sha not in known])

    def together(self, shas: Sequence[str]) -> Change | None:
        """Say that these show one person or scene; groups that one of them was in are joined."""
        chosen = set(shas)
        if len(chosen) < 2:
            raise DataError("group", "it takes two photographs at least", "tick them with the space bar first")
        cut = [one for sha in chosen for one in self.of(sha) if one.action == "apart" and one.value in chosen]
        names = {one.value for sha in chosen for one in self.of(sha) if one.action == "group"}
        name = min(names, default=f"scene-{min(chosen)[:8]}")
        joined = [one for one in self.reviews() if self._mine(one, "group") and one.value in names]
        there = {one.sha256 for one in joined if one.value == name}
        wanted = sorted((chosen | {one.sha256 for one in joined}) - there)
        renamed = [one for one in joined if one.value != name]
        return self._do([*renamed, *cut], [self._review(sha, "group", name, SAME_SCENE) for sha in wanted])

    def apart(self, shas: Iterable[str], links: Iterable[Link]) -> Change | None:
        """Cut all links between these photographs and others, and take them out of the groups they were put in."""
        chosen = set(shas)
        grouped = [one for sha in chosen for one in self.of(sha) if one.action == "group"]
        ends = [(x.a, x.b) if x.a in chosen else (x.b, x.a) for x in links if (x.a in chosen) != (x.b in chosen)]
        cut = self.cut(sha for pair in ends for sha in pair)
        added = [self._review(a, "apart", b, "") for a, b in ends if frozenset((a, b)) not in cut]
        return self._do(grouped, added)

    def hide(self, sha256: str, boxes: Iterable[str]) -> Change | None:
        """Hide faces, each given as left, top, width and height in shares of the sides."""
        known = {one.value for one in self.of(sha256) if one.action == "hide"}
        wanted = dict.fromkeys(tidy_box(text) for text in boxes)
        return self._do([], [self._review(sha256, "hide", text, "face") for text in wanted if text not in known])

    def remove(self, sha256: str, action: str, value: str = "", reason: str = "") -> Change | None:
        """Take one line of this reviewer out of the file."""
        return self._do(
            [one for one in self.of(sha256) if (one.action, one.value, one.reason) == (action, value, reason)], []
        )

    @property
    def steps(self) -> tuple[int, int]:
        """How many actions can be undone, and how many done again."""
        return len(self._done), len(self._undone)

    def undo(self) -> Change | None:
        """Take the last action back, if there is one."""
        return self._step(self._done, self._undone)

    def redo(self) -> Change | None:
        """Do again what was taken back last, if there is anything."""
        return self._step(self._undone, self._done)

    def _step(self, source: list[Change], target: list[Change]) -> Change | None:
        with self.lock:
            if not source:
                return None
            change = source[-1].reversed()
            self._check()
            self._write(change)
            target.append(change)
            source.pop()
            return change

    def _do(self, removed: Sequence[Review], added: Sequence[Review]) -> Change | None:
        both = set(removed) & set(added)
        change = Change(tuple(x for x in removed if x not in both), tuple(x for x in added if x not in both))
        with self.lock:
            self._check()
            if not change.removed and not change.added:
                return None
            self._write(change)
            self._done.append(change)
            self._undone.clear()
            return change

    def _check(self) -> None:
        if _digest(self.path) != self._digest:
            raise ChangedError(str(self.path), "was changed by something else, nothing was written", "read it again")

    def _write(self, change: Change) -> None:
        lines = dict(self._lines)
        changed = {one.sha256 for one in (*change.removed, *change.added)}
        for sha in changed:
            gone = Counter(one for one in change.removed if one.sha256 == sha)
            left = []
            for one in lines.get(sha, ()):
                gone[one] -= 1
                if gone[one] < 0:
                    left.append(one)
            lines[sha] = left + [one for one in change.added if one.sha256 == sha]
        write_reviews(chain.from_iterable(lines.values()), self.path)
        self._lines, self._digest = lines, _digest(self.path)
        self.revision = self._digest
        self.judged = (self.judged - changed) | {sha for sha in changed if self.verdict(sha)}

    def _check_own(self, reviews: Iterable[Review]) -> None:
        for one in reviews:
            if one.action in VERDICTS and one.reviewer != self.reviewer:
                why = f"verdicts of {one.reviewer} in {self.reviewer}'s file"
                raise DataError(one.where, why, "use one file a reviewer")

    def _mine(self, review: Review, action: str) -> bool:
        return review.action == action and review.reviewer == self.reviewer

    def _review(self, sha256: str, action: str, value: str, reason: str) -> Review:
        review = Review(sha256, action, one_line(value), one_line(reason), self.reviewer, self._today())
        if (action == "relabel" and not review.value) or (action == "flag" and not review.reason):
            raise DataError(action, "a text is needed", "choose one")
        return review


def _digest(path: Path) -> str:
    """Hash of a file's content, empty when there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "name a decisions file") from None
