"""From rows to figures with intervals, and the written rule that names the map that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import Doubles, Figure
from mpoxlens.explain.faithfulness import curves
from mpoxlens.explain.faithfulness.randomise import MOST_ALIKE, passed
from mpoxlens.explain.leaderboard.rows import VALUES

POINTING_GOAL, ENERGY_GOAL = 0.95, 0.6
CRITERIA = ("hit", "energy", "insertion_less_deletion", "road")  # two of place, two of effect; more is better in each
RULE = (
    "A method may be shown if its map changes with what the network has learned: with every kernel shuffled, the mean "
    "size of the rank correlation with the map before must stay below "
    f"{MOST_ALIKE:g} at the upper end of its interval, with the signs of the map and without. Of those, on phantoms, "
    "the best mean rank wins over four measures: pointing game, energy in the lesions, insertion less deletion, and "
    "ROAD. Methods whose mean rank cannot be told from the best (the paired 95 % interval of the difference holds 0) "
    "are tied, and of these the one with the fewest passes wins. The winner is said to show lesions only if its energy "
    "in them lies above that of a map by chance, its whole interval; where it does not, the page has to say so."
)


@dataclass(frozen=True)
class Standing:
    """One method on one network."""

    method: str
    figures: Mapping[str, Figure]  # by column, see `figures_of`
    kept: tuple[tuple[Figure, Figure], ...]  # a depth of the cascade each: size of the correlation, signed and absolute
    sane: bool
    rank: Figure | None  # mean over the criteria, 1 is best; None where it does not take part
    tied: bool  # cannot be told from the best
    pictures: int
    problems: tuple[str, ...]  # why pictures have no figures


@dataclass(frozen=True)
class Verdict:
    """What the rule says of one network."""

    winner: str | None  # None: no method may be shown
    shows_lesions: bool
    pointing: Figure | None
    energy: Figure | None

    @property
    def reached(self) -> bool:
        """Whether both goals are: the value, as for every goal of the project."""
        return (
            self.pointing is not None
            and self.energy is not None
            and self.pointing.value >= POINTING_GOAL
            and self.energy.value >= ENERGY_GOAL
        )


def standings(tables: Mapping[str, pa.Table], kind: str = "phantom") -> list[Standing]:
    """Return the methods of one network in the order of the rule, from their rows of one kind of picture.

    Args:
        tables: by method, as `rows.measured` fills them, all of the same pictures.
        kind: "phantom", or "photo", of which only the figures are given.
    """
    columns = {name: _columns(table, kind) for name, table in tables.items()}
    full = {name: rows for name, rows in columns.items() if len(rows["key"])}
    found = {name: _standing(name, rows) for name, rows in full.items()}
    ranked = _ranked([name for name, one in found.items() if one.sane], full) if kind == "phantom" else {}
    placed = [_placed(one, ranked.get(one.method), tables[one.method]) for one in found.values()]
    missing = [_missing(name, table) for name, table in tables.items() if name not in full]
    return sorted(placed, key=lambda one: (one.rank is None, one.rank.value if one.rank else 0.0)) + missing


def verdict(standing: Sequence[Standing]) -> Verdict:
    """Apply `RULE`."""
    tied = [one for one in standing if one.tied]
    if not tied:
        return Verdict(None, False, None, None)
    best = min(tied, key=lambda one: (one.figures["passes"].value, one.rank.value if one.rank else 0.0))
    lift = best.figures["energy_over_chance"]
    return Verdict(best.method, lift.low > 0, best.figures["hit"], best.figures["energy"])


def figures_of(rows: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the mean of each column with its cluster-bootstrap interval; columns that hold nothing are left out."""
    draws = Draws.of(rows["cluster"])
    found = {name: figure(draws.mean(values, ~np.isnan(values))) for name, values in _values(rows)}
    return {name: one for name, one in found.items() if not np.isnan(one.value)}


def _values(rows: Mapping[str, Any]) -> list[tuple[str, Doubles]]:
    """The columns, and those that are made of them."""
    return [
        *((name, rows[name]) for name in VALUES),
        ("insertion_less_deletion", _gain(rows, "")),
        ("insertion_less_deletion_p", _gain(rows, "_p")),
        ("energy_over_chance", rows["energy"] - rows["cover"]),
    ]


def _gain(rows: Mapping[str, Any], of: str) -> Doubles:
    """Insertion's area less deletion's, the mean over both baselines."""
    each = [rows[f"insertion_{name}{of}"] - rows[f"deletion_{name}{of}"] for name in curves.BASELINES]
    return np.asarray(np.mean(each, axis=0))


def _standing(name: str, rows: Mapping[str, Any]) -> Standing:
    draws = Draws.of(rows["cluster"])
    kept = []
    for level in range(rows["kept_signed"].shape[1]):
        ends = [rows[f"kept_{kind}"][:, level] for kind in ("signed", "absolute")]
        # Its sign is of no account: a map that comes back turned inside out has stayed as well.
        sizes = [draws.mean(np.abs(values), ~np.isnan(values)) for values in ends]
        kept.append((figure(sizes[0]), figure(sizes[1])))
    sane = bool(kept) and passed(*kept[-1])
    return Standing(name, figures_of(rows), tuple(kept), sane, None, False, len(rows["key"]), ())


def _ranked(names: Sequence[str], columns: Mapping[str, Any]) -> dict[str, tuple[Figure, bool]]:
    """Return of each method its mean rank, and whether it cannot be told from the best."""
    if not names:
        return {}
    keys = sorted(set.intersection(*(set(columns[name]["key"]) for name in names)))
    rows = {name: [columns[name]["key"].index(key) for key in keys] for name in names}
    ranks = []
    for criterion in CRITERIA:
        values = [dict(_values(columns[name]))[criterion][rows[name]] for name in names]
        ranks.append(rankdata(-np.round(values, 9), axis=0))  # [M, N]; what float noise parts is equal
    mean = np.mean(ranks, axis=0)  # [M, N]
    first = columns[names[0]]
    draws = Draws.of([first["cluster"][i] for i in rows[names[0]]])
    drawn = np.stack([draws.mean(row) for row in mean])  # [M, 1 + B]
    best = int(drawn[:, 0].argmin())
    return {name: (figure(one), figure(one - drawn[best]).low <= 0) for name, one in zip(names, drawn, strict=True)}


def _placed(one: Standing, ranked: tuple[Figure, bool] | None, table: pa.Table) -> Standing:
    rank, tied = ranked or (None, False)
    return Standing(
        one.method, one.figures, one.kept, one.sane, rank, tied, one.pictures, _problems(table)
    )  # fmt: skip


def _missing(name: str, table: pa.Table) -> Standing:
    return Standing(name, {}, (), False, None, False, 0, _problems(table))


def _problems(table: pa.Table) -> tuple[str, ...]:
    return tuple(sorted({problem for problem in table.column("problem").to_pylist() if problem}))


def _columns(table: pa.Table, kind: str) -> dict[str, Any]:
    rows = [row for row in table.to_pylist() if row["kind"] == kind and not row["problem"]]
    found: dict[str, Any] = {name: [row[name] for row in rows] for name in ("key", "cluster")}
    found |= {name: np.array([np.nan if row[name] is None else row[name] for row in rows], float) for name in VALUES}
    depth = max((len(row["kept_signed"] or ()) for row in rows), default=0)
    for name in ("kept_signed", "kept_absolute"):
        found[name] = np.array([row[name] or [np.nan] * depth for row in rows], float).reshape(len(rows), depth)
    return found
