"""The three probes of a bundle on photographs of others: shortcuts, robustness and strange pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, counted
from mpoxlens.evaluation.alterations import alterations
from mpoxlens.evaluation.damage import sweeps
from mpoxlens.evaluation.judge import BundleJudge, Photographs
from mpoxlens.evaluation.robustness import robustness
from mpoxlens.evaluation.shortcuts import shortcuts
from mpoxlens.evaluation.strange_sets import made_sets, other_labels, strange_sets
from mpoxlens.vision.data import load_pixels


def probes(bundle: Bundle, manifest: Manifest, without: Sequence[str], tell: Tell) -> dict[str, Any] | None:
    """Run the probes; None where there is no mpox or nothing else to be told from it.

    Args:
        bundle: that judges; load it with `threads=1`.
        manifest: of the photographs.
        without: labels of people who have no rash.
        tell: told of the stage "stress", a step for every time that the photographs or a set of pictures are judged.
    """
    labels, positive = bundle.spec.labels, bundle.spec.positive
    pixels = load_pixels(manifest.root, manifest.records)
    rows = [i for i, r in enumerate(manifest.records) if r.label in labels and r.label not in without]
    flags = np.array([manifest.records[i].label == positive for i in rows], dtype=bool)
    if not 0 < flags.sum() < len(flags):
        return None
    known = Photographs.of([manifest.records[i] for i in rows], [pixels[i] for i in rows], positive)
    pictures = made_sets() | other_labels(manifest.records, pixels, labels)
    judge, step = BundleJudge(bundle), counted(tell, "stress", _times(len(pictures)))
    return {
        "shortcuts": shortcuts(judge, known, step).to_dict(),
        "robustness": robustness(judge, known, step).to_dict(),
        "strange": strange_sets(judge, known, pictures, step).to_dict(),
    }


def _times(sets: int) -> int:
    """How often photographs are judged; each probe begins with them as they are."""
    return (1 + len(alterations())) + (1 + sum(len(sweep.strengths) for sweep in sweeps())) + (1 + sets)
