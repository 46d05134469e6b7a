"""Claim: the phone page is small, opens at once, and answers quickly on one thread.

The built page runs in Debian's Chromium; times are the browser's own. Side by side, in the same run and browser and on
the same photos: TensorFlow.js with MobileNetV3-Large in 32-bit floats (random weights: its speed does not depend on
them), which npm installs into a scratch folder. Needs `make web`, Chromium and npm.
"""

from __future__ import annotations

import base64
import gzip
import io
import os
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Error, Page, sync_playwright

import photos
import record
from mpoxlens.bundle import default_path
from mpoxlens.schema import ClinicalInfo
from mpoxlens.web.serve import Server
from mpoxlens.web.site import BUNDLE_FILES, built_site

SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
PEER = record.SCRATCH / "tensorflow-js"
TFJS = "4.22.0"
BACKENDS = ("wasm", "webgl", "cpu")
PARTS = (
    "tfjs-core/dist/tf-core.min.js",
    *(f"tfjs-backend-{name}/dist/tf-backend-{name}.min.js" for name in BACKENDS),
    "tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm",
)
MB = 1e6  # bytes
CLASSES = 2
STEP = 4  # a photo of 3000 x 4000 is decoded to 750 x 1000, by the rule of web/src/core/photo.ts
MBIT, DELAY = 9, 170  # of the throttled network: Mbit/s down and up, ms a request ("Fast 4G" of Chromium's tools)
Times = dict[str, list[float]]


@dataclass(frozen=True)
class Sizes:
    """Compressed bytes of the first load (gzip, level 6)."""

    runtime: int
    model: int
    rest: int  # scripts, styles, languages, icons, golden answers

    @property
    def whole(self) -> int:
        """All that the first visit loads."""
        return self.runtime + self.model + self.rest


def sizes(site: Path) -> Sizes:
    """Weigh each file as a host would send it."""
    files = [path for path in site.rglob("*") if path.is_file()] + [default_path() / name for name in BUNDLE_FILES]
    weighed = {path: _packed(path.read_bytes()) for path in files}
    runtime = sum(size for path, size in weighed.items() if path.suffix == ".wasm")
    model = weighed[default_path() / "model.onnx"]
    return Sizes(runtime, model, sum(weighed.values()) - runtime - model)


def _packed(data: bytes) -> int:
    return len(gzip.compress(data, 6))


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[str]:
    """Serve until the block ends, and give the address."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def interactive(browser: Browser, address: str, times: int) -> float:
    """Return the median seconds until a first visit, over the throttled network, takes a tap."""
    return statistics.median(_first_visit(browser, address) for _ in range(times))


def _first_visit(browser: Browser, address: str) -> float:
    page = _watched(browser)
    rate = MBIT * 1e6 / 8  # bytes a second
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": DELAY, "downloadThroughput": rate, "uploadThroughput": rate}
    session.send("Network.emulateNetworkConditions", slow)
    page.goto(address)
    seconds = _when(page, "interactive")
    page.context.close()
    return seconds


def ready(page: Page, times: int) -> float:
    """Return the median seconds from a reload, with all files kept, until the model is verified and open."""
    seconds = []
    for _ in range(times):
        page.reload()
        seconds.append(_when(page, "ready"))
    return statistics.median(seconds)


def _watched(browser: Browser) -> Page:
    page = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB").new_page()
    page.add_init_script(f"{SCRIPT}\nwatch();")
    return page


def _when(page: Page, what: str) -> float:
    return float(page.evaluate("noted", what)) / 1000


def drawn(count: int) -> list[str]:
    """Return photos of a phone's size as JPEG, in base64."""
    found = []
    for seed in range(count):
        buffer = io.BytesIO()
        photos.phone_photo(seed).save(buffer, "JPEG", quality=photos.QUALITY)
        found.append(base64.b64encode(buffer.getvalue()).decode())
    return found


