"""The report of a training run: one HTML file with the card and three pictures."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_curve

from mpoxlens.evaluation.battery import CrossFitted, Judged
from mpoxlens.evaluation.metrics import Doubles, Flags

SIDE = 300  # px of a picture
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
pre{white-space:pre-wrap;background:#8881;padding:1rem;border-radius:8px}figure{display:inline-block;margin:1rem}
svg{background:#fff;border:1px solid #8888;color:#222}:root{color-scheme:light dark}"""


def write_training_report(bundle: Path, judged: Judged, fitted: CrossFitted, path: Path) -> None:
    """Write the report of a bundle; pictures show photographs of a rash, out of fold."""
    positive = (judged.target == judged.positive)[judged.asked]
    p = fitted.probability[judged.asked]
    pictures = [
        _figure("Receiver operating characteristic: sensitivity against 1 - specificity", _roc(positive, p)),
        _figure(
            "Reliability: observed frequency against probability, five bins of equal count", _reliable(positive, p)
        ),
        _figure("P(mpox) of mpox (above) and of other rashes (below)", _histogram(positive, p)),
    ]
    card = html.escape((bundle / "card.md").read_text(encoding="utf-8"))
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Training report</title><style>{STYLE}</style>'
    part = path.with_suffix(".part")
    part.write_text(f"{head}<h1>Training report</h1>{''.join(pictures)}<pre>{card}</pre></html>\n", encoding="utf-8")
    part.replace(path)


def _figure(caption: str, drawing: str) -> str:
    svg = (
        f'<svg viewBox="-8 -8 {SIDE + 16} {SIDE + 16}" width="{SIDE}" role="img" aria-label="{caption}">{drawing}</svg>'
    )
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def _line(x: Doubles, y: Doubles, style: str) -> str:
    points = " ".join(f"{a * SIDE:.1f},{(1 - b) * SIDE:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" fill="none" {style}/>'


def _diagonal() -> str:
    ends = np.array([0.0, 1.0])
    return _line(ends, ends, 'stroke="#999" stroke-dasharray="4"')


def _roc(positive: Flags, p: Doubles) -> str:
    false, true, _ = roc_curve(positive, p)
    return _diagonal() + _line(false, true, 'stroke="#06c" stroke-width="2"')


def _reliable(positive: Flags, p: Doubles) -> str:
    bins = np.array_split(np.argsort(p, kind="stable"), 5)
    x, y = (np.array([values[rows].mean() for rows in bins]) for values in (p, positive))
    dots = "".join(
        f'<circle cx="{a * SIDE:.1f}" cy="{(1 - b) * SIDE:.1f}" r="5" fill="#06c"/>' for a, b in zip(x, y, strict=True)
    )
    return _diagonal() + _line(x, y, 'stroke="#06c"') + dots


def _histogram(positive: Flags, p: Doubles) -> str:
    bars = []
    for flags, colour, above in ((positive, "#c33", True), (~positive, "#06c", False)):
        heights = np.histogram(p[flags], 20, (0, 1))[0] / max(1, flags.sum()) * SIDE / 2
        for i, height in enumerate(heights):
            top = SIDE / 2 - (height if above else 0)
            place = f'x="{i * SIDE / 20:.1f}" y="{top:.1f}" width="{SIDE / 20 - 1:.1f}" height="{height:.1f}"'
            bars.append(f'<rect {place} fill="{colour}"/>')
    return "".join(bars)
