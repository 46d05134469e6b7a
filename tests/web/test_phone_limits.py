"""The phone page in Chromium where things go wrong: no network, no room, no camera, bad files, a damaged model."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from phone import (
    CHROMIUM,
    KEPT,
    PLAIN,
    Open,
    Phone,
    code_photo,
    deciding,
    named,
    photograph,
    serving,
    serving_plainly,
)
from PIL import Image

from mpoxlens.bundle import default_path
from mpoxlens.web.site import POLICY, SITE, export

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path")]


def test_it_works_with_the_network_off(opened: Open) -> None:
    with serving() as here:
        phone = opened(at=here)
        phone.sees(KEPT)
    phone.page.context.set_offline(True)  # and the server is gone
    phone.page.reload()
    phone.press("Start")
    phone.add(photograph(1))
    phone.sees("Good to use.")
    phone.press("Next")
    phone.press("See the result")
    phone.sees("Why it cannot tell")
    phone.page.select_option("header select", "fr")
    sync_api.expect(phone.page.locator("html")).to_have_attribute("lang", "fr")


def test_without_room_to_keep_it_the_page_still_works(opened: Open) -> None:
    with serving() as here:
        phone = opened("build.json", at=here, wait=False)
        session = phone.page.context.new_cdp_session(phone.page)
        session.send("Storage.overrideQuotaForOrigin", {"origin": here.rstrip("/"), "quotaSize": 1_000_000})
        phone.page.goto(here)
        phone.sees("This browser cannot keep the page for later")
        phone.press("Start")
        phone.add(photograph(1))
        phone.sees("Good to use.")
        phone.press("Result")
        phone.sees("Why it cannot tell")
    phone.complaints.clear()  # Chromium tells of the quota


def test_a_page_that_did_not_come_whole_says_so_and_still_works(opened: Open, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(SITE, site)
    (site / "icon.svg").unlink()  # as when the network breaks before the last file
    with serving(site) as here:
        phone = opened(at=here)
        phone.sees("The page could not be saved whole for use with the network off.")
        assert phone.page.get_by_text("private mode").count() == 0
        phone.press("Start")
        phone.add(photograph(1))
        phone.sees("Good to use.")
        phone.press("Result")
        phone.sees("Why it cannot tell")
    assert [text for text in phone.complaints if "404" not in text] == []  # Chromium tells of the file
    phone.complaints.clear()


def test_without_https_one_message_names_the_address_to_open(opened: Open, tmp_path: Path) -> None:
    export(tmp_path / "site")
    with serving_plainly(tmp_path / "site") as here:
        phone = opened(at=here, camera=False)
        way_on = f"Open {here.replace('http:', 'https:')} instead"
        phone.sees(way_on)
        assert phone.page.locator(".notices > *").count() == 1
        assert not [url for url in phone.requests if url.endswith((".wasm", ".onnx"))]
        phone.press("Start")
        phone.add(photograph(1))
        phone.page.locator("main .problem", has_text=way_on).wait_for()
        phone.press("Use the camera")
        phone.sees("The camera works only at a safe address")
        phone.press("Close")
        phone.press("Back")
        phone.press("Read a code")
        phone.page.locator("#code-file").set_input_files(code_photo())
        phone.page.locator(".read-code", has_text=way_on).wait_for()
    # Chromium tells that it passes over headers and a worker at such an address
    phone.complaints[:] = [text for text in phone.complaints if "Uncaught" in text]


def test_a_damaged_model_judges_nothing(opened: Open, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(default_path(), bundle)
    model = bytearray((bundle / "model.onnx").read_bytes())
    model[1_000_000] ^= 1
    (bundle / "model.onnx").write_bytes(model)
    with serving(bundle=bundle) as here:
        phone = opened(at=here)
        phone.sees("A file of the model is damaged or of another version, so nothing is judged.")
        phone.press("Start")
        phone.add(photograph(1))
        phone.sees("Good to use.")
        phone.press("Next")
        phone.press("See the result")
        phone.sees("so nothing is judged. Check the network")
        assert phone.page.locator(".verdict").count() == 0
    # the service worker refuses the file too, which Chromium itself tells
    assert [text for text in phone.complaints if "is not of this version" not in text] == []
    phone.complaints.clear()


def test_a_whole_bundle_that_is_not_the_pages_own_judges_nothing(opened: Open, tmp_path: Path) -> None:
    with serving(bundle=deciding("unlikely", tmp_path / "bundle")) as here:
        phone = opened(at=here)
        phone.sees("A file of the model is damaged or of another version, so nothing is judged.")
        phone.page.locator(".notices summary").click()
        phone.sees("and this page was built for")
    assert [text for text in phone.complaints if "is not of this version" not in text] == []
    phone.complaints.clear()


WORKERS = """globalThis.workers = [];
globalThis.Worker = class extends Worker { constructor(...how) { super(...how); workers.push(this); } };"""


def test_a_model_that_dies_is_started_anew(opened: Open) -> None:
    phone = opened()
    phone.page.add_init_script(WORKERS)
    phone.page.reload()
    phone.press("Start")
    phone.add(photograph(1))
    phone.sees("Good to use.")
    phone.press("Result")
    phone.sees("Why it cannot tell")
    phone.asks("workers[0].dispatchEvent(new ErrorEvent('error', { message: 'out of memory' }))")
    phone.sees("The model could not be loaded whole, so nothing is judged.")
    phone.press("Questions")
    phone.answer("In the last 21 days, was there contact", "Yes")
    phone.press("See the result")
    phone.sees("odds 2 times higher")
    assert phone.asks("workers.length") == 2
    assert phone.page.locator(".problem").count() == 0


def test_a_new_version_is_announced_and_taken_whole(opened: Open, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(SITE, site)
    with serving(site) as here:
        phone = opened(at=here)
        phone.sees(KEPT)
        phone.page.reload()
        phone.sees(KEPT)
        _new_version(site)
        phone.asks("navigator.serviceWorker.getRegistration().then((one) => one.update()).then(() => 0)")
        phone.sees("A new version of this page is ready.")
        assert phone.page.title() == "mpoxlens"
        with phone.page.expect_navigation():
            phone.press("Load it now")
        sync_api.expect(phone.page).to_have_title("mpoxlens, newer")
        phone.sees(KEPT)
        names = phone.asks("caches.keys().then((names) => names.join())")
        assert re.fullmatch(r"mpoxlens-f{16}", names)


def test_pages_that_are_open_beside_never_go_on_with_files_of_two_versions(opened: Open, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(SITE, site)
    with serving(site) as here:
        phone = opened(at=here)
        phone.sees(KEPT)
        idle, begun = (Phone(phone.page.context.new_page(), here) for _ in range(2))
        for one in (idle, begun):
            one.page.goto(here)
            one.sees(KEPT)
        begun.press("Start")
        begun.press("Skip")
        begun.page.get_by_label("How old is the person").fill("41")
        _new_version(site)
        phone.asks("navigator.serviceWorker.getRegistration().then((one) => one.update()).then(() => 0)")
        phone.press("Load it now")
        for one in (phone, idle):
            sync_api.expect(one.page).to_have_title("mpoxlens, newer")
        assert begun.page.get_by_label("How old is the person").input_value() == "41"
        begun.sees("Loading it clears the photos and the answers.")
        begun.press("Load it now")
        sync_api.expect(begun.page).to_have_title("mpoxlens, newer")


def test_the_kept_page_answers_for_its_own_address_alone(opened: Open) -> None:
    phone = opened()
    phone.sees(KEPT)
    phone.page.goto(f"{phone.address}index.html?lang=fr")
    sync_api.expect(phone.page.locator("html")).to_have_attribute("lang", "fr")
    with phone.page.expect_console_message():
        other = phone.page.goto(f"{phone.address}another/page.html")
    assert other is not None
    assert other.status == 404
    phone.page.close()
    phone.complaints.clear()  # Chromium tells of it, and of the icon that it asks for


def _new_version(site: Path) -> None:
    """Change the page's title, and what the service worker knows of it, as a new build does."""
    page, worker = site / "index.html", site / "sw.js"
    before = hashlib.sha256(page.read_bytes()).hexdigest()
    page.write_text(page.read_text().replace("<title>mpoxlens<", "<title>mpoxlens, newer<"))
    after = hashlib.sha256(page.read_bytes()).hexdigest()
    version = json.loads((site / "build.json").read_text())["version"]
    text = worker.read_text()
    assert text.count(before) == text.count(version) == 1
    worker.write_text(text.replace(before, after).replace(version, "f" * 16))


