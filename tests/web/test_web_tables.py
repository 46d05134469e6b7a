"""The page's tables are what the clinic says now."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from mpoxlens import ClinicalInfo, Screener
from mpoxlens.screening import gate
from mpoxlens.screening.case_definition import suspected_case
from mpoxlens.screening.decide import percent
from mpoxlens.screening.questions import questions
from mpoxlens.web.site import POLICY

WEB = Path(__file__).parents[2] / "web"


def table(name: str) -> Any:
    return json.loads((WEB / "src" / "tables" / f"{name}.json").read_text("utf-8"))


def test_the_tables_are_what_the_clinic_says() -> None:
    done = subprocess.run([sys.executable, WEB / "tables.py", "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_question_and_threshold_is_there() -> None:
    assert [row["field"] for row in table("questions")["questions"]] == [one.field for one in questions()]
    assert table("rules")["gate"]["MIN_SHARPNESS"] == gate.MIN_SHARPNESS == 2.75
    assert table("rules")["photo"]["WORKING_SIDE"] == 640


def test_every_reason_has_a_text_and_only_numbers_became_placeholders() -> None:
    strings = table("strings")
    held = {key: row["text"] for key, row in strings["reasons"].items() if "{" in row["text"]}
    assert sorted(held) == ["low_line", "photo_likely", "photo_unlikely", "too_small"]
    assert held["too_small"] == "The photo is too small: {side} pixels, at least {least} are needed."
    assert strings["percent"]["whole"].format(share=37) == percent(0.37)
    assert strings["criteria"] == [one.name for one in suspected_case(ClinicalInfo())[1]]


def test_a_reason_that_python_gives_stands_in_the_table(tmp_path: Path) -> None:
    from PIL import Image

    from mpoxlens.datasets.phantom import draw

    Image.fromarray(draw(1, size=64).pixels).save(tmp_path / "small.png")
    (reason, *_) = Screener.default().screen(tmp_path / "small.png").reasons
    row = table("strings")["reasons"][reason.code]
    assert row["text"].format(side=64, least=gate.MIN_STORED_SIDE) == reason.text
    assert row["next_step"] == reason.next_step


def test_the_page_is_built_with_the_policy_of_the_server() -> None:
    assert "; ".join(table("policy")["directives"]) == POLICY
    meta = '<meta http-equiv="Content-Security-Policy" content="__POLICY__" />'  # filled in by the build
    assert (WEB / "index.html").read_text("utf-8").count(meta) == 1
