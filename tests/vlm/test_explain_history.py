"""`mpoxlens explain history`, from the command line to the table, with a model of the real classes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from tiny_assistant import photograph, rules, save

from mpoxlens.cli_explain import explain
from mpoxlens.errors import DataError, HistoryError, PhotoError
from mpoxlens.explain.tokens import worth_of
from mpoxlens.photo import read_photo
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.asking import Assistant

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("adapter"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return photograph(tmp_path / "rash.jpg")


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.json"
    path.write_text('{"fever": true, "itch": false}', encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(explain, ["history", *map(str, arguments)], catch_exceptions=False)


def test_the_verb_says_what_the_function_finds(adapter: Path, photo: Path, answers: Path) -> None:
    done = run(photo, "--history", answers, "--adapter", adapter, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    reader = Assistant.load(adapter).reader
    info = ClinicalInfo(fever=True, itch=False)
    found = worth_of(reader, read_photo(photo), info, calibration=rules().calibration)
    assert [one["field"] for one in told["answers"]] == ["fever", "itch"]
    assert [one["model"] for one in told["answers"]] == pytest.approx([one.model for one in found.answers])
    assert told["log_odds"] - told["photo_log_odds"] == pytest.approx(told["model"])
    assert told["exact"] == pytest.approx(found.exact)
    assert told["adapter"]["adapter_sha256"]


def test_the_table_multiplies_odds(adapter: Path, photo: Path, answers: Path) -> None:
    told = json.loads(run(photo, "--history", answers, "--adapter", adapter, "--json").stdout)
    done = run(photo, "--history", answers, "--adapter", adapter)
    first, head, *rows = done.stdout.splitlines()
    assert "by the photo alone" in first
    assert head.split()[-2:] == ["model", "table"]
    assert [row.split("  ")[0].strip() for row in rows] == ["fever", "no itch", "all together"]
    for row, one in zip(rows, [*told["answers"], told], strict=True):
        model, table = (float(part) for part in row.split(" x ")[1:])
        assert (model, table) == pytest.approx((math.exp(one["model"]), math.exp(one["exact"])), rel=5e-3)
    assert "simulated" in done.stderr
    assert "Not a diagnosis" in done.stderr


def test_what_cannot_be_explained_is_refused_before_anything_is_loaded(
    photo: Path, answers: Path, tmp_path: Path
) -> None:
    nowhere, grey, nothing = tmp_path / "none", tmp_path / "grey.png", tmp_path / "nothing.json"
    Image.new("RGB", (320, 320), (120, 120, 120)).save(grey)
    nothing.write_text("{}", encoding="utf-8")
    with pytest.raises(HistoryError, match="no answer"):
        run(photo, "--history", nothing, "--adapter", nowhere)
    with pytest.raises(PhotoError, match="cannot be judged"):
        run(grey, "--history", answers, "--adapter", nowhere)
    with pytest.raises(DataError, match="profile"):
        run(photo, "--history", answers, "--adapter", nowhere, "--profile", "1958")
