"""Screenings as they come, or one of all photographs: printed, counted, kept only where a report needs them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mpoxlens.schema import INTENDED_USE, ClinicalInfo, Screening
from mpoxlens.screening import terminal
from mpoxlens.screening.engine import Refused, Screener
from mpoxlens.screening.json_lines import to_line


class PipeConsole(Console):
    """Lets a closed pipe be an error; rich would end the program with exit code 1."""

    def on_broken_pipe(self) -> None:
        """Raise what rich has caught."""
        raise BrokenPipeError


@dataclass
class Tally:
    """What became of the photographs."""

    screened: int = 0
    refused: int = 0
    kept: list[Screening] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # about the refused, where the screenings are kept

    def count(self, found: Screening | Refused, *, keep: bool) -> None:
        """Count one, and keep what a report needs of it."""
        if isinstance(found, Refused):
            self.refused += 1
            self.lines += [str(found.error)] if keep else []
        else:
            self.screened += 1
            self.kept += [found] if keep else []

    @property
    def exit_code(self) -> int:
        """0 when every photograph was screened, 1 when some were, 2 when none was."""
        return 0 if not self.refused else 1 if self.screened else 2


def stream(
    screener: Screener, paths: Iterable[Path | Refused], info: ClinicalInfo, *, as_json: bool, keep: bool
) -> Tally:
    """Screen and print every photograph; the refused ones go to stderr, one line each.

    Args:
        screener: with its bundle.
        paths: taken lazily.
        info: answers that hold for all.
        as_json: print JSON lines instead of text for people.
        keep: keep the screenings for a report.
    """
    source = iter(paths)
    first = list(islice(source, 2))
    tally = Tally()
    out, err = PipeConsole(highlight=False), PipeConsole(stderr=True, highlight=False)
    with _progress(err, len(first) > 1) as advance:
        for found in screener.screen_many(chain(first, source), info):
            advance()
            _show(found, out, err, alone=len(first) == 1, as_json=as_json)
            tally.count(found, keep=keep)
    if len(first) > 1:
        err.print(f"{tally.screened} screened, {tally.refused} refused", soft_wrap=True)
    if len(first) > 1 and not as_json:
        err.print(INTENDED_USE, soft_wrap=True)
    return tally


def stream_together(
    screener: Screener, paths: Iterable[Path | Refused], info: ClinicalInfo, *, as_json: bool, keep: bool
) -> Tally:
    """Screen photographs of one person to one result and print it; the arguments are those of `stream`.

    What cannot be read is refused with one line each; the rest is screened without it, and never to "unlikely".
    """
    tally, shots = Tally(), []
    out, err = PipeConsole(highlight=False), PipeConsole(stderr=True, highlight=False)
    with _progress(err, True) as advance:
        for one in screener.examine(paths):
            advance()
            if isinstance(one, Refused):
                _show(one, out, err, alone=True, as_json=as_json)
                tally.count(one, keep=keep)
            else:
                shots.append(one)
    if shots:
        found = screener.conclude(shots, info, unread=tally.refused)
        _show(found, out, err, alone=True, as_json=as_json)
        tally.count(found, keep=keep)
    return tally


def _show(found: Screening | Refused, out: Console, err: Console, *, alone: bool, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(to_line(found) + "\n")
        sys.stdout.flush()
    elif not isinstance(found, Refused):
        terminal.show(found, out) if alone else terminal.show_line(found, out)
    if isinstance(found, Refused):
        err.print(f"mpoxlens: {found.error}", markup=False, soft_wrap=True)


@contextmanager
def _progress(console: Console, several: bool) -> Iterator[Callable[[], None]]:
    """Give what counts one photograph on; shown only for several photographs, and where a person may look."""
    if not (several and console.is_terminal and not sys.stdout.isatty()):
        yield lambda: None
        return
    columns = (SpinnerColumn(), TextColumn("screening"), TextColumn("{task.completed:.0f} photos"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("screening", total=None)
        yield lambda: progress.advance(task)
