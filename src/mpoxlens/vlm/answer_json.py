"""An answer as plain JSON, one object a line. `answer.schema.json` publishes the form."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources
from typing import Any

from mpoxlens.schema import INTENDED_USE, Interval
from mpoxlens.screening.engine import Refused
from mpoxlens.screening.json_lines import DIGITS, SCHEMA_VERSION
from mpoxlens.screening.json_lines import to_json as screened_json
from mpoxlens.vlm.talk import Answer


def to_line(found: Answer | Refused) -> str:
    """Return one line of JSON in ASCII, without its line feed."""
    return json.dumps(to_json(found), allow_nan=False)


def to_json(found: Answer | Refused) -> dict[str, Any]:
    """Return an answer, or why there is none, as finite plain JSON with the leading fields of a screening."""
    if isinstance(found, Refused):
        return screened_json(found)
    return {
        "schema_version": SCHEMA_VERSION,
        "file": found.file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
        "decision": str(found.decision),
        "probability": _number(found.probability),
        "interval": _interval(found.interval),
        "gate": asdict(found.gate) | {"reasons": [asdict(one) for one in found.gate.reasons]},
        "reasons": [asdict(one) for one in found.reasons],
        "next_step": found.next_step,
        "error": None,
        "photo_probability": _number(found.photo_probability),
        "prediction_set": list(found.prediction_set),
        "operating_point": _number(found.operating_point),
        "suspected_case": found.history.suspected_case,
        "answered": found.history.answered,
        "question": found.question,
        "text": found.text,
        "provenance": dict(found.provenance),
        "intended_use": INTENDED_USE,
    }


def schema_text() -> str:
    """Return the published JSON Schema."""
    return (resources.files("mpoxlens.vlm") / "answer.schema.json").read_text(encoding="utf-8")


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else {"low": _number(interval.low), "high": _number(interval.high)}


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
