"""A file in its real runtime against the float network, photograph by photograph; what differs too much is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpoxlens.bundle import Outputs, Spec
from mpoxlens.errors import TrainingError
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import Doubles, Figure, Flags
from mpoxlens.evaluation.weighted import auroc
from mpoxlens.rules import side
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier

STEP = 32  # photographs a pass of the float network
MAX_LOST_AUROC = 0.005
# Of P(mpox). The thresholds are themselves probabilities of some photographs, out of fold: these lie on the line, and
# fall to either side by how a runtime adds up.
ROUNDING = 1e-5
MAX_UNEXPLAINED = 0.05  # logits by which the mean of a class's map may miss its logit


@dataclass(frozen=True)
class Bar:
    """What a precision may cost; the figures of int8 are those of the shipped bundle's own check."""

    median: float  # of |dP(mpox)|
    agreement: float  # least share of photographs with the same decision


BARS = {
    "fp32": Bar(1e-4, 0.999),
    "fp16": Bar(0.005, 0.98),
    "dynamic-int8": Bar(0.03, 0.95),
    "static-int8": Bar(0.03, 0.95),
    "qat-int8": Bar(0.03, 0.95),
}


@dataclass(frozen=True, eq=False)
class Checked:
    """The inputs that the two are compared on, and what is known of them."""

    inputs: Floats  # [N, 3, size, size]
    golden: Floats  # [G, 3, size, size], the bundle's drawings
    positive: Flags  # [N]
    asked: Flags  # [N], people with a rash: of them AUROC and sensitivity are computed
    clusters: tuple[str, ...]  # [N]


@dataclass(frozen=True)
class Parity:
    """How far a file is from the float network."""

    photos: int
    agreement: float  # share of photographs with the same decision (likely, unlikely, cannot tell), but for `ROUNDING`
    same_side: float  # of the operating point
    max_difference: float  # of P(mpox)
    median_difference: float
    golden_difference: float  # of P(mpox), the largest over the golden drawings
    unexplained: float  # logits by which the mean of a map misses its logit, at most
    delta_auroc: Figure  # file minus float, 95 % interval by cluster; NaN where a class is missing
    delta_sensitivity: Figure  # at the operating point

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON; None for what is no number."""
        plain = {name: value for name, value in vars(self).items() if not isinstance(value, Figure)}
        rounded = {name: _rounded(value) if isinstance(value, float) else value for name, value in plain.items()}
        deltas = {name: getattr(self, name).to_dict() for name in ("delta_auroc", "delta_sensitivity")}
        return rounded | deltas


def _rounded(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None


def float_outputs(model: Classifier, batch: Floats) -> Outputs:
    """Run the float network in torch on a batch [N, 3, size, size]."""
    import torch

    with torch.inference_mode():
        parts = [model(torch.from_numpy(batch[i : i + STEP])) for i in range(0, len(batch), STEP)]
    return Outputs(*(np.concatenate([part[i].numpy() for part in parts]) for i in range(3)))


def compare(full: Outputs, small: Outputs, golden: tuple[Outputs, Outputs], spec: Spec, checked: Checked) -> Parity:
    """Compare what two networks gave for the same inputs.

    Args:
        full: of the float network, for `checked.inputs`.
        small: of the file, for the same.
        golden: of both, for `checked.golden`.
        spec: the bundle's rules, by which both are judged.
        checked: what the inputs are.
    """
    p, q = (probability(spec, out) for out in (full, small))
    away = np.abs(p - q)
    p_golden, q_golden = (probability(spec, out) for out in golden)
    point, equal = spec.operating_point, away <= ROUNDING
    told = np.array([a == b for a, b in zip(_sides(spec, p), _sides(spec, q), strict=True)])
    return Parity(
        photos=len(p),
        agreement=float((told | equal).mean()),
        same_side=float((((p >= point) == (q >= point)) | equal).mean()),
        max_difference=float(away.max()),
        median_difference=float(np.median(away)),
        golden_difference=float(np.abs(p_golden - q_golden).max(initial=0.0)),
        unexplained=float(np.abs(small.cam.mean(axis=(2, 3)) - small.logits).max()),
        **_deltas(checked, p, q, point),
    )


def area(spec: Spec, out: Outputs, checked: Checked) -> Figure:
    """Return the AUROC among people with a rash, with its 95 % interval by cluster; NaN where a class is missing."""
    rows = np.flatnonzero(checked.asked)
    if not len(rows):
        return Figure(float("nan"), float("nan"), float("nan"))
    draws = Draws.of([checked.clusters[i] for i in rows])
    return figure(auroc(checked.positive[rows], probability(spec, out)[rows], draws.weights))


def decided(spec: Spec, out: Outputs, checked: Checked) -> Figure:
    """Return for which share of people with a rash P(mpox) gives a decision, with its interval; NaN where none has."""
    rows = np.flatnonzero(checked.asked)
    if not len(rows):
        return Figure(float("nan"), float("nan"), float("nan"))
    told = [one is not None for one in _sides(spec, probability(spec, out)[rows])]
    return figure(Draws.of([checked.clusters[i] for i in rows]).mean(np.array(told)))


def _deltas(checked: Checked, before: Doubles, after: Doubles, point: float) -> dict[str, Figure]:
    """Return what AUROC and sensitivity gain from the one to the other, among people with a rash."""
    rows = np.flatnonzero(checked.asked)
    if not len(rows):
        unknown = Figure(float("nan"), float("nan"), float("nan"))
        return {"delta_auroc": unknown, "delta_sensitivity": unknown}
    draws = Draws.of([checked.clusters[i] for i in rows])
    truth, p, q = checked.positive[rows], before[rows], after[rows]
    area = auroc(truth, q, draws.weights) - auroc(truth, p, draws.weights)
    found = draws.mean(q >= point, truth) - draws.mean(p >= point, truth)
    return {"delta_auroc": figure(area), "delta_sensitivity": figure(found)}


def probability(spec: Spec, out: Outputs) -> Doubles:
    """Return the calibrated P(mpox) [N] by the bundle's own rules."""
    column = spec.labels.index(spec.positive)
    return np.asarray(spec.calibration.probabilities(out.logits, column)[:, column])


