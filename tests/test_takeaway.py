"""Codes that the page writes are read here, and the other way round."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mpoxlens.datasets.qr_code import find_code
from mpoxlens.errors import DataError
from mpoxlens.schema import Decision, Interval
from mpoxlens.screening.engine import Screener
from mpoxlens.takeaway import Code, read_code, same_bundle, write_code

PAGE = Path(__file__).parents[1] / "web/test/unit"  # what the page wrote, held to by its own tests
SAID = "MPOXLENS:1:0.1.0:L:8125:7000:9000:A1B2C3D4E5F60708:20261122T164500Z"
CODE = f"{SAID}:6E2E4E66A7A9C043"


def checked(said: str) -> str:
    return f"{said}:{sha256(said.encode()).hexdigest()[:16].upper()}"


def test_a_code_of_the_page_is_read() -> None:
    made = datetime(2026, 11, 22, 16, 45, tzinfo=UTC)
    assert read_code(CODE) == Code("0.1.0", Decision.LIKELY, 0.8125, Interval(0.7, 0.9), "a1b2c3d4e5f60708", made)
    assert read_code(f" {CODE[:30].lower()}\n {CODE[30:]}\n") == read_code(CODE)


def test_the_picture_that_the_page_draws_is_read(tmp_path: Path) -> None:
    path = (PAGE / "takeaway.qr.txt").read_text()
    dark = np.array([(int(row), int(column)) for column, row in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)])
    modules = np.full((41, 41), 255, np.uint8)
    modules[dark[:, 0], dark[:, 1]] = 0
    photo = Image.fromarray(np.kron(modules, np.ones((9, 9), np.uint8))).rotate(7, fillcolor=255)  # held askew
    photo.convert("RGB").save(tmp_path / "code.jpg", quality=60)
    assert find_code(tmp_path / "code.jpg") == CODE


def test_a_picture_without_a_code_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "white").save(tmp_path / "blank.png")
    with pytest.raises(DataError, match="no QR code is seen"):
        find_code(tmp_path / "blank.png")


def test_what_is_written_is_read_back(screener: Screener, photo_path: Path) -> None:
    found = screener.screen(photo_path)
    kampala = timezone(timedelta(hours=3))
    code = read_code(write_code(found, datetime(2026, 11, 22, 19, 45, 7, tzinfo=kampala)))
    assert code.decision is found.decision
    assert code.probability == pytest.approx(found.probability, abs=5e-5)
    assert code.made == datetime(2026, 11, 22, 16, 45, 7, tzinfo=UTC)
    assert same_bundle(code, found.provenance.bundle_sha256)


def test_a_bundle_is_told_from_another() -> None:
    assert same_bundle(read_code(CODE), "A1B2C3D4E5F60708" + "0" * 48)
    assert not same_bundle(read_code(CODE), "a1b2c3d4e5f60709" + "0" * 48)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a code of mpoxlens"),
        ("https://example.org/MPOXLENS:1:", "not a code of mpoxlens"),
        (CODE.replace(":1:", ":2:"), "newer"),
        (CODE[:-1], "damaged"),
        (CODE.replace("8125", "8126"), "damaged"),
        (CODE.replace(":L:", ":U:"), "damaged"),
        (CODE.replace("0", "٠", 1), "damaged"),  # a digit, but of another script
        (checked(SAID.replace("7000", "9000").replace("8125", "8000")), "outside its own interval"),
        (checked(SAID.replace("9000", "10001")), "outside its own interval"),
        (checked(SAID.replace("20261122", "20261322")), "which there is not"),
    ],
)
def test_what_is_no_whole_code_is_refused(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read_code(text)
