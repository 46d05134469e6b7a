"""The report's pictures, each with the sentence that says what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.report.draw import Axis, Plot, Point, nice, points

BINS = 10  # of the reliability diagram, as of the expected calibration error
FEWEST = 5  # photographs a bin
SHARE = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Scores:
    """P(mpox) of N photographs, and which are mpox."""

    positive: Flags
    probability: Doubles
    operating_point: float  # NaN where each fold has its own


@dataclass(frozen=True)
class Picture:
    """A drawing with its caption."""

    title: str
    svg: Markup
    caption: str


def pictures(scores: Scores, figures: Mapping[str, Any], curves: Mapping[str, Any]) -> list[Picture]:
    """Return ROC, reliability, decision curve and risk-coverage; those that need both classes only where both are."""
    found = []
    if 0 < scores.positive.sum() < len(scores.positive):
        found += [roc(scores, figures), reliability(scores), decision(curves)]
    return [*found, coverage(curves)]


def roc(scores: Scores, figures: Mapping[str, Any]) -> Picture:
    """The receiver operating characteristic with the operating point and its intervals."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(scores.positive, scores.probability)
    plot = Plot(Axis("1 − specificity", ticks=SHARE), Axis("sensitivity", ticks=SHARE))
    sensitivity, specificity = figures["sensitivity"], figures["specificity"]
    at = (1 - _number(specificity["value"]), _number(sensitivity["value"]))
    across = [
        (1 - _number(specificity["high"]), at[1]),
        (1 - _number(specificity["low"]), at[1]),
    ]
    parts = (
        plot.line([(0, 0), (1, 1)], "half"),
        plot.line(list(zip(false.tolist(), true.tolist(), strict=True))),
        plot.line(across, "b"),
        plot.whiskers([(at[0], _number(sensitivity["low"]), _number(sensitivity["high"]))], "b"),
        plot.dots([at], "b"),
    )
    said = f"Sensitivity {at[1]:.2f} at specificity {1 - at[0]:.2f}, the operating point"
    svg = plot.svg(said, *parts)
    return Picture("Receiver operating characteristic", svg, f"{said} (the dot, with 95 % intervals). Dashed: a coin.")


def reliability(scores: Scores) -> Picture:
    """Observed frequency against probability in bins of equal count."""
    bins = max(2, min(BINS, len(scores.positive) // FEWEST))
    order = [
        rows for rows in np.array_split(np.argsort(scores.probability, kind="stable"), bins) if len(rows)
    ]  # fmt: skip
    told = [float(scores.probability[rows].mean()) for rows in order]
    seen = [float(scores.positive[rows].mean()) for rows in order]
    plot = Plot(Axis("probability told", ticks=SHARE), Axis("share that is mpox", ticks=SHARE))
    ends = [(x, *_wilson(y, len(rows))) for x, y, rows in zip(told, seen, order, strict=True)]
    dots: list[Point] = list(zip(told, seen, strict=True))
    parts = (plot.line([(0, 0), (1, 1)], "half"), plot.whiskers(ends), plot.line(dots), plot.dots(dots))
    svg = plot.svg(f"Reliability in {len(order)} bins", *parts)
    caption = (
        f"{len(order)} bins of equal count; whiskers are 95 % (Wilson) as if photographs were independent, "
        "which those of one person are not. Below the dashed line, more is told than is true."
    )
    return Picture("Reliability", svg, caption)


def decision(curves: Mapping[str, Any]) -> Picture:
    """Net benefit against the threshold."""
    model, everyone = points(curves["net_benefit"]), points(curves["net_benefit_treat_all"])
    low, high = (points(curves["net_benefit"], key) for key in ("low", "high"))
    top = max((y for _, y in (*high, *everyone) if y == y), default=1.0) or 1.0
    plot = Plot(Axis("threshold probability", ticks=SHARE), Axis("net benefit", -0.1, top, nice(-0.1, top)))
    shown = [p for p in everyone if p[1] >= -0.1]
    parts = (
        plot.line([(0, 0), (1, 0)], "half"),
        plot.band(_cut(low), _cut(high)),
        plot.line(shown, "c"),
        plot.line(_cut(model)),
    )
    caption = (
        "True positives gained a photograph, less false ones at the threshold's exchange rate (Vickers and Elkin "
        "2006), with its 95 % band. Thin: to act on everybody. Dashed: on nobody."
    )
    return Picture("Decision curve", plot.svg("Net benefit of acting on the probability", *parts), caption)


def coverage(curves: Mapping[str, Any]) -> Picture:
    """Share of right answers among the surest."""
    right = points(curves["right_at_coverage"])
    low, high = (points(curves["right_at_coverage"], key) for key in ("low", "high"))
    floor = min([0.5, *(y for _, y in low if y == y)])
    plot = Plot(Axis("share of photographs answered", ticks=SHARE), Axis("right answers", floor, 1.0, nice(floor, 1.0)))
    parts = (plot.band(low, high), plot.line([(0, 0.95), (1, 0.95)], "half"), plot.line(right), plot.dots(right))
    caption = "Right answers when the least sure photographs are left unanswered. Dashed: 95 %."
    return Picture("Risk and coverage", plot.svg("Share of right answers against share answered", *parts), caption)


def sweep(one: Mapping[str, Any]) -> Picture:
    """AUROC, and right answers among those decided, as damage grows."""
    rows = one["points"]
    plot = Plot(Axis("severity", 0, 5, (0, 1, 2, 3, 4, 5)), Axis("", 0.0, 1.0, SHARE), width=220, height=150)
    drawn = [plot.line([(0, 0.5), (5, 0.5)], "half")]
    for key, kind in (("auroc", "a"), ("right_when_decided", "b"), ("cannot_tell", "c")):
        drawn.append(plot.line([(row["severity"], _number(row[key]["value"])) for row in rows], kind))
    strongest = rows[-1]["strength"]
    caption = f"up to {strongest:g} {one['unit']}"
    return Picture(one["name"], plot.svg(f"{one['name']}: AUROC, right when decided, no decision", *drawn), caption)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _cut(line: Sequence[Point]) -> list[Point]:
    """Leave out what lies far below the plane, where a line along the edge would say what is not so."""
    return [p if p[1] >= -0.1 else (p[0], float("nan")) for p in line]


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share (Wilson 1927)."""
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    return middle - half, middle + half
