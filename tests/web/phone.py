"""A phone for the tests: Chromium, the served page, and drawings as photographs and as the camera's film."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from mpoxlens.bundle import default_path, digest
from mpoxlens.datasets.phantom import draw
from mpoxlens.web.serve import Server
from mpoxlens.web.site import SITE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WEB = Path(__file__).parents[2] / "web"
PLAIN = "plain.example"  # a name that leads to this machine, and that browsers do not trust without https
KEPT = "Ready to work with the network off."
FRAMES = 10
WIDTH, HEIGHT = 640, 480  # px of the film


def photograph(seed: int = 1, *, size: int = 448, form: str = "PNG", **saved: Any) -> dict[str, Any]:
    """Return a drawing as a file that does not say of itself that it is one, for a browser's file dialog."""
    buffer = io.BytesIO()
    Image.fromarray(draw(seed, size=size).pixels).save(buffer, form, **saved)
    return named(f"drawn-{seed}.{form.lower()}", buffer.getvalue())


def named(name: str, data: bytes) -> dict[str, Any]:
    """Return bytes as a file for a browser's file dialog."""
    return {"name": name, "mimeType": "image/jpeg", "buffer": data}


def code_photo(*, turned: float = 20, blur: float = 1) -> dict[str, Any]:
    """Return the code that the page's own tests draw (`web/test/unit/takeaway.qr.txt`), as a photo held askew."""
    path = (WEB / "test" / "unit" / "takeaway.qr.txt").read_text(encoding="utf-8")
    dark = np.array([(int(row), int(column)) for column, row in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)])
    modules = np.full((41, 41), 255, np.uint8)
    modules[dark[:, 0], dark[:, 1]] = 0
    drawn = Image.fromarray(np.kron(modules, np.ones((9, 9), np.uint8)))
    paper = Image.new("L", (1600, 1200), 200)
    paper.paste(drawn.rotate(turned, expand=True, fillcolor=200, resample=Image.Resampling.BICUBIC), (700, 300))
    buffer = io.BytesIO()
    paper.filter(ImageFilter.GaussianBlur(blur)).convert("RGB").save(buffer, "JPEG", quality=60)
    return named("code.jpg", buffer.getvalue())


def film(path: Path) -> Path:
    """Write what the fake camera shows: a drawing that moves a little, as a hand does."""
    pixels = draw(3, size=WIDTH + FRAMES).pixels
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES}:1 Ip A1:1 C420jpeg\n".encode())
        for n in range(FRAMES):
            shown = np.ascontiguousarray(pixels[n : n + HEIGHT, n : n + WIDTH])
            luma, blue, red = Image.fromarray(shown).convert("YCbCr").split()
            file.write(b"FRAME\n" + luma.tobytes())
            for chroma in (blue, red):
                file.write(chroma.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.BOX).tobytes())
    return path


def deciding(decision: str, folder: Path) -> Path:
    """Write a bundle that finds no photograph strange and decides every one alike, and return its folder."""
    edges = {"likely": (0.01, 0.005), "unlikely": (0.99, 0.985)}
    shutil.copytree(default_path(), folder)
    content = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    content["ood"]["threshold"] = 1000.0
    content["conformal"] |= dict(zip(("mpox_from", "other_to"), edges[decision], strict=True))
    content["operating_point"] = edges[decision][0]
    (folder / "bundle.json").write_text(json.dumps(content | {"sha256": digest(content)}), encoding="utf-8")
    return folder


def site_for(bundle: Path, folder: Path) -> Path:
    """Copy the built page as if it had been built for another bundle: each hash that changes is written anew."""
    shutil.copytree(SITE, folder)
    changed = {_sha256(default_path() / "bundle.json"): _sha256(bundle / "bundle.json")}
    for script in (*folder.glob("assets/*.js"), folder / "sw.js"):  # the last holds the hashes of the others
        before, text = _sha256(script), script.read_text(encoding="utf-8")
        for old, new in changed.items():
            text = text.replace(old, new)
        script.write_text(text, encoding="utf-8")
        changed[before] = _sha256(script)
    return folder


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def serving(site: Path = SITE, bundle: Path | None = None, port: int = 0) -> Iterator[str]:
    """Serve a page until the block ends, and give its address."""
    with Server(port, site, bundle or default_path()) as server, _running(server):
        yield server.address


@contextmanager
def serving_plainly(folder: Path) -> Iterator[str]:
    """Serve an exported page as a host does that has neither https nor our headers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder))) as server, _running(server):
        yield f"http://{PLAIN}:{server.server_address[1]}/"


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (named so by the standard library)
        pass


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@dataclass
class Phone:
    """An open page, and all that it asked for and complained of."""

    page: Any
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note every request, those of workers too, and every complaint."""
        self.page.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def press(self, name: str) -> None:
        """Press a button by its whole name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str, timeout: float = 15_000) -> None:
        """Wait for a text."""
        self.page.get_by_text(text).first.wait_for(timeout=timeout)

    def add(self, *files: dict[str, Any]) -> None:
        """Choose files in the photo screen."""
        self.page.locator("input[type=file]").set_input_files(list(files))

    def answer(self, question: str, answer: str) -> None:
        """Answer a question of yes and no."""
        self.page.get_by_role("radiogroup", name=question).get_by_role("radio", name=answer).check()

    def asks(self, expression: str) -> Any:
        """Ask the browser itself, whom the page's policy does not bind."""
        session = self.page.context.new_cdp_session(self.page)
        try:
            asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
            answer = session.send("Runtime.evaluate", asked)
        finally:
            session.detach()
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


Open = Callable[..., Phone]


def too_wide(phone: Phone) -> int:
    """By how many pixels the page would have to be scrolled sideways."""
    return int(phone.asks("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"))
