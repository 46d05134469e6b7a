"""A screening on the terminal: the decision, the chance with its interval as a bar, why, and what to do next."""

from __future__ import annotations

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mpoxlens.schema import INTENDED_USE, Decision, Interval, Screening

CELLS = 50  # of the bar; one is 2 %
COLOURS = {Decision.LIKELY: "red", Decision.UNLIKELY: "green", Decision.CANNOT_TELL: "yellow"}
ASCII = str.maketrans("·━┃●×", ".=|ox")  # for a terminal that cannot show the others
WIDTH = 88  # of the panel at most; longer lines are hard to read


def show(found: Screening, console: Console) -> None:
    """Print one screening."""
    colour = COLOURS[found.decision]
    bullet = "•" if _speaks_unicode(console) else "*"
    reasons = [Text(f"{bullet} {reason.text}") for reason in found.reasons]
    body = Group(
        Text(found.decision.value.upper(), style=f"bold {colour}"),
        Text(""),
        _numbers(found, console),
        Text(""),
        *reasons,
        Text(""),
        Text("Next: " + found.next_step, style="bold"),
    )
    width = min(WIDTH, console.width)
    console.print(Panel(body, title=escape(found.file), title_align="left", border_style=colour, width=width))
    console.print(Text(INTENDED_USE, style="dim"))


def show_line(found: Screening, console: Console) -> None:
    """Print one screening of many as one line."""
    line = Text(f"{found.decision.value:14}", style=COLOURS[found.decision])
    line.append(f"{percent(found.probability):>8}  ", style="default").append(found.file, style="default")
    if found.decision is Decision.CANNOT_TELL:
        line.append(f"  ({found.reasons[0].text})", style="dim")
    console.print(line, soft_wrap=True)


def bar(probability: float, interval: Interval, operating_point: float) -> str:
    """Return a bar from 0 to 100 %: the estimate ●, its interval ━, the operating point ┃."""
    cells = ["·"] * CELLS
    for n in range(_cell(interval.low), _cell(interval.high) + 1):
        cells[n] = "━"
    cells[_cell(operating_point)] = "┃"
    cells[_cell(probability)] = "●"
    return "".join(cells)


def percent(probability: float) -> str:
    """Return whole per cent; a model is never said to be certain."""
    whole = round(100 * probability)
    return "< 1 %" if whole < 1 else "> 99 %" if whole > 99 else f"{whole} %"


def _speaks_unicode(console: Console) -> bool:
    return console.encoding.startswith("utf")


def _cell(probability: float) -> int:
    return min(CELLS - 1, int(probability * CELLS))


def _chance(probability: float, interval: Interval) -> str:
    return f"{percent(probability)}  (95 % interval {percent(interval.low)} to {percent(interval.high)})"


def _numbers(found: Screening, console: Console) -> Table:
    """Return the chance, photo alone and with the answers, and what each answer does."""
    grid = Table.grid(padding=(0, 2))
    grid.add_row("chance of mpox", _chance(found.probability, found.interval))
    drawn = bar(found.probability, found.interval, found.operating_point)
    line = f'┃ the line for "likely": {percent(found.operating_point)}'
    table = {} if _speaks_unicode(console) else ASCII
    grid.add_row("", f"{drawn}\n{line}".translate(table))
    if found.history.evidence:
        grid.add_row("photo alone", _chance(found.photo_probability, found.photo_interval))
    times = "×".translate(table)
    for item in found.history.evidence:
        answer = "yes" if item.answer else "no"
        grid.add_row("", Text(f"odds {times} {item.likelihood_ratio:.2f}  {item.finding}: {answer}", style="dim"))
    if found.history.answered:
        case = {True: "met", False: "not met", None: "unknown"}[found.history.suspected_case]
        grid.add_row("WHO suspected", case)
    else:
        grid.add_row("answers", Text("none were given: this is the photo alone", style="dim"))
    return grid
