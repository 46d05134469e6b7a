"""Claim: what a margin on the operating point buys among new people of the same collection, and what it costs.

From a table of out-of-fold predictions, clusters are drawn with replacement as often as there are; calibration and
threshold are fitted on them, and tried on the people who were not drawn. The sensitivity wanted is .90. In brackets:
95 % of the draws, in which the few people tried have their share. Another curator's photographs are not tested here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import record
from mpoxlens.evaluation.battery import Goals, Judged, apply_rules, fit_rules, judged_of
from mpoxlens.evaluation.metrics import resample, sensitivity, specificity
from mpoxlens.evaluation.predictions import Predictions

SENSITIVITY, ALPHA = 0.9, 0.1
CERTAINTIES = (0.0, 0.5, 0.7, 0.8, 0.9)
DRAWS, FEW = 200, 5


def main() -> None:
    """Try each certainty on the same draws."""
    parser = record.arguments(__doc__)
    parser.add_argument("--predictions", type=Path, required=True, help="predictions.parquet of a run")
    given = parser.parse_args()
    p = Predictions.read(given.predictions)
    judged = judged_of(p.take(p.asked() & (p.repeat == 0)))
    rows = [row for certainty in CERTAINTIES for row in measure(judged, certainty, FEW if given.quick else DRAWS)]
    positive = judged.target == judged.positive
    people = len({judged.cluster[i] for i in np.flatnonzero(positive)})
    notes = (
        f"{len(positive)} photographs of a rash, {positive.sum()} of mpox in {people} clusters, out of fold;"
        f" {DRAWS} draws; threshold for sensitivity {SENSITIVITY}."
    )
    record.finish("operating_point", rows, quick=given.quick, notes=notes, packages=("mpoxlens", "numpy"))


def measure(judged: Judged, certainty: float, draws: int) -> Iterator[record.Row]:
    """Return sensitivity and specificity among the people who were not drawn, and how often enough were kept."""
    goals = Goals(SENSITIVITY, ALPHA, certainty)
    found = np.array([_tried(judged, rows, goals) for rows in resample(judged.cluster, draws, 0)])
    name = f"certainty {certainty:g}" if certainty else "the sample's own threshold"
    for column, what in enumerate(("sensitivity", "specificity")):
        low, high = np.nanquantile(found[:, column], (0.025, 0.975))
        yield record.Row(f"{name}: {what} among new people [{low:.2f}–{high:.2f}]", np.nanmean(found[:, column]), "")
    yield record.Row(f"{name}: draws that kept the sensitivity", float(np.mean(found[:, 0] >= SENSITIVITY)), "")


def _tried(judged: Judged, rows: np.ndarray, goals: Goals) -> tuple[float, float]:
    """Fit on the rows drawn, a cluster drawn twice being two people, and judge those who were not drawn."""
    drawn = {judged.cluster[i] for i in rows}
    times: Counter[int] = Counter()
    names = []
    for i in rows.tolist():
        names.append(f"{judged.cluster[i]} {times[i]}")
        times[i] += 1
    fitting = _of(judged, rows, tuple(names))
    rules = fit_rules(fitting, np.ones(len(rows), dtype=np.bool_), goals, 0, refits=0)
    new = np.array([i for i, cluster in enumerate(judged.cluster) if cluster not in drawn])
    told = apply_rules(_of(judged, new, tuple(judged.cluster[i] for i in new)), rules)
    positive = judged.target[new] == judged.positive
    return sensitivity(positive, told.called), specificity(positive, told.called)


def _of(judged: Judged, rows: np.ndarray, names: tuple[str, ...]) -> Judged:
    return replace(
        judged,
        logits=judged.logits[rows],
        target=judged.target[rows],
        cluster=names,
        fold=judged.fold[rows],
        asked=judged.asked[rows],
        repeat=judged.turn[rows],
    )


if __name__ == "__main__":
    main()
