"""Is it mpox, yes or no? Judges side by side on the same photographs, and which differences are real.

Accuracy is that of the probability against one half, its calibration cross-fitted on photographs of a rash. AUROC is
that of the log-odds as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.paired import Difference, cluster_bootstrap_difference, holm
from mpoxlens.vlm.evaluate.scores import Scores

QUESTIONS = ("rash_only", "with_healthy")
STATISTICS = ("accuracy", "auroc")
Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class _Side:
    """One judge among the photographs of one question."""

    right: Flags  # [N]
    log_odds: Doubles  # [N]


def accuracy(judges: Mapping[str, Scores], pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the figures of each judge, and of each pair what the first has over the second.

    Args:
        judges: of the same photographs in the same order.
        pairs: of their names. P-values are corrected (Holm) among the pairs of a question and statistic.

    Raises:
        DataError: the judges differ in their photographs, or a class has none.
    """
    first = next(iter(judges.values()))
    if any((one.sha256, one.label) != (first.sha256, first.label) for one in judges.values()):
        raise DataError("predictions", "not of the same photographs", "run all on the same data set")
    right = {name: (one.probability() >= 0.5) == one.positive for name, one in judges.items()}
    found = {}
    for question, rows in zip(QUESTIONS, (first.rash, np.ones(len(first.label), dtype=np.bool_)), strict=True):
        sides = {name: _Side(right[name][rows], one.log_odds[rows]) for name, one in judges.items()}
        found[question] = _question(sides, first.positive[rows], _taken(first.cluster, rows), pairs)
    return found


def _question(
    sides: Mapping[str, _Side], positive: Flags, clusters: Sequence[str], pairs: Sequence[Pair]
) -> dict[str, Any]:
    weights = Draws.of(clusters).weights
    statistics: dict[str, Callable[[_Side, Doubles], Doubles]] = {
        "accuracy": _accuracy,
        "auroc": partial(_auroc, positive),
    }
    figures = {
        name: {key: figure(statistic(side, weights)).to_dict() for key, statistic in statistics.items()}
        for name, side in sides.items()
    }
    tests = {key: _tests(statistic, sides, clusters, pairs) for key, statistic in statistics.items()}
    return {
        "photos": len(positive),
        "mpox": int(positive.sum()),
        "clusters": len(set(clusters)),
        "judges": figures,
        "differences": [
            {"of": a, "over": b} | {key: tests[key][i] for key in statistics} for i, (a, b) in enumerate(pairs)
        ],
    }


def _tests(
    statistic: Callable[[_Side, Doubles], Doubles],
    sides: Mapping[str, _Side],
    clusters: Sequence[str],
    pairs: Sequence[Pair],
) -> list[dict[str, float | None]]:
    found: list[Difference] = [cluster_bootstrap_difference(statistic, sides[a], sides[b], clusters) for a, b in pairs]
    corrected = holm([one.p for one in found])
    return [one.to_dict() | {"p_holm": round(p, 4)} for one, p in zip(found, corrected, strict=True)]


def _accuracy(side: _Side, weights: Doubles) -> Doubles:
    return np.asarray(weights @ side.right / weights.sum(axis=1))


def _auroc(positive: Flags, side: _Side, weights: Doubles) -> Doubles:
    return weighted.auroc(positive, side.log_odds, weights)


def _taken(values: Sequence[str], rows: Flags) -> list[str]:
    return [values[i] for i in np.flatnonzero(rows).tolist()]
