"""A browser with a drawn film before its camera, and the page as its sources now make it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from phone import CHROMIUM, PLAIN, WEB, Open, Phone, film, serving


@pytest.fixture(scope="session")
def built() -> None:
    """Build the page where it is missing or older than its sources, so that no test passes on yesterday's page."""
    done = subprocess.run([sys.executable, WEB / "build.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def browser(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    arguments = [
        "--no-sandbox",
        "--headless=new",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film(tmp_path_factory.mktemp('film') / 'film.y4m')}",
        "--enable-blink-features=ForceEagerMeasureMemory",
        f"--host-resolver-rules=MAP {PLAIN} 127.0.0.1",
        "--disable-features=HttpsUpgrades",
    ]
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


@pytest.fixture(scope="module")
def address(built: None) -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Open]:
    """Opens pages; none of them may ask another origin for anything, or complain."""
    phones: list[Phone] = []

    def opens(path: str = "", *, at: str = address, camera: bool = True, wait: bool = True, **context: Any) -> Phone:
        settings = {"viewport": {"width": 360, "height": 740}, "locale": "en-GB"} | context
        known = browser.new_context(**settings)
        if camera:
            known.grant_permissions(["camera"], origin=at.rstrip("/"))
        page = known.new_page()
        page.set_default_timeout(20_000)
        phone = Phone(page, at)
        phone.listen()
        page.goto(at + path)
        if wait:
            page.locator("h1").wait_for()
        phones.append(phone)
        return phone

    yield opens
    for phone in phones:
        phone.page.context.close()
    for phone in phones:
        assert [url for url in phone.requests if not url.startswith((phone.address, f"blob:{phone.address}"))] == []
        assert phone.complaints == []
