"""A screening as plain JSON, one object a line. `screening.schema.json` publishes the form."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from importlib import resources
from typing import Any

from mpoxlens.schema import INTENDED_USE, Gate, History, Interval, Reason, Screening
from mpoxlens.screening.engine import Refused

SCHEMA_VERSION = 1
DIGITS = 6  # after the point: more than any of the numbers can bear


def to_line(found: Screening | Refused) -> str:
    """Return one line of JSON in ASCII, without its line feed."""
    return json.dumps(to_json(found), allow_nan=False)


def to_json(found: Screening | Refused) -> dict[str, Any]:
    """Return a screening, or why there is none, as finite plain JSON with the same leading fields."""
    return _refused(found) if isinstance(found, Refused) else _screened(found)


def schema_text() -> str:
    """Return the published JSON Schema."""
    return (resources.files("mpoxlens.screening") / "screening.schema.json").read_text(encoding="utf-8")


def _screened(found: Screening) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "file": _text(found.file),
        "decision": str(found.decision),
        "probability": _number(found.probability),
        "interval": _interval(found.interval),
        "gate": _gate(found.gate),
        "reasons": _reasons(found.reasons),
        "next_step": found.next_step,
        "error": None,
        "photo_probability": _number(found.photo_probability),
        "photo_interval": _interval(found.photo_interval),
        "prediction_set": list(found.prediction_set),
        "operating_point": _number(found.operating_point),
        "probabilities": {label: _number(p) for label, p in found.classification.probabilities.items()},
        "ood_score": _number(found.classification.ood_score),
        "history": _history(found.history),
        "provenance": asdict(found.provenance),
        "intended_use": INTENDED_USE,
    }


def _refused(found: Refused) -> dict[str, Any]:
    error = found.error
    return {
        "schema_version": SCHEMA_VERSION,
        "file": _text(found.file),
        "decision": None,
        "probability": None,
        "interval": None,
        "gate": None,
        "reasons": [],
        "next_step": _text(error.mend),
        "error": {
            "kind": type(error).__name__,
            "what": _text(error.what),
            "why": _text(error.why),
            "mend": _text(error.mend),
        },
        "intended_use": INTENDED_USE,
    }


def _gate(gate: Gate) -> dict[str, Any]:
    measures = {name: _number(value) for name, value in gate.measures.items()}
    return {"usable": gate.usable, "reasons": _reasons(gate.reasons), "measures": measures}


def _reasons(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    return [{"code": r.code, "text": r.text, "next_step": r.next_step} for r in reasons]


def _history(history: History) -> dict[str, Any]:
    return {
        "suspected_case": history.suspected_case,
        "criteria": [{"name": c.name, "met": c.met} for c in history.criteria],
        "evidence": [asdict(e) | {"likelihood_ratio": _number(e.likelihood_ratio)} for e in history.evidence],
        "likelihood_ratio": _number(history.likelihood_ratio),
        "answered": history.answered,
    }


def _interval(interval: Interval) -> dict[str, float]:
    return {"low": _number(interval.low), "high": _number(interval.high)}


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as JSON")
    return round(float(value), DIGITS)


def _text(value: str) -> str:
    """File names may hold bytes that are no UTF-8; they are shown as escapes, because JSON cannot carry them."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