def _bytes(**saved: Any) -> bytes:
    """Return the bytes of a drawing's file."""
    return bytes(photograph(1, **saved)["buffer"])


def _header_png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""
    data = bytearray(_bytes())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(data[:4096])


def _header_jpeg(width: int, height: int) -> bytes:
    """A JPEG that says how large it is, and holds something smaller."""
    data = bytearray(_bytes(form="JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def test_a_jpeg_may_be_as_large_as_in_python(opened: Open) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (9000, 6000), (180, 140, 120)).save(buffer, "JPEG")  # 54 million pixels
    phone = opened()
    phone.press("Start")
    phone.add(named("large.jpg", buffer.getvalue()))
    phone.page.locator(".shot").wait_for()
    assert phone.page.locator(".problem").count() == 0
    phone.add(named("huge.jpg", _header_jpeg(12_100, 10_000)))
    phone.sees("huge.jpg has 121 million pixels, and 120 million is the most")


def test_a_bad_file_gets_one_message_and_a_way_on(opened: Open) -> None:
    phone = opened()
    phone.press("Start")
    for name, data, said in (
        ("empty.jpg", b"", "empty.jpg is empty"),
        ("notes.jpg", b"some notes, and no photo at all", "notes.jpg is not a photo"),
        ("phone.heic", b"\0\0\0\x18ftypheic" + bytes(100), "phone.heic is a HEIC photo"),
        ("cut.jpg", _bytes(form="JPEG")[:200], "cut.jpg is damaged or cut short"),
        ("huge.png", _header_png(12_000, 9_000), "huge.png has 108 million pixels, and 50 million is the most"),
        ("speck.png", _header_png(20, 900), "speck.png is too small: 20 pixels a side"),
    ):
        phone.add(named(name, data))
        phone.sees(said)
        assert phone.page.locator(".problem").count() == 1
    phone.add(named("notes.jpg", b"some notes, and no photo at all"), photograph(2))
    phone.sees("Good to use.")  # the other photo is taken
    assert phone.page.locator(".problem").count() == phone.page.locator(".shot").count() == 1
    phone.press("Start again")
    phone.press("Clear them")
    phone.press("Start")
    assert phone.page.locator(".problem").count() == 0  # a file's name may be a person's


def test_a_photo_lying_on_its_side_is_turned(opened: Open) -> None:
    image = Image.open(io.BytesIO(_bytes())).crop((0, 0, 448, 200))
    exif = image.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    phone = opened()
    phone.press("Start")
    phone.add(named("turned.jpg", buffer.getvalue()))
    phone.sees("Good to use.")
    shown = phone.page.locator(".shot img")
    assert shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [200, 448]


def test_a_drawing_is_refused_as_in_python(opened: Open, tmp_path: Path) -> None:
    from mpoxlens.datasets.phantom import draw, save

    save(draw(1), tmp_path / "drawing.png")
    phone = opened()
    phone.press("Start")
    phone.add(named("drawing.png", (tmp_path / "drawing.png").read_bytes()))
    phone.sees("This picture says of itself that it is a drawing")


def test_the_page_holds_the_policy_of_the_server(built: None) -> None:
    held = re.search(r'Content-Security-Policy" content="([^"]*)"', (SITE / "index.html").read_text(encoding="utf-8"))
    assert held is not None
    # of the server's policy, a browser takes only the framing from nothing but a header
    assert held[1] == POLICY.replace("frame-ancestors 'none'; ", "")


def test_without_any_header_the_page_keeps_to_its_policy(opened: Open, tmp_path: Path) -> None:
    export(tmp_path / "site")
    with serving_plainly(tmp_path / "site") as here:
        phone = opened(at=here.replace(PLAIN, "127.0.0.1"))
        _refuses_markup_and_foreign_scripts(phone)
        phone.asks("fetch('https://elsewhere.example').catch(() => 0)")
        assert any("Content Security Policy" in text for text in phone.complaints)
        phone.complaints.clear()  # Chromium tells of each refusal
        phone.press("Start")
        phone.add(photograph(1))
        phone.sees("Good to use.")
        phone.press("Result")
        phone.sees("Why it cannot tell")


def test_text_never_becomes_markup_or_a_foreign_script(opened: Open) -> None:
    phone = opened()
    _refuses_markup_and_foreign_scripts(phone)
    assert all("Trusted" in text for text in phone.complaints)  # Chromium tells of each refusal
    phone.complaints.clear()


def _refuses_markup_and_foreign_scripts(phone: Phone) -> None:
    trial = "(() => { try { ACT; return 'taken'; } catch (error) { return error.name; } })()"
    for act in (
        "document.querySelector('main').innerHTML = '<img src=x>'",
        "new Worker('https://elsewhere.example/x.js')",
        "document.createElement('script').src = 'https://elsewhere.example/x.js'",
        "document.createElement('script').text = '1'",
    ):
        assert phone.asks(trial.replace("ACT", act)) == "TypeError", act


def test_without_leave_the_camera_says_what_to_do(opened: Open) -> None:
    phone = opened(camera=False)
    phone.press("Start")
    phone.press("Use the camera")
    phone.sees("The browser does not let the page use the camera.")
    phone.press("Close")
    phone.add(photograph(1))
    phone.sees("Good to use.")


def test_a_photo_that_fails_leaves_the_camera_ready_for_the_next(opened: Open) -> None:
    phone = opened()
    phone.press("Start")
    phone.press("Use the camera")
    phone.sees("Good. Hold still and take the photo.")
    phone.asks(
        "globalThis.kept = OffscreenCanvas.prototype.convertToBlob;"
        "OffscreenCanvas.prototype.convertToBlob = () => Promise.reject(new Error('no memory')); 0"
    )
    phone.press("Take the photo")
    phone.sees("Something went wrong.")
    assert phone.page.locator(".shot").count() == 0
    phone.asks("OffscreenCanvas.prototype.convertToBlob = kept; 0")
    phone.press("Take the photo")
    phone.sees("Good to use.")
    assert phone.page.locator(".problem").count() == 0


FIFTY = """(async () => {
  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const files = PHOTOS.map((text, n) => new File([bytes(text)], `${n}.jpg`, { type: "image/jpeg" }));
  const until = async (found) => {
    for (let n = 0; n < 1000; n++) {
      const one = found();
      if (one) return one;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(String(found));
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const press = async (name) => (await until(() => all("button").find((one) => one.innerText.endsWith(name)))).click();
  const used = [];
  for (let n = 0; n < 50; n++) {
    const input = await until(() => document.querySelector("input[type=file]"));
    const chosen = new DataTransfer();
    chosen.items.add(files[n % files.length]);
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    await until(() => document.querySelector(".shot .good"));
    await press("Result");
    await until(() => document.querySelector(".verdict"));
    await press("Photo");
    await press("Remove photo 1");
    await until(() => !document.querySelector(".shot"));
    if (n === 9 || n === 49) used.push((await performance.measureUserAgentSpecificMemory()).bytes / 2 ** 20);
  }
  return used;
})()"""


def test_fifty_photos_leave_memory_as_it_was(opened: Open) -> None:
    phone = opened()
    phone.sees(KEPT)
    phone.press("Start")
    photos = [photograph(seed, size=700, form="JPEG")["buffer"] for seed in range(5)]
    # Driven from within, because the driver itself keeps what it has touched.
    used = phone.asks(FIFTY.replace("PHOTOS", json.dumps([base64.b64encode(one).decode() for one in photos])))
    # the first ten let the heaps grow to what they need; a photo that is kept is 2 MB of pixels
    assert used[-1] - used[0] < 20, used
