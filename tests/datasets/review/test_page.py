"""The page in Chromium: everything is done by keyboard, and each action's line stands in the file at once."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from review_made import Made
from test_server import SERVE

from mpoxlens.datasets.manifest import apply
from mpoxlens.datasets.quality.checks import MEANINGS
from mpoxlens.datasets.reviews import read_reviews

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--headless=new"])
        yield browser
        browser.close()


@dataclass
class Desk:
    """The open page, and what it wrote."""

    page: Any
    made: Made
    decisions: Path
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector: str, text: str) -> None:
        """Wait for this text."""
        sync_api.expect(self.page.locator(selector).first).to_contain_text(text, timeout=5000)

    def lines(self) -> list[tuple[str, ...]]:
        """What the file says: name of the photograph, action, value, reason."""
        name = {sha: name for name, sha in self.made.sha.items()}
        if not self.decisions.exists():
            return []
        return sorted(
            (name[r.sha256], r.action, name.get(r.value, r.value), r.reason) for r in read_reviews(self.decisions)
        )

    def current(self) -> str:
        sha = self.page.locator(".photograph.current").get_attribute("data-sha256")
        return next(name for name, each in self.made.sha.items() if each == sha)

    def go_to(self, name: str) -> None:
        """Move the frame to a photograph of the group."""
        for _ in range(5):
            if self.current() == name:
                return
            self.press("ArrowRight")
        raise AssertionError(f"{name} cannot be reached")


@pytest.fixture
def desk(browser: Any, made: Made, tmp_path: Path) -> Iterator[Desk]:
    decisions = tmp_path / "ann.csv"
    command = [sys.executable, "-u", "-c", SERVE, str(made.work.path), str(decisions)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            (address,) = re.findall(r"http\S+", server.stdout.readline())
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            found = Desk(page, made, decisions)
            page.on("request", lambda request: found.requests.append(request.url))
            page.on("console", lambda message: found.complaints.append(message.text))
            page.on("pageerror", lambda error: found.complaints.append(str(error)))
            page.goto(address)
            page.wait_for_selector(".photograph")
            yield found
            page.context.close()
        finally:
            server.kill()
    origin = address.partition("/?")[0]
    assert [url for url in found.requests if not url.startswith(origin)] == []
    assert found.complaints == []


def test_a_walk_through_the_whole_queue_by_keyboard(desk: Desk) -> None:
    desk.text("#text", "One file, labelled healthy and measles")
    desk.press("r")
    desk.text("#choose-title", "The right label")
    desk.press("2")  # healthy, measles, mpox
    desk.text(".verdict", "relabelled measles")
    desk.press("Enter")
    desk.text("#text", "3 copies of one photograph, labelled measles and mpox")
    desk.go_to("mirror")
    desk.press("d", "t", "Enter")
    desk.text("#text", "Labelled healthy, looks like mpox (score 0.93)")
    desk.press("k", "Enter")
    desk.text("#text", "Do these 2 show the same photograph?")
    desk.press("Enter")
    desk.text("#text", "Flagged face, lowres")
    desk.press("d", "0")
    desk.page.keyboard.type("too dark")
    desk.press("Enter", "Enter")
    desk.text("#text", "healthy")
    desk.press("Enter")
    desk.text("#count", "6 of 6 decided")
    assert desk.lines() == [
        ("crop", "keep", "", ""),
        ("doubted", "keep", "", ""),
        ("flagged", "drop", "", "too dark"),
        ("mirror", "drop", "", "text"),
        ("one", "keep", "", ""),
        ("pair", "keep", "", ""),
        ("pair2", "keep", "", ""),
        ("plain", "keep", "", ""),
        ("twice", "relabel", "measles", ""),
    ]


def test_a_split_separates_what_was_linked(desk: Desk) -> None:
    desk.press("n")
    desk.text("#text", "3 copies")
    desk.go_to("crop")
    desk.press("s")
    desk.text(".current", "(split)")
    assert desk.lines() == [("crop", "apart", "one", "")]
    work = desk.made.work
    clean = apply(work.manifest(), work.links(), read_reviews(desk.decisions))
    group = {record.sha256: record.group for record in clean.records}
    one, crop, mirror = (group[desk.made.sha[name]] for name in ("one", "crop", "mirror"))
    assert one == mirror != crop
    desk.press("u")
    desk.text("#said", "Undone")
    assert desk.lines() == []


def test_ticked_photographs_are_decided_together_and_grouped(desk: Desk) -> None:
    desk.press("n")
    desk.text("#text", "3 copies")
    desk.go_to("one")
    desk.press(" ")
    desk.go_to("mirror")
    desk.press(" ", "g")
    desk.text("#said", "Grouped")
    name = f"scene-{min(desk.made.sha[n] for n in ('one', 'mirror'))[:8]}"
    assert desk.lines() == [(n, "group", name, "same_scene") for n in ("mirror", "one")]
    desk.press("a", "d", "d")
    desk.text(".verdict", "dropped: drawing")
    assert [line for line in desk.lines() if line[1] == "drop"] == [
        (n, "drop", "", "drawing") for n in ("crop", "mirror", "one")
    ]


def test_flags_are_toggled_in_a_list(desk: Desk) -> None:
    desk.press("f")
    desk.text("#choose-title", "Flags")
    desk.press("4")
    sync_api.expect(desk.page.locator("#choices [aria-pressed=true]")).to_have_text(["4hands"])
    desk.press("1", "4")  # face, and hands no more
    sync_api.expect(desk.page.locator("#choices [aria-pressed=true]")).to_have_text(["1face"])
    assert desk.lines() == [("twice", "flag", "", "face")]
    desk.press("Escape")
    desk.page.get_by_role("button", name="Take away: face").click()
    desk.text("#said", "Taken away")
    assert desk.lines() == []


def test_faces_are_hidden_as_found_by_keys_or_by_mouse(desk: Desk) -> None:
    desk.page.select_option("#kind", "flag")
    desk.text("#text", "Flagged face")
    desk.press("h", "b")
    desk.text("#hidden", "0.300 0.200 0.250 0.300")
    desk.press("ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Enter")
    desk.text("#hidden", "0.370 0.320 0.280 0.300")
    frame = desk.page.locator("#canvas").bounding_box()
    mouse = desk.page.mouse
    mouse.move(frame["x"] + 0.1 * frame["width"], frame["y"] + 0.1 * frame["height"])
    mouse.down()
    mouse.move(frame["x"] + 0.3 * frame["width"], frame["y"] + 0.5 * frame["height"])
    mouse.up()
    desk.page.get_by_role("button", name="Hide this box").click()
    desk.text("#hidden", "Box 3")
    drawn = next([float(x) for x in value.split()] for _, action, value, _ in desk.lines() if action == "hide")
    assert drawn == pytest.approx([0.1, 0.1, 0.2, 0.4], abs=0.005)
    desk.press("Escape")
    assert desk.page.locator(".photograph .box.hides").count() == 3


def test_two_photographs_are_laid_upon_each_other(desk: Desk) -> None:
    desk.press("n")
    desk.text("#text", "3 copies")
    desk.go_to("one")
    desk.press("o")
    desk.text("#closely-text", "laid to fit")
    assert "mirror" in _shown(desk)  # the one that most keypoints speak for
    assert desk.page.locator("#above").evaluate("image => image.style.opacity") == "1"
    desk.press(" ")
    assert desk.page.locator("#above").evaluate("image => image.style.opacity") == "0"
    desk.press("ArrowRight")
    sync_api.expect(desk.page.locator("#above")).to_have_attribute("src", re.compile(desk.made.sha["crop"]))
    desk.press("l")
    desk.text("#closely-text", "stretched to its size")


def _shown(desk: Desk) -> list[str]:
    address = desk.page.locator("#above").get_attribute("src")
    return [name for name, sha in desk.made.sha.items() if address.endswith(sha)]


def test_undo_redo_and_reload_keep_the_place(desk: Desk) -> None:
    desk.press("n", "n", "d", "u")  # faster than the server answers: the last u is the reason, unusable
    desk.text(".verdict", "dropped: unusable")
    desk.press("u")
    desk.text(".verdict", "not decided")
    assert desk.lines() == []
    desk.press("Shift+U")
    desk.text(".verdict", "dropped: unusable")
    desk.page.reload()
    desk.text("#text", "Labelled healthy, looks like mpox")
    desk.text(".verdict", "dropped: unusable")
    desk.press("p")
    desk.text("#text", "3 copies")
    desk.press("u")
    desk.text("#text", "Labelled healthy, looks like mpox")  # where what was undone is seen
    assert desk.lines() == []


def test_a_second_tab_and_a_changed_file_are_noticed(desk: Desk) -> None:
    other = desk.page.context.new_page()
    other.goto(desk.page.url)
    other.wait_for_selector(".photograph")
    desk.press("k")
    desk.text(".verdict", "kept")
    other.keyboard.press("d")
    other.keyboard.press("t")
    sync_api.expect(other.locator("#notice")).to_contain_text("decided in another tab")
    sync_api.expect(other.locator(".verdict")).to_contain_text("kept")
    other.close()
    desk.decisions.write_text(desk.decisions.read_text(encoding="utf-8").replace("keep,", "drop,"), encoding="utf-8")
    desk.press("k")
    desk.text("#notice", "was changed by something else, nothing was written")
    assert desk.lines() == [("twice", "drop", "", "")]
    desk.page.get_by_role("button", name="Read the file again").click()
    desk.text(".verdict", "dropped")
    # Chromium itself writes a line for every answer that is a refusal
    assert desk.complaints == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]
    desk.complaints.clear()


def test_an_unwritable_file_is_told_and_the_page_goes_on(desk: Desk) -> None:
    desk.decisions.mkdir()  # nobody can write a file there
    desk.press("k")
    desk.text("#notice", "cannot be read")
    desk.text(".verdict", "not decided")
    desk.decisions.rmdir()
    desk.press("k")
    desk.text(".verdict", "kept")
    assert desk.page.locator("#notice").is_hidden()
    assert desk.lines() == [("twice", "keep", "", "")]
    desk.complaints.clear()


def test_a_small_photograph_alone_is_enlarged_in_its_shape(desk: Desk) -> None:
    desk.page.select_option("#kind", "mislabel")
    desk.text("#text", "Labelled healthy")
    picture = desk.page.locator(".frame img")
    # The page forbids evaluation, so the browser is asked through an element.
    desk.page.wait_for_selector(".frame img[src]")
    picture.evaluate("image => image.decode()")
    shown = picture.bounding_box()
    assert shown["width"] == pytest.approx(0.62 * 800, abs=1)  # of the window's height; 200 px as stored
    assert shown["height"] == pytest.approx(shown["width"], abs=1)


def test_flags_are_explained(desk: Desk) -> None:
    desk.page.select_option("#kind", "flag")
    desk.text("#text", "Flagged face")
    assert desk.page.locator(".lines li", has_text="found: face").get_attribute("title") == MEANINGS["face"]
    desk.press("?")
    desk.text("#meanings", MEANINGS["grey"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_and_can_be_read(desk: Desk, scheme: str, width: int) -> None:
    desk.page.emulate_media(color_scheme=scheme)
    desk.page.set_viewport_size({"width": width, "height": 800})
    desk.press("n")
    desk.text("#text", "3 copies")
    for key in ("", "d", "f", "h", "o", "?"):
        if key:
            desk.press(key)
            desk.page.wait_for_selector("dialog[open]")
        assert desk.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), key
        assert desk.page.evaluate(_UNNAMED) == [], key
        assert desk.page.evaluate(_FAINT) == [], key
        desk.press("Escape")


_UNNAMED = """() => [...document.querySelectorAll('button, select, input, img, dialog[open], progress')]
  .filter((x) => x.checkVisibility()).filter((x) => !(x.getAttribute('aria-label') || x.labels?.length || x.alt
    || document.getElementById(x.getAttribute('aria-labelledby') || '')?.textContent
    || (x.matches('button') && x.textContent.trim()))).map((x) => x.outerHTML)"""

# WCAG 2.2, 1.4.3: text of this size has a contrast of 4.5 to what lies behind it; disabled buttons are excepted.
_FAINT = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (c) => c.slice(0, 3).map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (x) => {
    for (; x; x = x.parentElement) {
      const found = rgba(getComputedStyle(x).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255];
  };
  const top = document.querySelector('dialog[open]') || document.body;
  return [...top.querySelectorAll('*')].filter((x) => x.checkVisibility() && !x.closest(':disabled, img, .box, option')
    && [...x.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())).filter((x) => {
    const [a, b] = [light(rgba(getComputedStyle(x).color)), light(behind(x))];
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05) < 4.5;
  }).map((x) => x.outerHTML);
}"""


def test_the_frame_is_seen_and_read_out(desk: Desk) -> None:
    desk.press("n", "ArrowRight")
    sync_api.expect(desk.page.locator(".photograph:nth-child(2)")).to_be_focused()
    label = desk.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert re.fullmatch(r"Photograph 2 of 3: \w+, \S+, \d+ by \d+, not decided", label)
    outline = desk.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    for _ in range(40):  # by Tab alone, every action is reached
        desk.press("Tab")
        if desk.page.evaluate("document.activeElement.textContent") == "KKeep":
            break
    desk.press("Enter")
    desk.text(".current .verdict", "kept")