def _sides(spec: Spec, p: Doubles) -> Iterator[str | None]:
    return (side(float(x), spec.conformal, spec.operating_point) for x in p)


def failings(found: Parity, precision: str) -> list[str]:
    """Return why a file is too far from the float network for its precision; none where it is near enough."""
    bar = BARS[precision]
    reasons = {
        f"P(mpox) differs by {found.median_difference:.4f} in the median, at most {bar.median} is allowed": not (
            found.median_difference <= bar.median
        ),
        f"{found.agreement:.1%} of the decisions agree, at least {bar.agreement:.1%} must": not (
            found.agreement >= bar.agreement
        ),
        f"AUROC falls by {-found.delta_auroc.value:.4f}, at most {MAX_LOST_AUROC} is allowed": (
            found.delta_auroc.value < -MAX_LOST_AUROC
        ),
        f"the maps miss their logits by {found.unexplained:.3f}, at most {MAX_UNEXPLAINED} is allowed": not (
            found.unexplained <= MAX_UNEXPLAINED
        ),
    }
    return [reason for reason, fails in reasons.items() if fails]


def require(found: Parity, name: str, precision: str) -> None:
    """Refuse a file that is too far from the float network.

    Raises:
        TrainingError: it fails the bar of its precision; the message has the reason.
    """
    failed = failings(found, precision)
    if failed:
        mend = "it was not written; calibrate with more photographs, or take another precision"
        raise TrainingError(f"{name} in {precision}", "; ".join(failed), mend)


def told(found: Parity) -> list[str]:
    """Return in lines how near a file is to the float network."""
    p = found
    return [
        f"{p.photos} photographs: {p.agreement:.1%} of the decisions agree, {p.same_side:.1%} on the same side",
        f"|dP(mpox)|: median {p.median_difference:.4f}, max {p.max_difference:.4f}; golden {p.golden_difference:.4f}",
        f"AUROC {_signed(p.delta_auroc)}; sensitivity {_signed(p.delta_sensitivity)}",
    ]


def _signed(figure: Figure) -> str:
    return f"{figure.value:+.4f} ({figure.low:+.4f} to {figure.high:+.4f})"
