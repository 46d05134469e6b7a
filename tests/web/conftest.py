"""A browser with a drawn film before its camera, and the built page in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from phone import CHROMIUM, Open, Phone, film, serving

from mpoxlens.errors import MpoxlensError
from mpoxlens.web.site import built_site


@pytest.fixture(scope="module")
def built() -> None:
    try:
        built_site()
    except MpoxlensError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def browser(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    arguments = [
        "--no-sandbox",
        "--headless=new",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film(tmp_path_factory.mktemp('film') / 'film.y4m')}",
        "--enable-blink-features=ForceEagerMeasureMemory",
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