def side_by_side(page: Page, other: Page, pictures: list[str], rounds: int) -> tuple[Times, list[float]]:
    """Send each photo through the page and through the peer in turn, so that both meet the same load."""
    info = {field.name: None for field in fields(ClinicalInfo)}
    given = {"photos": pictures, "step": STEP}
    decoding = page.evaluate("keep", given)
    other.evaluate("keep", given)
    ours: Times = {"screen": [], "gate": [], "after": [], "reweigh": []}
    theirs: list[float] = []
    for turn in range(-1, rounds):  # the first round warms up
        for n in range(len(pictures)) if turn >= 0 else range(4):
            one = page.evaluate("clinic", {"n": n, "info": info})
            two = other.evaluate("peer", {"n": n})
            if not (0 <= one["judged"] <= 1 and 0 <= two["judged"] <= 1):
                sys.exit("a photo was not judged")
            if turn >= 0:
                theirs.append(two["took"])
                for name, found in ours.items():
                    found.append(one[name])
    return {"decode": decoding, **ours}, theirs


def install_peer() -> Path:
    """Let npm fetch TensorFlow.js into build/, and return the folder that is served."""
    npm = shutil.which("npm") or sys.exit("npm is needed for the peer")
    names = [f"@tensorflow/tfjs-{name}@{TFJS}" for name in ("core", *(f"backend-{one}" for one in BACKENDS))]
    PEER.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", str(PEER)]
    subprocess.run([*command, *names], check=True)
    site = PEER / "site"
    site.mkdir(exist_ok=True)
    for part in PARTS:
        shutil.copyfile(PEER / "node_modules" / "@tensorflow" / part, site / Path(part).name)
    scripts = "".join(f'<script src="{Path(part).name}"></script>' for part in PARTS if part.endswith(".js"))
    (site / "index.html").write_text(f'<!doctype html><meta charset="utf-8">{scripts}', encoding="utf-8")
    return site


def open_peer(browser: Browser, address: str, backend: str) -> tuple[Page, int] | None:
    """Open the peer's page with a backend; return it and its count of parameters, or None where it cannot run."""
    page = browser.new_page()
    page.add_init_script(SCRIPT)
    page.goto(address)
    try:
        opened = page.evaluate("openPeer", {"backend": backend, "classes": CLASSES})
    except Error:
        opened = None
    return (page, int(opened["parameters"])) if opened else None


def other_backends(browser: Browser, address: str, photo: str) -> dict[str, float]:
    """Return the median ms a photo of the backends that are not WebAssembly."""
    found = {}
    for backend in BACKENDS[1:]:
        opened = open_peer(browser, address, backend)
        if opened:
            opened[0].evaluate("keep", {"photos": [photo], "step": STEP})
            runs = [opened[0].evaluate("peer", {"n": 0})["took"] for _ in range(4)]
            found[backend] = statistics.median(runs[1:])
            opened[0].close()
    return found


def peer_bytes(site: Path, parameters: int) -> tuple[float, float]:
    """Return compressed bytes of the peer's runtime (WebAssembly alone), and of its weights as 32-bit floats."""
    runtime = [site / Path(part).name for part in (PARTS[0], PARTS[1], PARTS[-1])]
    weights = np.random.default_rng(0).normal(0, 0.1, parameters).astype("<f4").tobytes()
    return sum(_packed(path.read_bytes()) for path in runtime), _packed(weights)


def load_rows(own: Sizes, opened: float, warm: float) -> list[record.Row]:
    """Return the rows of the first load and of the next ones."""
    return [
        record.Row("first load, compressed", own.whole / MB, "MB", 12),
        record.Row("of it, onnxruntime's WebAssembly", own.runtime / MB, "MB"),
        record.Row("of it, the network", own.model / MB, "MB"),
        record.Row("of it, all else: scripts, seven languages, icons, rules", own.rest / MB, "MB"),
        record.Row(f"takes a tap, first visit, {MBIT} Mbit/s and {DELAY} ms a request", opened, "s", 2),
        record.Row("model verified and ready, after a reload", warm, "s", 3),
    ]


