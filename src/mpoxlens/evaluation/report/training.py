"""The report of a training run: out-of-fold figures, before anybody else's photographs were seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.bundle import Bundle, Spec
from mpoxlens.evaluation.bootstrap import Draws
from mpoxlens.evaluation.caveats import caveats
from mpoxlens.evaluation.crossfit import CrossFitted, Judged
from mpoxlens.evaluation.metrics import Flags
from mpoxlens.evaluation.report.charts import Scores
from mpoxlens.evaluation.report.page import write_page
from mpoxlens.evaluation.report.worst import worst
from mpoxlens.evaluation.summary import bracketed
from mpoxlens.evaluation.yes_no import curves

NOTE = "All figures are internal: on photographs from another curator, models of this kind have done much worse."
PARTITION = (
    "{folds} folds, stratified; no cluster (person, or photograph with its copies) lies in two. Calibration and "
    "thresholds are cross-fitted."
)


def write_training_report(
    bundle: Path,
    judged: Judged,
    fitted: CrossFitted,
    path: Path,
    *,
    sha256: Sequence[str] = (),
    stress: Mapping[str, Any] | None = None,
) -> None:
    """Write the report of a training run's bundle.

    Args:
        bundle: its folder; figures come from its `bundle.json`.
        judged: out-of-fold predictions.
        fitted: the same, with cross-fitted rules.
        path: of the HTML file.
        sha256: of the rows [N] of `judged`, so that the worst mistakes can be named; none leaves them out.
        stress: "shortcuts", "robustness" and "strange", each as its `to_dict` gives it.

    Raises:
        BundleError: the bundle is damaged.
        MpoxlensError: the report cannot be written.
    """
    spec = Bundle.load(bundle, check_golden=False).spec
    positive = judged.target == judged.positive
    use = judged.asked
    scores = Scores(positive[use], fitted.probability[use], float("nan"))
    facts = {
        "title": f"Training of {spec.name} {spec.version}: {spec.positive} told from a phone photograph",
        "lead": list(_lead(spec)),
        "notes": [*caveats(spec.figures["rash_only"], spec.positive), NOTE],
        "objective": "Development with internal validation.",
        "partition": PARTITION.format(folds=spec.training.get("folds", "Several")),
        "updating": "Each fold is judged by network and rules that saw nothing of it; the bundle's are fitted on all.",
        "difference": "None but chance: parts of one collection.",
        "external": None,
        "counts": spec.training.get("photos", {}),
        "figures": spec.figures,
        "curves": {"rash_only": _curves(judged, fitted, use)},
        "decisions": None,
        "mimics": None,
        "stress": stress,
        "leak": None,
        "leak_sentence": None,
        "dataset": None,
        "versions": spec.training.get("versions", {}),
        "worst_what": "Photographs on the wrong side of their fold's operating point.",
        "worst": _worst(judged, fitted, positive, sha256),
        "study": spec.training.get("study", {}),
    }
    write_page(facts | bundle_facts(spec), scores, path)


def bundle_facts(spec: Spec) -> dict[str, Any]:
    """Return what both kinds of report tell of a bundle."""
    return {
        "bundle": {"name": spec.name, "version": spec.version, "operating_point": spec.operating_point, "sha256": None},
        "labels": list(spec.labels),
        "positive": spec.positive,
        "alpha": spec.conformal.alpha,
        "intended_use": spec.intended_use,
        "training": {k: v for k, v in spec.training.items() if k != "photographs"},
        "preprocess": spec.preprocess.to_dict(),
    }


def _lead(spec: Spec) -> list[str]:
    rash = spec.figures["rash_only"]
    return [
        f"Among photographs of a rash, out of fold, the AUROC is {bracketed(rash['auroc'])}.",
        f"At the operating point, sensitivity is {bracketed(rash['sensitivity'])}.",
        f"Specificity is {bracketed(rash['specificity'])} there.",
    ]


def _curves(judged: Judged, fitted: CrossFitted, use: Flags) -> dict[str, Any]:
    rows = np.flatnonzero(use)
    draws = Draws.of([judged.cluster[i] for i in rows])
    return curves(judged.target[rows] == judged.positive, fitted.take(rows), draws)


def _worst(judged: Judged, fitted: CrossFitted, positive: Flags, sha256: Sequence[str]) -> list[dict[str, Any]]:
    if not sha256:
        return []
    labels = [judged.names[i] for i in judged.target]
    told = ["called mpox" if called else "not called" for called in fitted.called]
    return worst(sha256, labels, fitted.probability, fitted.called != positive, fitted.margin, told)
