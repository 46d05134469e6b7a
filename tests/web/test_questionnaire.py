"""The Questionnaire and the page's Bundle are FHIR: held to its published structures, and to the rules beyond them.

fhir.resources carries the structures of R4B (4.3.0), which are those of R4 (4.0.1) for every resource that is used.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from mpoxlens.screening.questions import questions

WEB = Path(__file__).parents[2] / "web"
FHIR = "http://hl7.org/fhir/StructureDefinition"
TOLD: dict[str, Any] = json.loads((WEB / "questionnaire/questionnaire.json").read_text("utf-8"))
BUNDLE: dict[str, Any] = json.loads((WEB / "test/unit/takeaway.bundle.json").read_text("utf-8"))
OPEN: dict[str, Any] = json.loads((WEB / "test/unit/takeaway.open.json").read_text("utf-8"))  # of "cannot tell"
RESOURCES: list[dict[str, Any]] = [entry["resource"] for entry in BUNDLE["entry"]]


def valid(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_the_file_is_what_the_questions_and_translations_say() -> None:
    done = subprocess.run([sys.executable, WEB / "questionnaire.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_a_questionnaire() -> None:
    valid(TOLD)


def test_it_asks_what_the_clinic_asks_and_needs_no_answer() -> None:
    items = TOLD["item"]
    assert [item["linkId"] for item in items] == [question.field for question in questions()]
    assert [item["text"] for item in items] == [question.text for question in questions()]
    assert not any(item["required"] for item in items)
    links = [one["linkId"] for item in items for one in (item, *item["item"])]
    assert len(set(links)) == len(links)


def test_ranges_are_of_the_answers_own_kind() -> None:
    ranges = {
        item["linkId"]: [(edge["url"].removeprefix(f"{FHIR}/"), *list(edge.items())[1]) for edge in item["extension"]]
        for item in TOLD["item"]
        if "extension" in item
    }
    assert ranges == {
        "age": [("minValue", "valueInteger", 0), ("maxValue", "valueInteger", 120)],
        "days_since_onset": [("minValue", "valueInteger", 0), ("maxValue", "valueInteger", 365)],
        "lesion_count": [("minValue", "valueInteger", 0), ("maxValue", "valueInteger", 20000)],
        "fever_celsius": [("minValue", "valueDecimal", 34.0), ("maxValue", "valueDecimal", 43.0)],
    }


def test_children_are_not_asked_what_is_for_adults() -> None:
    adult = [
        {"question": "age", "operator": ">=", "answerInteger": 18},
        {"question": "age", "operator": "exists", "answerBoolean": False},
    ]
    branching = {
        item["linkId"]: (item["enableWhen"], item["enableBehavior"]) for item in TOLD["item"] if "enableWhen" in item
    }
    assert branching == dict.fromkeys(("intimate_contact_21_days", "sex_with_men", "hiv"), (adult, "any"))


def test_every_text_is_there_in_six_languages() -> None:
    for item in TOLD["item"]:
        for one in (item, *item["item"]):
            found = {
                e["extension"][0]["valueCode"]: e["extension"][1]["valueString"] for e in one["_text"]["extension"]
            }
            assert set(found) == {"fr", "es", "pt", "ar", "sw", "ln"}, one["linkId"]
            assert one["text"] not in found.values()


def test_the_bundle_of_the_page_is_valid_as_a_whole_and_in_each_part() -> None:
    kinds = [resource["resourceType"] for resource in RESOURCES]
    assert kinds == [
        *("Patient", "Device", "QuestionnaireResponse"),
        *("Observation", "Observation", "Observation", "RiskAssessment", "Media", "Provenance"),
    ]
    for resource in (BUNDLE, *RESOURCES):
        valid(resource)


def test_a_bundle_without_a_probability_is_valid_too() -> None:
    for resource in (OPEN, *(entry["resource"] for entry in OPEN["entry"])):
        valid(resource)
    observation = OPEN["entry"][3]["resource"]
    for part in (observation, *observation["component"]):
        assert "valueQuantity" not in part
        assert part["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_the_validator_refuses_what_is_not_fhir() -> None:
    broken = [resource | {"probability": 1} for resource in RESOURCES[1:]]
    lacking = [{k: v for k, v in RESOURCES[6].items() if k != "subject"}, RESOURCES[3] | {"status": 5}]
    for resource in (*broken, *lacking):
        try:
            valid(resource)
        except ValueError:
            continue
        raise AssertionError(resource["resourceType"])


def test_the_answers_fit_the_questionnaire() -> None:
    answers = RESOURCES[2]
    assert answers["questionnaire"] == f"{TOLD['url']}|{TOLD['version']}"
    types = {item["linkId"]: item["type"] for item in TOLD["item"]}
    value = {"boolean": "valueBoolean", "integer": "valueInteger", "decimal": "valueDecimal"}
    given = {item["linkId"]: item["answer"] for item in answers["item"]}
    assert {link: next(iter(answer[0])) for link, answer in given.items()} == {
        link: value[types[link]] for link in given
    }
    assert given["age"] == [{"valueInteger": 34}]


def test_a_chance_is_in_per_cent_as_r4_has_it() -> None:
    (prediction,) = RESOURCES[6]["prediction"]
    assert prediction["probabilityDecimal"] == 81.25
    assert prediction["rationale"].startswith("95 % interval 70 % to 90 %")
    assert RESOURCES[3]["valueQuantity"] == {
        "value": 50,
        "unit": "%",
        "system": "http://unitsofmeasure.org",
        "code": "%",
    }


def test_an_observation_without_a_value_says_so() -> None:
    for part in RESOURCES[4]["component"]:
        assert ("valueBoolean" in part) is not ("dataAbsentReason" in part), part["code"]["text"]
