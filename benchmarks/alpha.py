"""Claim: what the share that prediction sets may miss (alpha) buys in right decisions, and costs in decisions.

From a run's out-of-fold predictions, calibration, operating point and prediction sets cross-fitted as in the bundle,
photographs of a rash alone. 95 % intervals by bootstrap of clusters. The shipped alpha was chosen by this table, on
the photographs that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

import probing
import record
from mpoxlens.evaluation.battery import Goals, cross_fit, judged_of
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.predictions import Predictions

SENSITIVITY = 0.9
ALPHAS = (0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1)


def main() -> None:
    """Judge by each alpha."""
    parser = record.arguments(__doc__)
    parser.add_argument("--predictions", type=Path, required=True, help="predictions.parquet of a run")
    given = parser.parse_args()
    p = Predictions.read(given.predictions)
    p = p.take(p.repeat == 0)
    alphas = ALPHAS[-1:] if given.quick else ALPHAS
    rows = [row for alpha in alphas for row in measured(p, alpha)]
    rash = p.take(p.asked())
    mpox = int((rash.target == rash.positive).sum())
    notes = (
        f"{len(rash.target)} photographs of a rash, {mpox} of mpox, in {len(set(rash.cluster))} clusters, out of fold."
    )
    record.finish("alpha", rows, quick=given.quick, notes=notes, packages=("mpoxlens", "numpy"))


def measured(p: Predictions, alpha: float) -> Iterator[record.Row]:
    """Give the share decided, the share of these that is right, and the mpox that is told unlikely."""
    judged = judged_of(p)
    rows = np.flatnonzero(judged.asked)
    told = cross_fit(judged, Goals(SENSITIVITY, alpha), 0).take(rows)
    positive = judged.target[rows] == judged.positive
    decided = told.likely | told.unlikely
    draws = Draws.of([judged.cluster[i] for i in rows])
    for what, values, among in (
        ("decided", decided, None),
        ("right when decided", told.likely == positive, decided),
        ("of mpox, told unlikely", told.unlikely, positive),
    ):
        found = figure(draws.mean(values, among))
        yield record.Row(probing.told(f"alpha {alpha:g}: {what}", found), found.value, "")


if __name__ == "__main__":
    main()
