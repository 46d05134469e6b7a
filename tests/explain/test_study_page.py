"""The reading page in Chromium, by keyboard and by pen, on phantoms; it also takes the pictures of docs/howto-study.md.

`MPOXLENS_PICTURES=docs/study pytest tests/explain/test_study_page.py` puts them there.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from study_made import key_of, made, readings
from test_study_server import SERVE

from mpoxlens.bundle import default_path
from mpoxlens.explain.study.analyse import analyse
from mpoxlens.explain.study.answers import Answer, enrol
from mpoxlens.explain.study.folder import Study

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 120_000  # ms; only a page that hangs waits so long
HEAVIEST = 60_000  # bytes of a picture
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path")]


@dataclass
class Desk:
    """The open page of one reader."""

    page: Any
    study: Study
    name: str
    pictures: Path
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector: str, text: str) -> None:
        sync_api.expect(self.page.locator(selector).first).to_contain_text(text, timeout=PATIENCE)

    def aided(self) -> bool:
        return "with map" in self.page.locator("#title").inner_text()

    def answer(self, at: int) -> Answer:
        """What the files say of a reading, by its place from 0 over all sessions."""
        answers = enrol(self.study, self.name)
        found = answers.of(readings(answers)[at])
        assert found is not None
        return found

    def saved(self) -> None:
        self.text("#said", "Saved")
        self.page.evaluate("document.getElementById('said').textContent = ''")

    def go_on(self, *keys: str) -> None:
        """Press keys that end this reading, and wait for what follows."""
        before = self.page.locator("#title").inner_text()
        self.press(*keys)
        sync_api.expect(self.page.locator("#title")).not_to_have_text(before, timeout=PATIENCE)

    def until(self, *, aided: bool, at: int) -> int:
        """Answer readings until one of this kind is shown; returns its place."""
        while self.aided() != aided:
            self.go_on("3", *(["1", "1"] if self.aided() else []), "Enter")
            at += 1
        return at

    def picture(self, name: str) -> None:
        """Keep a screenshot, in as many colours and as large as its weight allows."""
        drawn = Image.open(io.BytesIO(self.page.screenshot(animations="disabled"))).convert("RGB")
        path = self.pictures / f"{name}.png"
        for share, colours in ((1, 96), (1, 48), (0.8, 64), (0.7, 48), (0.6, 32)):
            size = round(share * drawn.width), round(share * drawn.height)
            small = drawn.resize(size, Image.Resampling.LANCZOS)
            small.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
            if path.stat().st_size <= HEAVIEST:
                return
        raise AssertionError(f"{path}: {path.stat().st_size} bytes")

    def no_barrier(self) -> None:
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        self.page.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
        found = self.page.evaluate(
            f"axe.run(document, {json.dumps({'runOnly': tags})}).then((found) => found.violations)"
        )
        assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []
        assert self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api.expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless=new"], timeout=PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return made(tmp_path_factory.mktemp("page") / "study", default_path(), count=4, washout_days=0, size=192)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = os.environ.get("MPOXLENS_PICTURES")
    return Path(wanted) if wanted else tmp_path_factory.mktemp("pictures")


@pytest.fixture
def desk(browser: Any, study: Study, pictures: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    name, settings = request.param if hasattr(request, "param") else ("Ann", {})
    command = [sys.executable, "-u", "-c", SERVE, str(study.folder), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            (address,) = re.findall(r"http\S+", server.stdout.readline())
            page = browser.new_context(**({"viewport": {"width": 1000, "height": 640}} | settings)).new_page()
            page.set_default_timeout(PATIENCE)
            found = Desk(page, study, name, pictures)
            page.on("request", lambda request: found.requests.append(request.url))
            page.on("console", lambda message: found.complaints.append(message.text))
            page.on("pageerror", lambda error: found.complaints.append(str(error)))
            page.goto(address)
            found.text("#title", "Case")
            yield found
            page.context.close()
        finally:
            server.kill()
    origin = address.partition("/?")[0]
    assert [url for url in found.requests if not url.startswith(origin)] == []
    assert found.complaints == []


def test_a_reader_s_whole_study_by_keyboard(desk: Desk) -> None:
    desk.text("#count", "Session 1 of 2: 0 of 4 read")
    at = desk.until(aided=True, at=0)
    desk.text("#score", "chance of mpox")
    desk.picture("aided")
    desk.press("m")
    sync_api.expect(desk.page.locator("#map")).to_be_hidden()
    desk.press("m", "4")
    desk.saved()
    desk.press("2")
    desk.saved()
    assert desk.answer(at).choices == {"confidence": "4", "on_lesions": "partly"}
    desk.page.reload()  # nothing is lost
    desk.text("#title", f"Case {at + 1} of 4")
    sync_api.expect(desk.page.locator("input[name=on_lesions][value=partly]")).to_be_checked()
    sync_api.expect(desk.page.locator("#next")).to_be_disabled()
    desk.press("1", "Enter")
    desk.text("#said", "Kept")
    kept = desk.answer(at)
    assert (kept.choices["changes"], kept.done, kept.drawing) == ("no", True, ())
    assert 0 < kept.seconds < 600
    desk.press("p")
    desk.text("#title", f"Case {at + 1} of 4")
    desk.page.locator("input[name=confidence][value='5']").check()
    desk.saved()
    assert (desk.answer(at).choices["confidence"], desk.answer(at).revised) == ("5", 1)
    desk.press("Enter")
    while desk.page.locator("#reading").is_visible():
        desk.go_on("5", *(["3", "2"] if desk.aided() else []), "Enter")
    desk.text("#title", "All sessions are read.")
    desk.text("#count", "2 of 2 sessions")
    found = analyse(desk.study, key_of(desk.study))
    assert "r1" in found["readers"]["finished"]


@pytest.mark.parametrize("desk", [("Ben", {})], indirect=True)
def test_lesions_are_drawn_by_pen_polygon_brush_and_keys(desk: Desk) -> None:
    at = desk.until(aided=False, at=0)
    frame = desk.page.locator("#canvas").bounding_box()
    mouse = desk.page.mouse

    def to(x: float, y: float) -> None:
        mouse.move(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])

    to(0.5, 0.5)
    mouse.down()
    mouse.up()  # the pen is not out yet
    desk.press("d")
    to(0.1, 0.1)
    mouse.down()
    for x, y in ((0.3, 0.1), (0.3, 0.3), (0.1, 0.3)):
        to(x, y)
    mouse.up()
    desk.text("#drawn", "1 drawn")
    desk.press("g")
    for x, y in ((0.6, 0.1), (0.8, 0.1), (0.8, 0.3), (0.6, 0.101)):
        to(x, y)
        mouse.down()
        mouse.up()
    desk.text("#drawn", "2 drawn")
    desk.press("b")
    to(0.2, 0.7)
    mouse.down()
    to(0.4, 0.7)
    mouse.up()
    desk.text("#drawn", "3 drawn")
    desk.press("g")
    desk.page.locator("#canvas").focus()
    desk.press(" ", "Shift+ArrowRight", " ", "Shift+ArrowDown", " ", "Enter")
    desk.text("#drawn", "4 drawn")
    desk.press("z", "z")
    desk.text("#drawn", "2 drawn")
    desk.press("y")
    desk.text("#drawn", "3 drawn")
    desk.picture("drawing")
    desk.press("4")
    sync_api.expect(desk.page.locator("#questions :checked")).to_have_count(1)
    desk.press("Escape", "Enter")
    desk.text("#said", "Kept")
    kept = desk.answer(at)
    assert [shape.kind for shape in kept.drawing] == ["area", "area", "stroke"]
    free, polygon, stroke = (shape.points for shape in kept.drawing)
    assert free[0] == pytest.approx((0.1, 0.1), abs=0.01)
    assert free[-1] == pytest.approx((0.1, 0.3), abs=0.01)
    assert len(polygon) == 3
    assert stroke[-1] == pytest.approx((0.4, 0.7), abs=0.01)
    assert kept.choices == {"confidence": "4"}


@pytest.mark.parametrize(
    "desk",
    [
        ("Cleo", {"viewport": {"width": 320, "height": 740}, "color_scheme": "light"}),
        ("Dan", {"viewport": {"width": 1000, "height": 640}, "color_scheme": "dark"}),
    ],
    indirect=True,
)
def test_no_screen_has_a_barrier(desk: Desk) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed; run `make web`")
    at = desk.until(aided=False, at=0)
    desk.no_barrier()
    desk.press("d")
    desk.no_barrier()
    desk.press("d")
    desk.go_on("2", "Enter")
    desk.until(aided=True, at=at + 1)
    desk.press("4")
    desk.saved()
    desk.no_barrier()
    desk.picture("phone" if desk.name == "Cleo" else "dark")


@pytest.mark.parametrize("desk", [("Eve", {})], indirect=True)
def test_single_letters_can_be_switched_off_and_an_ended_page_says_so(desk: Desk) -> None:
    desk.until(aided=False, at=0)
    desk.page.locator("#keys").uncheck()
    desk.press("4", "d")
    assert desk.page.locator("#questions :checked").count() == 0
    sync_api.expect(desk.page.locator("#pens")).to_be_hidden()
    desk.page.route("**/answer", lambda route: route.abort())
    desk.page.locator("input[name=confidence][value='4']").check()
    desk.text("#notice", "The page was ended on this machine")
    desk.complaints.clear()  # the browser itself reports the request that was cut
