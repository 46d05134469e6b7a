"""JSON lines keep to the published schema."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from mpoxlens.errors import PhotoError
from mpoxlens.schema import ClinicalInfo, Interval
from mpoxlens.screening.engine import Refused, Screener
from mpoxlens.screening.json_lines import schema_text, to_json, to_line

CHECKER = jsonschema.Draft202012Validator(json.loads(schema_text()))
REFUSED = Refused("a\udcff.jpg", PhotoError("a.jpg", "no such file", "check the name"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(CHECKER.schema)


@pytest.mark.parametrize("info", [ClinicalInfo(), ClinicalInfo(contact_21_days=True, acute_rash=False, age=3)])
def test_screenings_keep_to_it(screener: Screener, photo_path: Path, info: ClinicalInfo) -> None:
    found = screener.screen(photo_path, info)
    line = to_line(found)
    assert "\n" not in line
    assert line.isascii()
    data = json.loads(line)
    CHECKER.validate(data)
    assert data["file"] == str(photo_path)
    assert data["decision"] == found.decision.value
    assert data["probability"] == pytest.approx(found.probability, abs=1e-6)
    assert data["interval"]["low"] <= data["probability"] <= data["interval"]["high"]
    assert sum(data["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert data["error"] is None


def test_refusals_keep_to_it() -> None:
    data = json.loads(to_line(REFUSED))
    CHECKER.validate(data)
    assert data["file"] == "a\\xff.jpg"  # a file name that is no UTF-8
    assert data["decision"] is None
    error = {"kind": "PhotoError", "what": "a.jpg", "why": "no such file", "mend": "check the name"}
    assert data["error"] == error


def test_the_schema_refuses_what_is_missing_or_unknown(screener: Screener, photo_path: Path) -> None:
    data = to_json(screener.screen(photo_path))
    for broken in ({k: v for k, v in data.items() if k != "decision"}, data | {"x": 1}, data | {"probability": 1.5}):
        with pytest.raises(jsonschema.ValidationError):
            CHECKER.validate(broken)


def test_numbers_that_are_not_finite_are_never_written(screener: Screener, photo_path: Path) -> None:
    found = replace(screener.screen(photo_path), interval=Interval(float("nan"), 1.0))
    with pytest.raises(ValueError, match="nan cannot be written as JSON"):
        to_line(found)


def test_several_photos_together_keep_to_it(screener: Screener, photo_path: Path) -> None:
    data = to_json(screener.screen_together([photo_path, photo_path]))
    CHECKER.validate(data)
    assert data["file"] == f"{photo_path}, {photo_path}"
    one, other = data["provenance"]["photo_sha256"].split(" ")
    assert one == other == hashlib.sha256(photo_path.read_bytes()).hexdigest()


def test_every_code_of_a_reason_is_documented() -> None:
    root = Path(__file__).parents[2]
    reasons = json.loads((root / "web" / "src" / "tables" / "strings.json").read_text("utf-8"))["reasons"]
    rows = [line for line in (root / "docs" / "json.md").read_text("utf-8").splitlines() if "`too_small`" in line]
    assert sorted(re.findall("`([a-z_]+)`", *rows)) == sorted({row["code"] for row in reasons.values()})
