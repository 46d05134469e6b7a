"""Does the model refuse what cannot be judged, and judge what can?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.vlm import reader

REFUSAL = reader.REFUSAL


def refused(logits: Doubles) -> Flags:
    """Return which answers [N] begin with the refusal, from the logits [N, 3] of "Yes", "No" and "Cannot"."""
    return np.asarray(logits[:, 2] > logits[:, :2].max(axis=1))


def p_refuse(logits: Doubles) -> Doubles:
    """Return the probability [N] of the refusal among the three."""
    return np.asarray(np.exp(logits[:, 2] - np.logaddexp.reduce(logits, axis=1)))


def refusals(logits: Doubles, kinds: Sequence[str], clusters: Sequence[str]) -> dict[str, Any]:
    """Return the share refused, of all and by kind, and the mean probability of refusal.

    Args:
        logits: [N, 3].
        kinds: [N] what each picture is, such as "document" or "blurred".
        clusters: [N].
    """
    draws, said, kind = Draws.of(clusters), refused(logits), np.array(kinds)
    by_kind = {
        str(name): {"pictures": int((kind == name).sum())} | figure(draws.mean(said, kind == name)).to_dict()
        for name in np.unique(kind)
    }
    return {
        "pictures": len(said),
        "refused": figure(draws.mean(said)).to_dict(),
        "p_refuse": figure(draws.mean(p_refuse(logits))).to_dict(),
        "by_kind": by_kind,
    }