def photo_rows(ours: Times) -> list[record.Row]:
    """Return the rows of one photo."""
    return [
        record.Row("pixels to result: p50", float(np.quantile(ours["screen"], 0.5)), "ms", 60),
        record.Row("pixels to result: p95", float(np.quantile(ours["screen"], 0.95)), "ms"),
        record.Row("pixels to result: fastest", min(ours["screen"]), "ms"),
        record.Row("when a photo comes, its gate: p50", statistics.median(ours["gate"]), "ms"),
        record.Row("when the result is asked for after that: p50", statistics.median(ours["after"]), "ms"),
        record.Row("other answers, same photo: p50", statistics.median(ours["reweigh"]), "ms"),
        record.Row("before: the browser's decoding of 12 million pixels: p50", statistics.median(ours["decode"]), "ms"),
    ]


def peer_rows(ours: Times, theirs: list[float], other: dict[str, float], bytes_: list[float]) -> list[record.Row]:
    """Return the rows of the comparison; `bytes_`: network and all code, ours, then the peer's."""
    median = statistics.median
    ratio = median(theirs) / median(ours["screen"])
    rows = [record.Row("TensorFlow.js, WebAssembly with SIMD, one thread: p50", median(theirs), "ms")]
    rows += [record.Row(f"TensorFlow.js, {name}: p50", took, "ms") for name, took in other.items()]
    return [
        *rows,
        record.Row("speed to the peer on WebAssembly", ratio, "×", 4, at_least=True),
        record.Row("the network's bytes to the peer's", 100 * bytes_[0] / bytes_[2], "%", 40),
        record.Row("network and runtime to the peer's", 100 * (bytes_[0] + bytes_[1]) / (bytes_[2] + bytes_[3]), "%"),
    ]


def main() -> None:
    """Measure and record."""
    options = record.arguments(__doc__).parse_args()
    rounds, times = (1, 2) if options.quick else (3, 5)
    chromium = shutil.which("chromium") or sys.exit("Chromium is needed")
    site, other_site = built_site(), install_peer()
    pictures = drawn(4 if options.quick else 24)
    handler = partial(_Quiet, directory=str(other_site))
    with (
        served(Server(0, site, default_path())) as address,
        served(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as peer_address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--headless=new"])
        opened = interactive(browser, address, times)
        page = _watched(browser)
        page.goto(address)
        page.get_by_text("Ready to work with the network off.").wait_for()
        warm = ready(page, times)
        begun = open_peer(browser, peer_address, "wasm") or sys.exit("the peer's WebAssembly cannot run here")
        load = os.getloadavg()[0]
        ours, theirs = side_by_side(page, begun[0], pictures, rounds)
        load = max(load, os.getloadavg()[0])
        page.context.close()
        other = other_backends(browser, peer_address, pictures[0])
        version = browser.version
        browser.close()
    own = sizes(site)
    runtime, weights = peer_bytes(other_site, begun[1])
    rows = [
        *load_rows(own, opened, warm),
        *photo_rows(ours),
        *peer_rows(ours, theirs, other, [own.model, own.runtime, weights, runtime]),
    ]
    notes = (
        f"Chromium {version}, headless; medians of {times} visits; {len(pictures)} drawn photos of "
        f"{photos.WIDTH} × {photos.HEIGHT}, {rounds} times, in turn with the peer; load average up to {load:.1f}. "
        f"Peer: TensorFlow.js {TFJS}, MobileNetV3-Large, 32-bit floats, {CLASSES} classes, random weights, batch "
        "normalisation folded, on the page's own thread; both from decoded pixels to numbers."
    )
    record.finish("phone_page", rows, quick=options.quick, notes=notes, packages=("mpoxlens", "playwright"))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (named so by the standard library)
        """Keep silent: a line for every file would hide the figures."""


if __name__ == "__main__":
    main()
