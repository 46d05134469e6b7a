"""What several tests of files for phones stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mpoxlens.errors import DataError
from mpoxlens.optimise import browser

DIST = Path(__file__).parents[2] / "web" / "node_modules" / "onnxruntime-web" / "dist"


@pytest.fixture(scope="module")
def tab() -> Iterator[browser.Tab]:
    """A page in Chromium with the runtime of the phone page."""
    pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    try:
        with browser.opened(DIST) as found:
            yield found
    except DataError as error:
        pytest.skip(str(error))
