"""Write what the page shares with Python: questions, likelihood ratios, thresholds, English texts, the policy.

    python web/tables.py            write web/src/tables/*.json
    python web/tables.py --check    say which of them differ, and end with 1 if any does

The texts are those that Python itself gives: every rule is made to speak once, and numbers in what it says become
placeholders. So a changed sentence cannot stay behind in the page.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import mpoxlens
from mpoxlens import photo, preprocess, rules
from mpoxlens.schema import INTENDED_USE, ClinicalInfo, Decision, Gate, Interval, Photo, Reason
from mpoxlens.screening import case_definition, combine, decide, gate, heatmap, history, json_lines, questions
from mpoxlens.screening.likelihood import load_table
from mpoxlens.web.site import POLICY

FOLDER = Path(__file__).parent / "src" / "tables"
CONFORMAL = rules.Conformal(0.1, 0.2, 0.6)  # any that leaves room for every decision
LINE = 0.3
LIKELY, OPEN, UNLIKELY = 0.9, 0.4, 0.05
ABOUT = "Written by web/tables.py from the Python clinic; do not edit."


def tables() -> dict[str, dict[str, Any]]:
    """Return the content of each file by its name."""
    return {
        "questions.json": {"about": ABOUT, "questions": [_question(q) for q in questions.questions()]},
        "likelihood.json": {"about": ABOUT, **asdict(load_table())},
        "rules.json": {"about": ABOUT, **_rules()},
        "strings.json": {"about": ABOUT, **_strings()},
        "policy.json": {"about": ABOUT, "directives": POLICY.split("; ")},
    }


def _question(question: questions.Question) -> dict[str, Any]:
    row = asdict(question)
    return row | {edge: row[edge] if math.isfinite(row[edge]) else None for edge in ("low", "high")}


def _rules() -> dict[str, Any]:
    """Every constant of the clinic's modules, and the pairs of answers that contradict each other."""
    return {
        "version": mpoxlens.__version__,
        "gate": _constants(gate),
        "photo": _constants(photo, "MAX_BYTES", "MAX_PIXELS", "MAX_RAW_PIXELS", "MIN_SIDE", "WORKING_SIDE"),
        "preprocess": _constants(preprocess),
        "calibration": _constants(rules),
        "decide": _constants(decide, "STRONGLY_AGAINST"),
        "case_definition": _constants(case_definition, "FEVER_ABOVE"),
        "heatmap": _constants(heatmap),
        "json": _constants(json_lines),
        "contradictions": history._CONTRADICTIONS,
        "spots": history._SPOTS,
    }


def _constants(module: Any, *names: str) -> dict[str, Any]:
    found = names or tuple(n for n in vars(module) if n.isupper() and not n.startswith("_"))
    return {name: getattr(module, name) for name in found if isinstance(getattr(module, name), (int, float, tuple))}


def _strings() -> dict[str, Any]:
    criteria = case_definition.suspected_case(ClinicalInfo())[1]
    return {
        "intended_use": INTENDED_USE,
        "reasons": {key: asdict(reason) for key, reason in (_gate_reasons() | _decide_reasons()).items()},
        "next_step": {"likely": decide.NEXT_LIKELY, "unlikely": decide.NEXT_UNLIKELY, "care": decide.CARE},
        "percent": {"below": decide.percent(0), "above": decide.percent(1), "whole": _held(decide.percent(0.37), "37")},
        "criteria": [criterion.name for criterion in criteria],
        "case_definition": case_definition.SOURCE,
    }


def _gate_reasons() -> dict[str, Reason]:
    """Each reason of the gate, from the measures of a photograph that fails all rules of one kind."""
    dark = {"shorter_side": 37, "brightest": 0.0, "darkest": 0.0, "blown_out": 0.0, "skin": 0.0, "sharpness": 0.0}
    bright = dark | {"brightest": 255.0, "darkest": 255.0}
    drawing = Photo(np.zeros((1, 1, 3), np.uint8), "", "", 1, 1, drawn=True)
    found = [*gate._drawn(drawing), *gate._reasons(dark), *gate._reasons(bright), gate.strange(2.0, 1.0)]
    reasons = {reason.code: reason for reason in found if reason}
    small = reasons["too_small"]
    text = _held(_held(small.text, "37", "side"), str(gate.MIN_STORED_SIDE), "least")
    return reasons | {"too_small": Reason(small.code, text, small.next_step)}


