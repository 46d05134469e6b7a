"""An ONNX file in onnxruntime-web in a real Chromium: the runtime of the phone page, with the page's own settings."""

from __future__ import annotations

import base64
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.bundle import Outputs
from mpoxlens.errors import BundleError, DataError, MissingExtraError
from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.schema import Floats

PARTS = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")  # of the npm package, as the page takes them
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm", "": "text/html; charset=utf-8"}
BINARY = "application/octet-stream"
STEP = 64  # photographs an answer, which the browser hands over as one text
PATIENCE = 600_000  # ms for them


@dataclass(frozen=True, eq=False)
class Judged:
    """What a file gave in the browser."""

    outputs: Outputs
    took: Doubles  # [N] ms, the browser's own clock
    version: str  # of onnxruntime-web


@dataclass(frozen=True, eq=False)
class Tab:
    """A page that judges whatever file and photographs it is served."""

    page: Any
    address: str
    served: dict[str, bytes]

    def judge(self, model: bytes, batch: Floats) -> Judged:
        """Run an ONNX file on a batch [N, 3, size, size], one photograph at a time as the phone page does.

        Raises:
            BundleError: the browser cannot load the file, or it does not give logits, cam and embedding.
        """
        self.served["/model.onnx"] = model
        answers = [self._answered(batch[i : i + STEP]) for i in range(0, len(batch), STEP)]
        rows = [row for answer in answers for row in answer["rows"]]
        outputs = Outputs(*(np.concatenate([_floats(row["outputs"][i]) for row in rows]) for i in range(3)))
        return Judged(outputs, np.array([row["took"] for row in rows]), answers[0]["version"])

    def _answered(self, batch: Floats) -> Mapping[str, Any]:
        from playwright.sync_api import Error

        self.served.update({f"/photo/{n}": photo.astype("<f4").tobytes() for n, photo in enumerate(batch)})
        self.page.goto(self.address)
        try:
            answer: Mapping[str, Any] = self.page.evaluate("judge", {"count": len(batch), "size": int(batch.shape[-1])})
        except Error as error:
            said = str(error).splitlines()[0][:200]
            raise BundleError(
                "the ONNX file", f"the browser cannot run it ({said})", "take another precision"
            ) from None
        return answer


@contextmanager
def opened(runtime: Path) -> Iterator[Tab]:
    """Open a page in Chromium for as long as the block lasts; nothing but this machine is asked for anything.

    Args:
        runtime: the folder `dist` of the npm package onnxruntime-web, of the version that the phone page is built with.

    Raises:
        DataError: no such build there, or no Chromium on the path.
        MissingExtraError: playwright is not installed.
    """
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise DataError("Chromium", "not on the path", f"install one of {', '.join(BROWSERS)}")
    served = _site(runtime)
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise MissingExtraError("running a file in a browser", "dev", "playwright") from None
    with _serving(served) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless=new"])
        try:
            page = browser.new_page()
            page.set_default_timeout(PATIENCE)
            yield Tab(page, address, served)
        finally:
            browser.close()


def _site(runtime: Path) -> dict[str, bytes]:
    missing = [name for name in PARTS if not (runtime / name).is_file()]
    if missing:
        why = f"it holds no {' and no '.join(missing)}"
        raise DataError(str(runtime), why, "run `make web` and name web/node_modules/onnxruntime-web/dist")
    page = resources.files("mpoxlens") / "optimise" / "browser.html"
    return {"/": page.read_bytes()} | {f"/{name}": (runtime / name).read_bytes() for name in PARTS}


@contextmanager
def _serving(served: Mapping[str, bytes]) -> Iterator[str]:
    """Serve a few contents to this machine alone, and give their address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = served.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", TYPES.get(Path(self.path).suffix, BINARY))
            self.send_header("Content-Length", str(len(content or b"")))
            self.send_header("Cache-Control", "no-store")  # the next file has the same name
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (named so by the standard library)
            """Keep silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def _floats(packed: Mapping[str, Any]) -> Floats:
    return np.frombuffer(base64.b64decode(packed["base64"]), "<f4").reshape(packed["dims"])
