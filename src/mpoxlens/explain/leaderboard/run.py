"""Methods by networks by pictures: the table that says which map is true enough to be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from mpoxlens import __version__
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.tables import fill, write_table
from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.explain.leaderboard.rows import SCHEMA, Contender, Picture, Plan, measured, phantoms
from mpoxlens.explain.leaderboard.rule import ENERGY_GOAL, POINTING_GOAL, RULE, Standing, Verdict, standings, verdict
from mpoxlens.explain.methods import METHODS
from mpoxlens.explain.subject import TorchSubject
from mpoxlens.screening.output import write_whole

FORMAT = "1"  # of the rows; other ones are measured anew
STEP = 4  # pictures that are lost at most when a run is stopped
NEEDS_TOKENS = "rollout"  # asked for by name only: it reads vision transformers alone


@dataclass(frozen=True, eq=False)
class Board:
    """One network with its rows and what they say."""

    contender: Contender
    rows: Mapping[str, pa.Table]  # by method
    phantoms: Sequence[Standing]
    photos: Sequence[Standing]
    verdict: Verdict


def run(
    contenders: Sequence[Contender],
    methods: Sequence[str],
    plan: Plan,
    out: Path,
    photos: Sequence[Picture] = (),
    tell: Tell = silent,
) -> list[Board]:
    """Measure every method on every network, and write leaderboard.parquet, .json and .html into a folder.

    What an earlier run has measured is not measured again, unless the network, the plan or the version changed.

    Args:
        contenders: the networks.
        methods: names of `METHODS`; () for all that a network allows.
        plan: how much is measured.
        out: the folder.
        photos: pictures beside the phantoms, see `rows.photographs`.
        tell: called with method and network, pictures done and pictures in all.

    Raises:
        DataError: a method is not known, or none can be had for a network.
        MpoxlensError: something cannot be written.
    """
    from mpoxlens.explain.leaderboard.page import write_page

    pictures = [*phantoms(plan.phantoms, plan.seed), *photos]
    boards = []
    for contender in contenders:
        rows = {name: _filled(contender, name, pictures, plan, out, tell) for name in _able(contender, methods)}
        drawn = standings(rows)
        boards.append(Board(contender, rows, drawn, standings(rows, "photo"), verdict(drawn)))
    write_table(_whole(boards), out / "leaderboard.parquet")
    text = json.dumps(content(boards, plan), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(out / "leaderboard.json", lambda part: _write(part, text))
    write_page(boards, plan, out / "leaderboard.html")
    return boards


def content(boards: Sequence[Board], plan: Plan) -> dict[str, Any]:
    """Return what `leaderboard.json` holds."""
    return {
        "rule": RULE,
        "goals": {"hit": POINTING_GOAL, "energy": ENERGY_GOAL},
        "plan": asdict(plan),
        "version": __version__,
        "networks": [
            {
                "network": board.contender.subject.name,
                "winner": board.verdict.winner,
                "shows_lesions": board.verdict.shows_lesions,
                "goals_reached": board.verdict.reached,
                "phantoms": [_told(one) for one in board.phantoms],
                "photos": [_told(one) for one in board.photos],
            }
            for board in boards
        ],
    }


def _told(one: Standing) -> dict[str, Any]:
    return {
        "method": one.method,
        "pictures": one.pictures,
        "sane": one.sane,
        "tied_with_best": one.tied,
        "mean_rank": _dict(one.rank),
        "kept": [{"signed": a.to_dict(), "absolute": b.to_dict()} for a, b in one.kept],
        "figures": {name: value.to_dict() for name, value in one.figures.items()},
        "problems": list(one.problems),
    }


def _dict(one: Figure | None) -> dict[str, float | None] | None:
    return one.to_dict() if one else None


def _able(contender: Contender, methods: Sequence[str]) -> list[str]:
    """The methods that are asked for and that the network allows.

    Raises:
        DataError: one is not known, or none is left.
    """
    from mpoxlens.explain.methods import chosen

    gradients = isinstance(contender.subject, TorchSubject)
    for name in methods:
        chosen(name, None, gradients=True)  # says what is known, or meant
    asked = methods or [name for name in METHODS if name != NEEDS_TOKENS]
    found = [name for name in asked if gradients or METHODS[name].needs == "bundle"]
    if not found:
        why = f"none of {', '.join(asked)} can be had for it"
        raise DataError(contender.subject.name, why, "name the run that it came from with --run, or other --methods")
    return found


def _filled(
    contender: Contender, method: str, pictures: Sequence[Picture], plan: Plan, out: Path, tell: Tell
) -> pa.Table:
    """Bring one method's table to hold all pictures, a few at a time, so that little is lost when it is stopped."""
    path = out / "rows" / _slug(contender.subject.name) / f"{method}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    by_key = {one.key: (one, number) for number, one in enumerate(pictures)}
    keys, stage = list(by_key), f"{method} on {contender.subject.name}"

    def row(key: str) -> Mapping[str, Any]:
        picture, number = by_key[key]
        return measured(contender, method, picture, number, plan)

    table, there = SCHEMA.empty_table(), _there(path)
    for end in _steps(len(keys)):
        if end <= there and end < len(keys):
            continue  # a table that is filled with fewer keys loses the rest
        table = fill(path, keys[:end], row, SCHEMA, version=_version(contender, plan), stage=stage)
        tell(stage, end, len(keys))
    return table


def _there(path: Path) -> int:
    """How many rows an earlier run has left."""
    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def _steps(count: int) -> Iterator[int]:
    yield from range(STEP, count, STEP)
    yield count


def _version(contender: Contender, plan: Plan) -> str:
    """What rows depend on besides their picture; how many pictures there are is not of it."""
    about = asdict(plan)
    for name in ("phantoms", "photos"):
        del about[name]
    return json.dumps([FORMAT, __version__, contender.subject.name, about])


def _whole(boards: Sequence[Board]) -> pa.Table:
    """All rows with their network and method, without the little pictures."""
    found = []
    for board in boards:
        for method, table in board.rows.items():
            for name, value in (("method", method), ("network", board.contender.subject.name)):
                table = table.add_column(0, name, pa.array([value] * len(table), pa.string()))
            found.append(table.drop_columns(["thumb"]).replace_schema_metadata(None))
    return pa.concat_tables(found)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", name).strip("-")


def _write(part: Path, text: str) -> None:
    part.write_text(text, encoding="utf-8", newline="\n")
