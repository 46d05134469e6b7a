"""How far long work has come: a bar a stage on a terminal, a line every tenth in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Tell = Callable[[str, int, int], None]  # stage, steps done, steps in all


def silent(_stage: str, _done: int, _of: int) -> None:
    """Show no progress."""


def counted(tell: Tell, stage: str, of: int) -> Tell:
    """Return a teller for `of` pieces of work that are one stage: a step of it for each that is through."""
    through = 0

    def step(_stage: str, done: int, parts: int) -> None:
        nonlocal through
        through += done == parts
        tell(stage, through, of)

    return step


@contextmanager
def progress() -> Iterator[Tell]:
    """Show on stderr what is told."""
    # Labels and file names may hold square brackets, which rich would take for its markup.
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, markup=False)) as bars:
        yield _teller(bars)


def _teller(bars: Progress) -> Tell:
    """Return a function that keeps one bar a stage; in a log, where no bar can move, a line every tenth."""
    tasks: dict[str, Any] = {}
    tenths: dict[str, int] = {}

    def tell(stage: str, done: int, of: int) -> None:
        name = stage.split(",")[0]
        if not bars.console.is_terminal:
            if tenths.get(name, 0) < done * 10 // of:
                tenths[name] = done * 10 // of
                bars.console.print(f"{stage}: {done} of {of}", highlight=False)
            return
        if name not in tasks:
            tasks[name] = bars.add_task(stage, total=of)
        bars.update(tasks[name], completed=done, total=of, description=stage)

    return tell
