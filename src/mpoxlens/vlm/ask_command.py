"""`mpoxlens ask`: questions about photographs, answered on the terminal or as JSON lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mpoxlens.errors import MissingExtraError, MpoxlensError, PhotoError
from mpoxlens.photo import SUFFIXES
from mpoxlens.schema import INTENDED_USE, ClinicalInfo
from mpoxlens.screening.engine import Refused
from mpoxlens.screening.files import expand, require_some
from mpoxlens.screening.history import read_history
from mpoxlens.screening.stream import Tally
from mpoxlens.screening.terminal import percent
from mpoxlens.vlm.answer_json import to_line
from mpoxlens.vlm.talk import DIAGNOSIS, Answer, Talk, check_question

if TYPE_CHECKING:
    from mpoxlens.vlm.asking import Assistant


def divided(names: Sequence[str]) -> tuple[list[str], str]:
    """Return the photographs and the question: the last name, where it reads like one and no such file exists."""
    *photos, last = names
    asked = not last or " " in last.strip() or last.endswith("?")
    # Path.exists would raise for a name that is too long.
    if asked and Path(last).suffix.lower() not in SUFFIXES and not os.path.exists(last):  # noqa: PTH110
        return photos, last
    return list(names), DIAGNOSIS


def command(
    names: Sequence[str],
    history: Path | None,
    *,
    adapter: Path | None,
    skin: str | None,
    offline: bool,
    as_json: bool,
) -> int:
    """Answer the question about each photograph and return the exit code.

    Args:
        names: photographs, folders and patterns, and perhaps a question at the end.
        history: answers that hold for all photographs.
        adapter: the folder of one; the shipped one when None.
        skin: file of another skin expert.
        offline: never download.
        as_json: print JSON lines instead of text for people.

    Raises:
        MpoxlensError: what makes every answer impossible, before anything is loaded or downloaded.
    """
    photos, question = divided(names)
    check_question(question)
    if not photos:
        raise MpoxlensError("the photos", "none is named, only a question", "name photos before the question")
    require_some(photos)
    info = read_history(history) if history else ClinicalInfo()
    from mpoxlens.vlm.asking import Assistant

    assistant = Assistant.load(adapter, skin=skin, offline=offline, say=lambda line: click.echo(line, err=True))
    return _each(assistant, expand(photos), info, question, as_json=as_json).exit_code


def _each(
    assistant: Assistant, paths: Iterable[Path | Refused], info: ClinicalInfo, question: str, *, as_json: bool
) -> Tally:
    source, tally = iter(paths), Tally()
    first = list(islice(source, 2))
    alone = len(first) == 1
    for found in _talks(assistant, chain(first, source), info):
        if isinstance(found, Refused):
            _refused(found, as_json=as_json)
            tally.refused += 1
            continue
        _answered(found, question, as_json=as_json, titled=not alone)
        tally.screened += 1
        if alone and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
            _follow_up(found)
    if not alone:
        click.echo(f"{tally.screened} answered, {tally.refused} refused", err=True)
    if not as_json:
        click.echo(INTENDED_USE, err=True)
    return tally


def _talks(assistant: Assistant, paths: Iterable[Path | Refused], info: ClinicalInfo) -> Iterator[Talk | Refused]:
    for path in paths:
        if isinstance(path, Refused):
            yield path
            continue
        try:
            talk = assistant.about_photo(path, info)
        except (PhotoError, MissingExtraError) as error:
            yield Refused(str(path), error)
        else:
            yield talk


def _refused(found: Refused, *, as_json: bool) -> None:
    if as_json:
        click.echo(to_line(found))
    click.echo(f"mpoxlens: {found.error}", err=True)


def _answered(talk: Talk, question: str, *, as_json: bool, titled: bool) -> None:
    if as_json:
        click.echo(to_line(talk.ask(question)))
        return
    if titled:
        click.echo(f"{talk.found.file}:")
    text = _said(talk, question)
    click.echo(_numbers(talk.answer(question, text)))
    if titled:
        click.echo()


def _said(talk: Talk, question: str) -> str:
    """Print an answer as it comes, and return it."""
    pieces = []
    for piece in talk.stream(question):
        click.echo(piece, nl=False)
        sys.stdout.flush()
        pieces.append(piece)
    click.echo()
    return "".join(pieces)


def _numbers(found: Answer) -> str:
    if found.probability is None or found.interval is None:
        return f"decision: {found.decision}"
    span = f"95 % interval {percent(found.interval.low)} to {percent(found.interval.high)}"
    fits = ", ".join(found.prediction_set) or "nothing"
    return f"decision: {found.decision}; chance of mpox {percent(found.probability)} ({span}); fits: {fits}"


def _follow_up(talk: Talk) -> None:
    """Ask for more questions about the same photograph and answers; an empty line or the end of input ends it."""
    click.echo("Ask more, or press Enter to end.", err=True)
    while question := _typed():
        try:
            _said(talk, question)
        except MpoxlensError as error:
            click.echo(f"mpoxlens: {error}", err=True)


def _typed() -> str:
    click.echo("> ", err=True, nl=False)
    return sys.stdin.readline().strip()