def _decide_reasons() -> dict[str, Reason]:
    """Each reason of a decision by code and, where one code has several texts, by what makes the difference."""
    return {
        "unusable": _first(Gate(False), LIKELY, LIKELY),
        "history_contradicts_contact": _first(Gate(True), UNLIKELY, UNLIKELY, contact=True),
        "history_contradicts_for": _first(Gate(True), UNLIKELY, LIKELY, ratio=5.0),
        "history_contradicts_against": _first(Gate(True), LIKELY, LIKELY, ratio=0.5),
        "history_alone": _first(Gate(True), OPEN, UNLIKELY, ratio=0.6),
        "answers_undecide": _first(Gate(True), UNLIKELY, OPEN, ratio=2.0),
        "both_fit": _first(Gate(True), OPEN, OPEN),
        "none_fits": _none_fits(),
        "photo_likely": _shared(_first(Gate(True), LIKELY, LIKELY), LIKELY),
        "photo_unlikely": _shared(_first(Gate(True), UNLIKELY, UNLIKELY), UNLIKELY),
        "history_for": _grounds(LIKELY, 2.0)[1],
        "history_against": _grounds(LIKELY, 0.9)[1],
        "suspected_case": _grounds(LIKELY, 1.0, suspected=True)[1],
        "low_line": _shared(_grounds(0.45, 1.0)[1], LINE),
        "photos_disagree": combine.PHOTOS_DISAGREE,
        "photo_left_out": combine.PHOTO_LEFT_OUT,
    }


def _first(judged: Gate, alone: float, both: float, *, ratio: float = 1.0, contact: bool | None = None) -> Reason:
    numbers = decide.Numbers(judged, None, alone, both, Interval(0, 1), ratio, None, contact)
    return decide.decide(numbers, CONFORMAL, LINE).reasons[0]


def _none_fits() -> Reason:
    numbers = decide.Numbers(Gate(True), None, OPEN, OPEN, Interval(0, 1), 1.0, None, None)
    return decide.decide(numbers, rules.Conformal(0.1, 0.6, 0.2), LINE).reasons[0]


def _grounds(both: float, ratio: float, *, suspected: bool | None = None) -> list[Reason]:
    numbers = decide.Numbers(Gate(True), None, both, both, Interval(0, 1), ratio, suspected, None)
    return list(decide._grounds(numbers, Decision.LIKELY, LINE))


def _shared(reason: Reason, probability: float) -> Reason:
    return Reason(reason.code, _held(reason.text, decide.percent(probability), "share"), reason.next_step)


def _held(text: str, spoken: str, name: str = "share") -> str:
    """Put a placeholder in the place of a number that was said; ValueError unless it was said exactly once."""
    if text.count(spoken) != 1:
        raise ValueError(f"{spoken!r} does not stand once in {text!r}")
    return text.replace(spoken, "{" + name + "}")


def dumped(content: dict[str, Any]) -> str:
    """Return a file's text."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def differing(folder: Path = FOLDER) -> list[str]:
    """Return the names of the files that are not what the clinic now says."""
    found = {name: folder / name for name in tables()}
    return [
        name
        for name, content in tables().items()
        if not found[name].is_file() or found[name].read_text(encoding="utf-8") != dumped(content)
    ]


def main(arguments: list[str]) -> int:
    """Write or check the tables."""
    stale = differing()
    if "--check" not in arguments:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (FOLDER / name).write_text(dumped(tables()[name]), encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{'differs' if '--check' in arguments else 'written'}: web/src/tables/{name}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
