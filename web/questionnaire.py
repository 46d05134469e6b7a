"""Write the questions about the person as one FHIR R4 Questionnaire, with every translation inside.

    python web/questionnaire.py            write web/questionnaire/questionnaire.json
    python web/questionnaire.py --check    end with 1 if that file is not what it would write

The questions are those of `mpoxlens questions`; their translations stand in web/src/i18n. A question that is not asked
below some age is asked when the age is unknown too, as the command line asks it. Extensions: translation, minValue,
maxValue (FHIR R4 4.0.1), and a help text as an item of its own with the item control "help" (as the standard has it).
"""

from __future__ import annotations

import json
import math
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpoxlens.screening.questions import Question, questions

HERE = Path(__file__).parent
TARGET = HERE / "questionnaire" / "questionnaire.json"
LANGUAGES = ("fr", "es", "pt", "ar", "sw", "ln")
VERSION = "1"  # a change of wording keeps it, a change of questions or of their branching raises it
DATE = "2026-11-22"
URL = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, 'mpoxlens questionnaire')}"
FHIR = "http://hl7.org/fhir/StructureDefinition"
TYPES = {"yes/no": "boolean", "whole number": "integer", "number": "decimal"}
STATUS = "Translations are machine-drafted and need review by a speaker."

Texts = Mapping[str, Mapping[str, str]]  # language -> key -> text
Json = dict[str, Any]


def questionnaire(texts: Texts) -> Json:
    """Return the Questionnaire; `texts` holds the page's translations by language and key."""
    return {
        "resourceType": "Questionnaire",
        "language": "en",
        "url": URL,
        "version": VERSION,
        "name": "MpoxQuestions",
        "title": "Questions about a person with a rash that may be mpox",
        "status": "draft",
        "experimental": True,
        "subjectType": ["Patient"],
        "date": DATE,
        "description": f"Every question may be skipped: unknown is not no. {STATUS}",
        "item": [item(question, texts) for question in questions()],
    }


def item(question: Question, texts: Texts) -> Json:
    """Return one question with its range, its branching, and why it is asked."""
    field = question.field
    branching = {"enableWhen": _when(question.from_age), "enableBehavior": "any"} if question.from_age else {}
    edges = _edges(question)
    return {
        **({"extension": edges} if edges else {}),
        "linkId": field,
        "text": question.text,
        **_translated(f"question.{field}.text", texts),
        "type": TYPES[question.kind],
        **branching,
        "required": False,
        "item": [_why(question, texts)],
    }


def read_texts() -> Texts:
    """Return the page's translations as they stand."""
    return {code: json.loads((HERE / f"src/i18n/{code}.json").read_text("utf-8")) for code in LANGUAGES}


def dumped(content: Json) -> str:
    """Return the text of the file."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _edges(question: Question) -> list[Json]:
    value = "valueInteger" if question.kind == "whole number" else "valueDecimal"
    edges = (("minValue", question.low), ("maxValue", question.high))
    return [{"url": f"{FHIR}/{name}", value: edge} for name, edge in edges if math.isfinite(edge)]


def _when(from_age: int) -> list[Json]:
    return [
        {"question": "age", "operator": ">=", "answerInteger": from_age},
        {"question": "age", "operator": "exists", "answerBoolean": False},
    ]


def _why(question: Question, texts: Texts) -> Json:
    control = {"system": "http://hl7.org/fhir/questionnaire-item-control", "code": "help", "display": "Help-Button"}
    return {
        "extension": [{"url": f"{FHIR}/questionnaire-itemControl", "valueCodeableConcept": {"coding": [control]}}],
        "linkId": f"{question.field}-why",
        "text": question.why,
        **_translated(f"question.{question.field}.why", texts),
        "type": "display",
    }


def _translated(key: str, texts: Texts) -> Json:
    found = [
        {
            "url": f"{FHIR}/translation",
            "extension": [{"url": "lang", "valueCode": code}, {"url": "content", "valueString": told[key]}],
        }
        for code, told in texts.items()
        if key in told
    ]
    return {"_text": {"extension": found}} if found else {}


def main() -> int:
    """Write or check the file; return the exit code."""
    text = dumped(questionnaire(read_texts()))
    if "--check" not in sys.argv[1:]:
        part = TARGET.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(TARGET)
    elif not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != text:
        sys.stderr.write("web/questionnaire/questionnaire.json is not up to date; run: python web/questionnaire.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
