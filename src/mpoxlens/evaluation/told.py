"""What people would be told: the clinic's decisions by label, and how labels that the bundle does not know fare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mpoxlens.evaluation.bootstrap import Draws, figures_of
from mpoxlens.evaluation.judgements import Judgements
from mpoxlens.evaluation.metrics import Doubles, Flags, Rows, with_interval
from mpoxlens.schema import Decision

SENSITIVITY = 0.9  # at which labels of other diseases are looked at


def decisions(j: Judgements, without: Sequence[str] = ("healthy",)) -> dict[str, Any]:
    """Return shares of the clinic's decisions, gate and strangeness included, without a history.

    Of the photographs whose label the bundle knows: overall without the labels `without`, and by label.
    """
    asked = j.known & ~np.isin(j.label, list(without))
    found: dict[str, Any] = {}
    if asked.any():
        found["rash_only"] = _overall(j, np.flatnonzero(asked))
    if j.known.any():
        found["with_healthy"] = _overall(j, np.flatnonzero(j.known))
    found["by_label"] = {
        label: shares(j, j.label == label) for label in j.labels if (j.label == label).any()
    }  # fmt: skip
    return found


def mimics(j: Judgements) -> dict[str, Any]:
    """Return how labels that the bundle does not know are taken: all of them together, and one by one.

    `called_at_sensitivity_90` is the share called mpox at the threshold that reaches 90 % sensitivity on the mpox
    photographs of this very data set; each resampled set of clusters has its own. It needs mpox photographs.
    """
    others = ~j.known
    if not others.any():
        return {}
    named = {label: j.label == label for label in sorted(set(j.label[others].tolist()))}
    return {"all": _mimic(j, others), "by_label": {label: _mimic(j, rows) for label, rows in named.items()}}


def shares(j: Judgements, among: Flags) -> dict[str, Any]:
    """Return what is told of some photographs, as shares with intervals."""
    rows = np.flatnonzero(among)
    draws = Draws.of([j.clusters[i] for i in rows])
    told = np.array([str(one) for one in j.found.decision])[rows]
    flags = {
        "called": j.found.called[rows],
        "told_likely": told == Decision.LIKELY,
        "told_unlikely": told == Decision.UNLIKELY,
        "cannot_tell": told == Decision.CANNOT_TELL,
        "refused": j.found.refused[rows],
        "unfamiliar": j.found.strange[rows] > 1,
    }
    counts = {"photographs": len(rows), "clusters": draws.counts.shape[1]}
    return counts | figures_of({name: draws.mean(values) for name, values in flags.items()})


def _overall(j: Judgements, rows: Rows) -> dict[str, Any]:
    positive = j.label[rows] == j.labels[j.positive]
    told = np.array([str(one) for one in j.found.decision])[rows]
    likely, unlikely = told == Decision.LIKELY, told == Decision.UNLIKELY
    draws = Draws.of([j.clusters[i] for i in rows])
    return {"photographs": len(rows), "clusters": draws.counts.shape[1]} | figures_of(
        {
            "decided": draws.mean(likely | unlikely),
            "right_when_decided": draws.mean(np.where(positive, likely, unlikely), likely | unlikely),
            "mpox_told_unlikely": draws.mean(unlikely, positive),
            "others_told_likely": draws.mean(likely, ~positive),
        }
    )


def _mimic(j: Judgements, among: Flags) -> dict[str, Any]:
    positive = j.label == j.labels[j.positive]
    at_90 = None
    if positive.any():
        rows = np.flatnonzero(positive | among)
        clusters = [j.clusters[i] for i in rows]
        p, mpox = j.found.probability[rows], positive[rows]
        at_90 = with_interval(lambda r: called_at(p[r], mpox[r]), clusters).to_dict()
    return shares(j, among) | {"called_at_sensitivity_90": at_90}


def called_at(probability: Doubles, positive: Flags, wanted: float = SENSITIVITY) -> float:
    """Return the share of the others at or above the highest threshold that keeps the wanted sensitivity.

    NaN where one side is missing.
    """
    if positive.all() or not positive.any():
        return float("nan")
    scores = np.sort(probability[positive])
    missed = int(np.floor((1 - wanted) * len(scores) + 1e-9))
    return float((probability[~positive] >= scores[missed]).mean())
