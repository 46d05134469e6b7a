"""Where the maps fall, by the readers' word and against their drawings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mpoxlens.evaluation.metrics import Flags, with_interval
from mpoxlens.explain.study.drawing import rasterise
from mpoxlens.explain.study.folder import Key, Study
from mpoxlens.explain.study.overlap import iou, overlap
from mpoxlens.explain.study.questions import UNAIDED
from mpoxlens.explain.study.rows import CODES, Row

Drawn = dict[str, list[Flags]]  # masks of each case, one a reader who drew


def fall(study: Study, key: Key, rows: Sequence[Row]) -> dict[str, Any]:
    """Return for each arm what readers said of its maps, and its overlap with what they drew on photographs of mpox.

    The map shows what speaks for mpox, so that lesions of another rash are no place where it ought to lie.
    """
    drawn = _drawn(study, key, rows)
    aided = [arm for arm in study.arms if arm != UNAIDED]
    return {
        "said": [{"arm": arm, **_said(key, [row for row in rows if row.reading.arm == arm])} for arm in aided],
        "overlap": [{"arm": arm, **_overlaps(study, key, arm, drawn)} for arm in aided],
        "drawings": sum(map(len, drawn.values())),
        "readers_iou": _between(key, drawn),
    }


def _drawn(study: Study, key: Key, rows: Sequence[Row]) -> Drawn:
    sizes = {case.id: (case.width, case.height) for case in study.cases}
    found: Drawn = defaultdict(list)
    for row in rows:
        case = row.reading.case
        if row.answer.drawing and key.truths[case].mpox:
            mask = rasterise(row.answer.drawing, *sizes[case])
            found[case] += [mask] if mask.any() else []
    return found


def _said(key: Key, rows: Sequence[Row]) -> dict[str, Any]:
    """Shares of each answer, with intervals by cluster of cases."""
    clusters = [key.truths[row.reading.case].group for row in rows]
    said = {name: np.array([row.code(name) for row in rows]) for name in ("on_lesions", "changes")}
    shares = {f"on_lesions_{word}": said["on_lesions"] == code for word, code in CODES.items()}
    shares["changes"] = said["changes"] == CODES["yes"]
    return {"readings": len(rows)} | {name: _mean(values, clusters) for name, values in shares.items()}


def _overlaps(study: Study, key: Key, arm: str, drawn: Drawn) -> dict[str, Any]:
    clusters, found = [], []
    for case, masks in drawn.items():
        heat = study.heat(case, arm)
        found += [overlap(heat, mask) for mask in masks]
        clusters += [key.truths[case].group] * len(masks)
    return {
        name: _mean([getattr(one, name) for one in found], clusters) for name in ("iou", "energy", "pointing", "chance")
    }


def _between(key: Key, drawn: Drawn) -> dict[str, float | None] | None:
    """How far two readers' drawings of one case overlap: more than that no map can be asked for."""
    pairs = [(case, iou(a, b)) for case, masks in drawn.items() for a, b in combinations(masks, 2)]
    return _mean([value for _, value in pairs], [key.truths[case].group for case, _ in pairs])


def _mean(values: Sequence[float] | np.ndarray, clusters: Sequence[str]) -> dict[str, float | None] | None:
    """Mean with its interval; None where there is nothing to average."""
    numbers = np.asarray(values, dtype=np.float64)
    return with_interval(lambda rows: float(numbers[rows].mean()), clusters).to_dict() if len(numbers) else None
