"""Reviewers' decisions: a small CSV of hashes and verdicts, kept under version control and applied to a manifest."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.tables import write_csv
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

VERDICTS = ("keep", "drop", "relabel")  # one of them a photograph and reviewer; the last one given holds
ACTIONS = (*VERDICTS, "flag", "group", "apart", "hide")
EITHER = ("group", "hide")  # what one reviewer's word is enough for: a group too many costs little, a leak more
COLUMNS = ("sha256", "action", "value", "reason", "reviewer", "date")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
SHOWN = 12  # line numbers in a message


@dataclass(frozen=True)
class Review:
    """One reviewer's decision about one photograph."""

    sha256: str
    action: str  # of ACTIONS
    value: str
    """relabel: the new label. group: the name that photographs of one person or scene share. apart: the sha256 of the
    photograph that it was linked to by mistake. hide: left, top, width, height of a face, as shares of the sides."""
    reason: str
    reviewer: str
    date: str  # year-month-day
    where: str = field(default="", compare=False)  # file:line


def read_reviews(path: Path) -> list[Review]:
    """Read a decisions file.

    Raises:
        DataError: by file and line, what cannot be used.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
            rows = csv.DictReader(lines)
            if rows.fieldnames != list(COLUMNS):
                raise DataError(f"{path}:1", "its columns are others", f"write: {','.join(COLUMNS)}")
            return _one_verdict_each([_review(row, f"{path}:{rows.line_num}") for row in rows])
    except csv.Error as error:
        raise DataError(f"{path}:{rows.line_num}", f"no readable CSV ({error})", "correct the line") from None
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "name a decisions file") from None


def _one_verdict_each(reviews: list[Review]) -> list[Review]:
    first: dict[str, Review] = {}
    for review in reviews:
        if review.action in VERDICTS and first.setdefault(review.sha256, review) is not review:
            why = f"a second verdict on one photograph: the first is at {first[review.sha256].where}"
            raise DataError(review.where, why, "keep one of the two lines, and one file a reviewer")
    return reviews


def write_reviews(reviews: Iterable[Review], path: Path) -> None:
    """Write a decisions file, whole or not at all, in an order that makes small differences."""
    ordered = sorted(reviews, key=lambda r: (r.sha256, ACTIONS.index(r.action), r.value, r.reason, r.reviewer))
    write_csv(COLUMNS, map(attrgetter(*COLUMNS), ordered), path)


def _review(row: dict[str, str], where: str) -> Review:
    if set(row) != set(COLUMNS) or None in row.values():
        raise DataError(where, "it has more or fewer cells than the first line", f"write: {','.join(COLUMNS)}")
    review = Review(**row, where=where)
    if not _DATE.fullmatch(review.date):
        raise DataError(where, f"{review.date!r} is no date", "write year-month-day, as 2026-01-31")
    if review.action not in ACTIONS:
        raise DataError(where, f"action {review.action!r} is unknown", f"use {', '.join(ACTIONS)}")
    if not _fits(review):
        raise DataError(where, f"{review.action} with value {review.value!r} says nothing", _WANTED[review.action])
    return review


_WANTED = {
    "relabel": "give the new label as value",
    "flag": "give the flag as reason",
    "group": "give the name of the person or scene as value",
    "apart": "give the sha256 of the other photograph as value",
    "hide": "give left, top, width and height as value, shares of the sides from 0 to 1",
}


def _fits(review: Review) -> bool:
    if review.action == "hide":
        return box(review.value) is not None
    if review.action == "flag":
        return bool(review.reason)
    return bool(review.value) or review.action in ("keep", "drop")


def box(value: str) -> tuple[float, float, float, float] | None:
    """Return left, top, width and height as shares of the sides, or None when the text is no such box."""
    try:
        left, top, width, height = (float(part) for part in value.split())
    except ValueError:
        return None
    inside = 0 <= left < 1 and 0 <= top < 1 and 0 < width <= 1 and 0 < height <= 1
    return (left, top, width, height) if inside else None


def settled(reviews: Sequence[Review]) -> list[Review]:
    """Return the decisions without the verdicts that a later one replaced."""
    last = {review.sha256: review for review in reviews if review.action in VERDICTS}
    return [r for r in reviews if r.action not in VERDICTS or last[r.sha256] is r]


def apply_verdicts(records: Iterable[ImageRecord], reviews: Sequence[Review]) -> list[ImageRecord]:
    """Return the photographs that are kept, with the labels that reviewers gave; the last verdict holds."""
    verdict = {review.sha256: review for review in settled(reviews) if review.action in VERDICTS}
    kept = []
    for record in records:
        given = verdict.get(record.sha256)
        if given is None or given.action == "keep":
            kept.append(record)
        elif given.action == "relabel":
            kept.append(replace(record, label=given.value))
    return kept


def flags_of(reviews: Sequence[Review]) -> dict[str, frozenset[str]]:
    """Return the flags that reviewers gave, by sha256."""
    flags: dict[str, set[str]] = {}
    for review in reviews:
        if review.action == "flag":
            flags.setdefault(review.sha256, set()).add(review.reason)
    return {sha: frozenset(names) for sha, names in flags.items()}


def reviewed_links(links: Sequence[Link], reviews: Sequence[Review]) -> list[Link]:
    """Return the links without those that a reviewer cut, and with those between what a reviewer put together."""
    cut = {frozenset((r.sha256, r.value)) for r in reviews if r.action == "apart"}
    named: dict[tuple[str, str], list[str]] = {}
    for review in reviews:
        if review.action == "group":
            named.setdefault((review.reviewer, review.value), []).append(review.sha256)
    seen = [Link(a, b, "reviewer", 0, 0.0) for shas in named.values() for a, b in pairwise(sorted(set(shas)))]
    return [link for link in links if frozenset((link.a, link.b)) not in cut] + seen


def unknown(records: Iterable[ImageRecord], reviews: Sequence[Review]) -> list[DataError]:
    """Return one error a decisions file that names photographs which are not there."""
    known = {record.sha256 for record in records}
    lines: dict[str, list[str]] = {}
    for review in reviews:
        if review.sha256 not in known or (review.action == "apart" and review.value not in known):
            file, _, line = review.where.rpartition(":")
            lines.setdefault(file, []).append(line)
    return [
        DataError(
            f"{file}:{','.join(found[:SHOWN])}{',...' if len(found) > SHOWN else ''}",
            f"{len(found)} decisions name photographs that are not in this data set",
            "they are passed over; check that this is the file that you meant",
        )
        for file, found in lines.items()
    ]


def common(a: Sequence[Review], b: Sequence[Review]) -> list[Review]:
    """Return what two reviewers may be taken to agree on; the rest waits for a third reading.

    Verdicts, flags and cut links count when both gave them; who belongs together and which face is to be hidden count
    when either saw it.
    """
    given = {_key(review) for review in settled(a)} & {_key(review) for review in settled(b)}
    names = "+".join(sorted({review.reviewer for review in (*a, *b)}))
    both = {_key(r): replace(r, reviewer=names) for r in settled(a) if _key(r) in given and r.action not in EITHER}
    either = [replace(r, reviewer=names, value=_own(r)) for r in (*a, *b) if r.action in EITHER]
    return [*both.values(), *either]


def _key(review: Review) -> tuple[str, ...]:
    reason = review.reason if review.action == "flag" else ""  # two may drop one photograph for different reasons
    sha256, value = review.sha256, review.value
    if review.action == "apart":  # whichever of the two was marked
        sha256, value = min(sha256, value), max(sha256, value)
    return (sha256, review.action, value, reason)


def _own(review: Review) -> str:
    """Two reviewers' scene 1 are two scenes."""
    return f"{review.reviewer} {review.value}" if review.action == "group" else review.value
