"""A small server of static files for this machine alone, with the headers that keep the page to itself."""

from __future__ import annotations

import os
import sys
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mpoxlens.bundle import default_path
from mpoxlens.errors import MpoxlensError
from mpoxlens.web.site import BUNDLE_FILES, HEADERS, built_site

HOST = "127.0.0.1"  # no other machine can reach it
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}


class Server(ThreadingHTTPServer):
    """Serves the built page and the installed bundle."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows it would let another program answer at the same port

    def __init__(self, port: int, site: Path, bundle: Path) -> None:
        self.site, self.bundle = site, bundle
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a tab that was closed while it still loaded."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{HOST}:{self.server_address[1]}/"


def listen(port: int) -> Server:
    """Return a server that listens; `serve_forever` starts it.

    Args:
        port: 0 for one that is free.

    Raises:
        MpoxlensError: the page is not built, or the port is taken.
    """
    site = built_site()
    try:
        return Server(port, site, default_path())
    except OSError as error:
        why = f"cannot listen there ({error.strerror})"
        raise MpoxlensError(f"--port {port}", why, "name another port, or 0 for a free one") from None


class _Handler(SimpleHTTPRequestHandler):
    server: Server
    server_version, sys_version = "mpoxlens", ""
    extensions_map = TYPES

    def __init__(self, request: Any, address: Any, server: Server) -> None:
        super().__init__(request, address, server, directory=str(server.site))

    def do_GET(self) -> None:
        if self._local():
            super().do_GET()

    def do_HEAD(self) -> None:
        if self._local():
            super().do_HEAD()

    def _local(self) -> bool:
        """Refuse a name that another site has made to point here."""
        if (self.headers.get("Host") or "").lower().partition(":")[0] in (HOST, "localhost"):
            return True
        self.send_error(HTTPStatus.FORBIDDEN)
        return False

    def translate_path(self, path: str) -> str:
        folder, _, name = path.partition("?")[0].rpartition("/")
        if folder == "/bundle":
            return str(self.server.bundle / (name if name in BUNDLE_FILES else "none"))
        return super().translate_path(path.replace("%00", "none"))  # no file system has such a name

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (named so by the standard library)
        """Keep silent: who looks at what is nobody's business."""
