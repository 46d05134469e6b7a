"""The flags are explained once, and the page about them says what the limits are."""

import re
from pathlib import Path

from mpoxlens.datasets.quality.checks import CHECKS, FLAGS, MEANINGS, raised

PAGE = Path(__file__).parents[3] / "docs" / "howto-quality.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_the_page_explains_each_flag_in_the_words_of_the_review() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert [flag for flag, *_ in rows] == list(FLAGS)
    assert {flag: meaning for flag, meaning, *_ in rows} == MEANINGS


def test_the_page_names_each_measure_with_its_limit() -> None:
    limits = re.findall(r"`(\w+)` ([<≥]) ([\d.]+)", PAGE.read_text(encoding="utf-8"))
    assert limits == [(c.measure, "<" if c.below else "≥", f"{c.limit:g}") for c in CHECKS]


def test_limits_are_where_the_page_says() -> None:
    fine = {check.measure: check.limit + (1 if check.below else -1) for check in CHECKS}
    assert raised(fine) == []
    assert raised(fine | {"side": 95.0, "chroma": 10.0, "face": 0.35}) == ["face", "lowres"]
