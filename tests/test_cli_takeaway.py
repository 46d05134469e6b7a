"""The verbs for what people bring along."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from click.testing import CliRunner

from mpoxlens.cli_takeaway import handover, read_code
from mpoxlens.errors import DataError
from mpoxlens.screening.decide import NEXT_LIKELY

PAGE = Path(__file__).parents[1] / "web/test/unit"
CODE = "MPOXLENS:1:0.1.0:L:8125:7000:9000:A1B2C3D4E5F60708:20261122T164500Z:6E2E4E66A7A9C043"


def test_a_code_is_told_in_words_with_what_it_does_not_show() -> None:
    done = CliRunner().invoke(read_code, [CODE])
    assert done.output.splitlines() == [
        "mpox likely: 81 % (95 % interval 70 % to 90 %)",
        NEXT_LIKELY,
        "made 2026-11-22 16:45 UTC by mpoxlens 0.1.0",
        "model: another bundle (a1b2c3d4e5f60708...)",
        "The code is unchanged. It does not show who made it.",
        "Research use only. Not a diagnosis, not a medical device.",
    ]


def test_no_decision_rests_on_the_numbers_of_an_open_code() -> None:
    said = CODE[:-17].replace(":L:", ":C:")
    done = CliRunner().invoke(read_code, [f"{said}:{sha256(said.encode()).hexdigest()[:16]}"])
    first, second, *_ = done.output.splitlines()
    assert first.startswith("cannot tell: 81 %")
    assert second.startswith("No decision rests on these numbers. Until it is clear, avoid close contact")


def test_a_changed_code_is_refused() -> None:
    error = CliRunner().invoke(read_code, [CODE.replace("8125", "1825")]).exception
    assert isinstance(error, DataError)
    assert error.why == "it is damaged or was changed"


def test_a_locked_file_is_opened_with_its_key() -> None:
    locked, key = PAGE / "takeaway.locked.json", PAGE / "takeaway.key.pem"
    done = CliRunner().invoke(handover, ["open", str(locked), "--key", str(key)])
    assert json.loads(done.output)["format"] == "mpoxlens take-along"


def test_a_key_is_made_and_its_public_half_printed(tmp_path: Path) -> None:
    done = CliRunner().invoke(handover, ["key", str(tmp_path / "key.pem")])
    assert done.output.startswith("MPOXLENS-KEY:1:")
    assert (tmp_path / "key.pem").read_text().startswith("-----BEGIN PRIVATE KEY-----")
