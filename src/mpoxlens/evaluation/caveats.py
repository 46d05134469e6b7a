"""What must stand beside figures wherever they are shown: that they may be chance, or rest on too few people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mpoxlens.evaluation.metrics import CHANCE

LITTLE = 30  # clusters, below which intervals are told to be too narrow


def caveats(question: Mapping[str, Any], positive: str = "mpox") -> Iterator[str]:
    """Give the sentences for the figures of a question, as `battery.figures` makes them; none where all is well."""
    yield from _chance(question, positive)
    if question["clusters"] < LITTLE:
        yield too_narrow(question["clusters"])


def too_narrow(clusters: int) -> str:
    """Say that so few clusters do not carry their intervals."""
    return f"Only {clusters} clusters: intervals from so few are too narrow."


def _chance(question: Mapping[str, Any], positive: str) -> Iterator[str]:
    auroc, photos, mpox = question["auroc"], question["photos"], question["mpox"]
    if auroc["value"] is None:
        which = f"all {photos} are {positive}" if mpox else f"none of the {photos} is {positive}"
        yield f"No AUROC: it needs {positive} and others that the bundle has a label for, and {which}."
    elif auroc["low"] is None:
        yield "Not shown to be of use: the AUROC has no interval."
    elif auroc["low"] <= CHANCE:
        interval = f"{auroc['low']:.3f} to {auroc['high']:.3f}"
        yield f"Not shown to be of use: the AUROC's interval, {interval}, does not lie above .5, which is chance."
