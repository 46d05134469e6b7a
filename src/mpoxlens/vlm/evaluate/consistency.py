"""Does the answer depend on the wording of the question?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.paired import cluster_bootstrap_difference


def agreement(called: Flags, clusters: Sequence[str]) -> dict[str, Any]:
    """Return in how many photographs every wording leads to the same decision.

    Args:
        called: [N, Q], at or above the operating point, a column a wording.
        clusters: [N].

    Returns:
        `all`, the share of photographs whose decisions are all the same; `pairs`, the share of pairs of wordings, a
        mean over photographs.
    """
    draws, count = Draws.of(clusters), called.shape[1]
    yes = called.sum(axis=1)
    same = yes * (yes - 1) + (count - yes) * (count - yes - 1)
    pairs = same / max(1, count * (count - 1)) if count > 1 else np.ones(len(called))
    return {
        "photos": len(called),
        "wordings": count,
        "all": figure(draws.mean((yes == 0) | (yes == count))).to_dict(),
        "pairs": figure(draws.mean(pairs)).to_dict(),
    }


def held_out(positive: Flags, trained: Doubles, kept: Doubles, clusters: Sequence[str]) -> dict[str, Any]:
    """Return the AUROC on wordings of training and on those that training never showed, each a mean over wordings.

    Args:
        positive: [N].
        trained: [N, Q] log-odds.
        kept: [N, R].
        clusters: [N].
    """

    def auroc(odds: Doubles, weights: Doubles) -> Doubles:
        return np.asarray(np.mean([weighted.auroc(positive, column, weights) for column in odds.T], axis=0))

    weights = Draws.of(clusters).weights
    return {
        "auroc_trained": figure(auroc(trained, weights)).to_dict(),
        "auroc_held_out": figure(auroc(kept, weights)).to_dict(),
        "difference": cluster_bootstrap_difference(auroc, kept, trained, clusters).to_dict(),
    }
