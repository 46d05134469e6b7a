"""Claim: which map of the shipped bundle is true, how true it is, and how long it takes to find out.

The shipped bundle, and with --run the float network that it was made of, explain 100 drawn phantoms by every method;
beside them stand two networks that are known to read lesions, a fine one and one as coarse as the bundle's. The rule of
`mpoxlens explain leaderboard` names the map. 95 % intervals by bootstrap of phantoms. The time is that of a whole run:
100 phantoms by eight methods on one network, all measures and checks included; stopped and resumed runs are not timed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from time import perf_counter

import record
from mpoxlens.evaluation.summary import bracketed
from mpoxlens.explain.faithfulness.pointing import ceiling, mask_at
from mpoxlens.explain.leaderboard.contenders import networks
from mpoxlens.explain.leaderboard.rows import Contender, Plan, phantoms
from mpoxlens.explain.leaderboard.rule import ENERGY_GOAL, POINTING_GOAL, Standing
from mpoxlens.explain.leaderboard.run import Board, run

TIMED = ("cam", "occlusion", "rise", "lime", "kernel_shap", "gradcam++", "layercam", "integrated_gradients")
MINUTES = 20.0  # of two cores, for 100 pictures by eight methods
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
PLACE = ("hit", "energy", "ceiling")  # of the control, whose effect on itself says nothing of the bundle


def main() -> None:
    """Measure each network, and time the first that allows all of the eight methods."""
    parser = record.arguments(__doc__)
    parser.add_argument("--run", type=Path, help="folder of the run that the shipped bundle came from")
    parser.add_argument("--out", type=Path, help="where the rows are kept, to go on from; without, they are not kept")
    given = parser.parse_args()
    if not given.quick and given.run is None:
        parser.error("--run is needed")
    plan = Plan(2, checked=1, shown=1, samples=32) if given.quick else Plan()
    bundles = networks([], [])
    floats = networks([], [given.run]) if given.run else []
    controls = networks([], [], control=True)[1:]
    with tempfile.TemporaryDirectory() as scratch:
        out = given.out or Path(scratch)
        rows = [*_ceilings(plan), *_time(floats, plan, Path(scratch) / "timed")]
        for kind, contenders in (("bundle", bundles), ("float", floats), ("control", controls)):
            for board in run(contenders, (), plan, out / kind, tell=_tell):
                rows += _rows(board, control=kind == "control")
    notes = f"{plan.phantoms} drawn phantoms of 3 to 24 lesions, five stages and six skin tones; no photograph."
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


def _ceilings(plan: Plan) -> Iterator[record.Row]:
    """How coarse a map may be and still reach the goal of energy, whatever network it is of."""
    masks = [mask_at(mask, 224) for _, mask in (one.read() for one in phantoms(plan.phantoms)) if mask is not None]
    for cells in (7, 14, 28, 56):
        most = [ceiling(mask, cells) for mask in masks]
        yield record.Row(f"most energy in lesions that any map of {cells} x {cells} cells allows", fmean(most), "")


def _time(contenders: list[Contender], plan: Plan, out: Path) -> Iterator[record.Row]:
    for contender in contenders[:1]:
        begin = perf_counter()
        run([contender], TIMED, plan, out, tell=_tell)
        minutes = (perf_counter() - begin) / 60
        what = f"{plan.phantoms} phantoms by {len(TIMED)} methods, float network, {record.cores()} cores"
        yield record.Row(what, minutes, "min", MINUTES)


def _tell(stage: str, done: int, of: int) -> None:
    if done == of:
        print(stage, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
