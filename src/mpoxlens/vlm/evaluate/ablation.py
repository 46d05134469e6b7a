"""What a part of the model is worth: runs without it against the full one, on the same photographs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpoxlens.vlm.evaluate.accuracy import accuracy
from mpoxlens.vlm.evaluate.scores import Scores

FULL = "full"


def ablations(full: Scores, without: Mapping[str, Scores]) -> dict[str, Any]:
    """Return the figures of all runs, and what each lacks against the full one; below 0, the part was worth having.

    P-values are corrected (Holm) among the runs.

    Raises:
        DataError: a run is not of the same photographs.
    """
    return accuracy({FULL: full, **without}, [(name, FULL) for name in without])
