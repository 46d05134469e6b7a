"""Claim: which map of the shipped bundle is true, how true it is, and how long it takes to find out.

The shipped bundle explains drawn phantoms by all of its methods, and with --run the float network that it was made of
by those that only a float network has. Beside them stand two networks that are known to read lesions, a fine one and
one as coarse as the bundle's. The rule of `mpoxlens explain leaderboard` names the map. With --data, the bundle also
explains photographs of mpox, of which it learned and whose lesions nobody drew: they tell whether an answer comes and
goes with what the map names, not whether that is a lesion. 95 % intervals by bootstrap of phantoms, and of clusters of
photographs.

With --timed, the time of a run is measured as well: 100 phantoms by eight methods on the float network, all measures
and checks included. A fifth is done and taken five times, which is an upper estimate: what is done once counts five
times. It is that of the processor, of all threads together, since other work on the computer leaves it nearly as it is;
twenty minutes of two cores are forty of it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import record
from mpoxlens.bundle import SHOWN_MAP
from mpoxlens.evaluation.summary import bracketed
from mpoxlens.explain.faithfulness.pointing import ceiling, mask_at
from mpoxlens.explain.leaderboard.contenders import networks, photographs_of
from mpoxlens.explain.leaderboard.rows import Contender, Plan, phantoms
from mpoxlens.explain.leaderboard.rule import ENERGY_GOAL, POINTING_GOAL, Standing
from mpoxlens.explain.leaderboard.run import Board, run

EIGHT = ("cam", "occlusion", "rise", "lime", "kernel_shap", "gradcam++", "layercam", "integrated_gradients")
INSIDE = ("cam", "gradcam", "gradcam++", "hirescam", "layercam", "integrated_gradients")
OF_CONTROL = ("cam", "occlusion", "lime", "layercam", "integrated_gradients")
PHANTOMS, MINUTES = 100, 40.0  # of one core
SHARE = 5  # one of so many is timed
PHOTOS = 40
TABLES = record.ROOT / "benchmarks" / "leaderboard.json"  # for docs/insert_leaderboard.py
SAMPLES = 300  # of RISE, LIME and KernelSHAP; they take 1000 when they explain a single photograph
SHOWN = {
    "hit": "pointing",
    "energy": "energy in lesions",
    "ceiling": "most energy that its cells allow",
    "insertion_less_deletion": "insertion less deletion",
    "road": "ROAD",
    "shifts_alike": "alike over shifts",
    "seeds_alike": "alike over seeds",
    "seeds_deviation": "deviation over seeds",
}
EFFECT = ("insertion_less_deletion", "road")  # what can be said without knowing where the lesions are
PLACE = ("hit", "energy", "ceiling")  # of the control, whose effect on itself says nothing of the bundle


def main() -> None:
    """Measure each network."""
    parser = record.arguments(__doc__)
    parser.add_argument("--run", type=Path, help="folder of the run that the shipped bundle came from")
    parser.add_argument("--data", type=Path, help=f"a workspace, of whose mpox photographs {PHOTOS} are explained")
    parser.add_argument("--phantoms", type=int, default=PHANTOMS, help="how many are drawn")
    parser.add_argument("--timed", action="store_true", help="measure the time of a run too")
    parser.add_argument("--out", type=Path, help="where the rows are kept, to go on from; without, they are not kept")
    given = parser.parse_args()
    if not given.quick and given.run is None:
        parser.error("--run is needed")
    plan = Plan(2, checked=1, shown=1, samples=32) if given.quick else Plan(given.phantoms, samples=SAMPLES)
    with tempfile.TemporaryDirectory() as scratch:
        out = given.out or Path(scratch)
        floats = networks([], [given.run]) if given.run else []
        # The fine control last: the coarse one is of use without it, and not the other way round.
        controls = networks([], [], control=True)[:0:-1]
        rows = [*_ceilings(plan), *(_time(floats, plan, Path(scratch) / "timed") if given.timed else ())]
        bundle, tables, failures = networks([], []), [], []
        photos = photographs_of(given.data, bundle[0], PHOTOS) if given.data else []
        parts = (("bundle", bundle, ()), ("float", floats, INSIDE), ("control", controls, OF_CONTROL))
        for kind, contenders, methods in parts:
            if not contenders:
                continue
            for board in run(contenders, methods, plan, out / kind, photos if kind == "bundle" else (), tell=_tell):
                rows += _rows(board, control=kind == "control")
                failures += _failures(board) if kind == "bundle" else []
            tables += json.loads((out / kind / "leaderboard.json").read_bytes())["networks"]
    notes = (
        f"{plan.phantoms} drawn phantoms of 3 to 24 lesions, five stages and six skin tones; {len(photos) or 'no'} "
        f"photographs. RISE, LIME and KernelSHAP with {plan.samples} passes each."
    )
    if not given.quick:
        told = {"networks": tables, "failures": failures}
        TABLES.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    record.finish("faithfulness", rows, quick=given.quick, notes=notes, packages=("mpoxlens", "onnxruntime", "torch"))


def _rows(board: Board, *, control: bool) -> Iterator[record.Row]:
    name = board.contender.subject.name.rsplit(" ", 1)[0] if not control else board.contender.subject.name
    won = board.verdict.winner
    yield record.Row(f"{name}: map to show by the rule is {won or 'none'}", float(won is not None), "")
    for one in board.phantoms:
        if one.pictures:
            yield from _of_method(
                name, one, shipped=one.method == won and not control, only=PLACE if control else SHOWN
            )
    for one in board.photos:
        if one.pictures:
            yield from _of_method(f"{name}, photographs", one, shipped=False, only=EFFECT)


def _of_method(
    name: str, one: Standing, *, shipped: bool, only: tuple[str, ...] | dict[str, str]
) -> Iterator[record.Row]:
    goals = {"hit": POINTING_GOAL, "energy": ENERGY_GOAL} if shipped else {}
    for key in only:
        if key in one.figures:
            figure = one.figures[key]
            told = f"{name}, {one.method}: {SHOWN[key]} {bracketed(figure.to_dict())}"
            yield record.Row(told, figure.value, "", goals.get(key), at_least=True)
    if one.kept and not isinstance(only, tuple):
        worst = max(one.kept[-1], key=lambda end: end.value)
        told = f"{name}, {one.method}: alike when all is forgotten {bracketed(worst.to_dict())}"
        yield record.Row(told, worst.value, "")


def _failures(board: Board) -> Iterator[dict[str, Any]]:
    """Three phantoms on which the map that page and report show does worst, beside the map that the rule names."""
    maps = {name: table.to_pylist() for name, table in board.rows.items() if name in (SHOWN_MAP, board.verdict.winner)}
    drawn = [
        n for n, row in enumerate(maps[SHOWN_MAP])
        if row["kind"] == "phantom" and not any(rows[n]["problem"] for rows in maps.values())
    ]  # fmt: skip
    behind = {n: max(rows[n]["road"] for rows in maps.values()) - maps[SHOWN_MAP][n]["road"] for n in drawn}
    for why, size in (
        ("least energy in the lesions", lambda n: maps[SHOWN_MAP][n]["energy"]),
        ("lowest ROAD", lambda n: maps[SHOWN_MAP][n]["road"]),
        ("farthest behind the map that the rule names, by ROAD", lambda n: -behind[n]),
    ):
        worst = min(drawn, key=size, default=-1)
        if worst < 0 or ("behind" in why and behind[worst] <= 0):
            return
        drawn.remove(worst)
        figures = {name: {key: rows[worst][key] for key in (*PLACE, "road")} for name, rows in maps.items()}
        row = maps[SHOWN_MAP][worst]
        yield {"why": why, "key": row["key"], "probability": row["probability"], "cover": row["cover"], "maps": figures}


def _ceilings(plan: Plan) -> Iterator[record.Row]:
    """How coarse a map may be and still reach the goal of energy, whatever network it is of."""
    masks = [mask_at(mask, 224) for _, mask in (one.read() for one in phantoms(plan.phantoms)) if mask is not None]
    for cells in (7, 14, 28, 56):
        most = [ceiling(mask, cells) for mask in masks]
        yield record.Row(f"most energy in lesions that any map of {cells} x {cells} cells allows", fmean(most), "")


def _time(contenders: list[Contender], plan: Plan, out: Path) -> Iterator[record.Row]:
    begin = process_time()
    run(
        contenders, EIGHT, replace(plan, phantoms=PHANTOMS // SHARE, checked=-(-plan.checked // SHARE)), out, tell=_tell
    )
    what = f"{PHANTOMS} phantoms by {len(EIGHT)} methods, float network, time of one core ({SHARE} times a fifth)"
    yield record.Row(what, SHARE * (process_time() - begin) / 60, "min", MINUTES)


def _tell(stage: str, done: int, of: int) -> None:
    if done == of:
        print(stage, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
