"""Variants of a model, what they cost and how well they judge; which of them no other beats, and which is taken.

The rule by which the default bundle's file is picked, in this order:

1. It runs in the bundle's runtime and passed the bar of its precision, on the data set and out of fold.
2. Its out-of-fold AUROC is at most `MARGIN` below the best of those. The estimates are compared and not their bounds:
   the files judge the same photographs, whose draw moves all of them alike and widens the interval of each.
3. It gives a decision to at most `FEWER` less of the people with a rash, out of fold, than the best of those that are
   left: two networks of one AUROC may differ in how often they can tell.
4. Of what is left, the product of its bytes and its median latency is the smallest; of equals, the one of fewer bytes.

The product needs no weights: half the bytes are worth as much as half the time, whatever the units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Figure

MARGIN = 0.005  # of AUROC
FEWER = 0.05  # of the share that gets a decision
COSTS = {"bytes": "size, MB", "p50_ms": "latency, ms (median)", "peak_mib": "peak memory of the model, MiB"}


@dataclass(frozen=True)
class Variant:
    """One file: what it costs and how well it judges what it did not learn from."""

    name: str
    runtime: str
    precision: str
    bytes: int
    p50_ms: float  # one photograph
    peak_mib: float  # what came on top of the runtime's libraries
    auroc: Figure  # out of fold, people with a rash; NaN where it was not measured
    decided: Figure  # share of people with a rash who get a decision, out of fold; NaN where it was not measured
    passes: bool  # the bar of its precision
    threads: int = 1

    def cost(self, key: str) -> float:
        """Return one of `COSTS`."""
        return float(getattr(self, key))


def front(variants: Sequence[Variant], key: str) -> tuple[Variant, ...]:
    """Return those that no other beats: none that passes is at least as good at a lower cost, or better at the same.

    Args:
        variants: with AUROC or without; one without is in no front.
        key: one of `COSTS`.
    """
    known = [one for one in variants if one.passes and not isnan(one.auroc.value)]
    order = sorted(known, key=lambda one: (one.cost(key), -one.auroc.value))
    found: list[Variant] = []
    for one in order:
        if not found or one.auroc.value > found[-1].auroc.value:
            found.append(one)
    return tuple(found)


def pick(variants: Sequence[Variant], runtime: str = "onnx") -> Variant:
    """Return the variant that the default bundle carries, by the rule above.

    Raises:
        DataError: none is of this runtime, passes and was judged out of fold.
    """
    judged = [v for v in variants if v.runtime == runtime and v.passes]
    known = [v for v in judged if not isnan(v.auroc.value) and not isnan(v.decided.value)]
    if not known:
        why = f"no {runtime} file among them passes its bar and has an AUROC and a share decided, out of fold"
        raise DataError("the files", why, "judge them first with: mpoxlens parity FILE RUN --data WORK")
    best = max(one.auroc.value for one in known)
    near = [one for one in known if round(best - one.auroc.value, 6) <= MARGIN]
    most = max(one.decided.value for one in near)
    near = [one for one in near if round(most - one.decided.value, 6) <= FEWER]
    return min(near, key=lambda one: (one.bytes * one.p50_ms, one.bytes, one.name))
