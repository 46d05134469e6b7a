"""The leaderboard as one HTML file that asks nothing of the network and holds no script."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from mpoxlens.evaluation.metrics import Figure
from mpoxlens.evaluation.report.draw import interval
from mpoxlens.evaluation.summary import bracketed
from mpoxlens.explain.faithfulness.randomise import MOST_ALIKE
from mpoxlens.explain.leaderboard.rows import Plan
from mpoxlens.explain.leaderboard.rule import ENERGY_GOAL, POINTING_GOAL, RULE
from mpoxlens.explain.methods import METHODS
from mpoxlens.schema import INTENDED_USE
from mpoxlens.screening.output import write_whole
from mpoxlens.screening.report import csp_hash

if TYPE_CHECKING:
    from mpoxlens.explain.leaderboard.run import Board

PLACE = {"hit": "Pointing game", "near": "… within 3 % of the side", "energy": "Energy in the lesions"}
EFFECT = {
    "insertion_less_deletion": "Insertion less deletion, logits",
    "insertion_less_deletion_p": "… P(mpox)",
    "road": "ROAD, logits",
    "road_p": "… P(mpox)",
}
TRUST = {
    "seeds_alike": "Alike over seeds",
    "seeds_deviation": "… deviation",
    "shifts_alike": "Alike over shifts",
    "entropy": "Entropy",
    "gini": "Gini",
    "passes": "Passes",
    "seconds": "Seconds",
}


def write_page(boards: Sequence[Board], plan: Plan, path: Path) -> None:
    """Write the page, whole or not at all. MpoxlensError when it cannot be written."""
    text = _render(boards, plan)
    write_whole(path, lambda part: _write(part, text))


def lead(board: Board) -> list[str]:
    """Say in sentences what the rule says of one network."""
    found, name = board.verdict, board.contender.subject.name
    if found.winner is None or found.pointing is None or found.energy is None:
        return [f"{name}: no map may be shown. None changes enough when the network forgets what it learned."]
    goals = (
        f"On phantoms it points at a lesion in {bracketed(found.pointing.to_dict())} of the pictures (goal "
        f"{POINTING_GOAL:g}) and has {bracketed(found.energy.to_dict())} of its evidence in lesions (goal "
        f"{ENERGY_GOAL:g}): both goals are {'reached' if found.reached else 'not reached'}."
    )
    said = [f"{name}: the map to show is {found.winner}.", goals]
    if not found.shows_lesions:
        said.append("That is no more than a map by chance has: what it shows is true of the network, and no lesion.")
    return said


def ceiling(board: Board) -> str:
    """Say what the coarseness of the network's own map allows, and what chance gives."""
    first = next((one for one in board.phantoms if "ceiling" in one.figures), None)
    if first is None:
        return ""
    cells = board.contender.cells
    return (
        f"Lesions cover {bracketed(first.figures['cover'].to_dict())} of the phantoms, which is what a map by chance "
        f"gets in both measures. No map of {cells} x {cells} cells, smoothed, can have more energy in the lesions than "
        f"{bracketed(first.figures['ceiling'].to_dict())}, however well the network reads."
    )


def _render(boards: Sequence[Board], plan: Plan) -> str:
    page: str = _template().render(
        boards=[_facts(board) for board in boards],
        plan=plan,
        rule=RULE,
        most_alike=MOST_ALIKE,
        columns=PLACE | EFFECT,
        trust=TRUST,
        about={name: one.about for name, one in METHODS.items()},
        intended_use=INTENDED_USE,
    )
    return page


def _facts(board: Board) -> dict[str, Any]:
    return {
        "name": board.contender.subject.name,
        "lead": lead(board),
        "ceiling": ceiling(board),
        "winner": board.verdict.winner,
        "sets": [(name, rows) for name, rows in (("phantoms", board.phantoms), ("photographs", board.photos)) if rows],
        "phantoms": board.phantoms,
        "gallery": _gallery(board),
    }


def _gallery(board: Board) -> list[tuple[str, list[tuple[str, str]]]]:
    """The maps of the first phantoms, one row a phantom: its name, and (method, picture) each."""
    found: dict[str, list[tuple[str, str]]] = {}
    for method, table in board.rows.items():
        for row in table.select(["key", "thumb"]).to_pylist():
            if row["thumb"]:
                uri = f"data:image/png;base64,{base64.b64encode(row['thumb']).decode()}"
                found.setdefault(row["key"], []).append((method, uri))
    return list(found.items())


def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"csp": csp_hash, "told": _told, "scale": _scale}
    source = resources.files("mpoxlens.explain.leaderboard") / "page.html.jinja"
    return page.from_string(source.read_text(encoding="utf-8"))


def _told(figures: Mapping[str, Figure], name: str) -> str:
    return bracketed(figures[name].to_dict()) if name in figures else "–"


def _scale(one: Figure) -> Markup:
    """A correlation on a scale from 0 to 1; the dashed line is what it has to stay below."""
    return interval(one.to_dict(), 0, 1, MOST_ALIKE, bracketed(one.to_dict()))


def _write(part: Path, text: str) -> None:
    part.write_text(text, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
