"""The page's server: on this machine alone, for one reader. The study's key is never opened here.

Who gets in, and what is refused, is as in the review of a data set: the printed address works once
(`datasets.review.door`), other names of this machine are refused by the Host header, and nothing comes from elsewhere.
"""

from __future__ import annotations

import json
import secrets
import socket
import webbrowser
from importlib import resources
from pathlib import Path

import click
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mpoxlens.datasets.review.door import Door
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.explain.study.answers import enrol
from mpoxlens.explain.study.desk import Desk, Shown
from mpoxlens.explain.study.folder import MAKE, read_study

HOST = "127.0.0.1"
LONGEST = 1024 * 1024  # bytes that the page may send at once: a drawing of 20 000 points takes half of it
FILES = {"study.css": "text/css", "study.svg": "image/svg+xml", "study.js": "text/javascript"}


def serve(folder: Path, reader: str, port: int = 0, open_browser: bool = True) -> None:
    """Serve the page to one reader until Ctrl-C, and print its address.

    Args:
        folder: the study's.
        reader: name or code; it stays in the folder and is in no export.
        port: 0 takes a free one.
        open_browser: whether to open the address.

    Raises:
        DataError: no study, an unusable name, or a port that is taken.
    """
    token = secrets.token_urlsafe(24)
    page = app(Desk(enrol(read_study(folder), reader)), token)
    with _listening(port) as listening:
        address = f"http://{HOST}:{listening.getsockname()[1]}/?token={token}"
        config = uvicorn.Config(
            page,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        try:
            click.echo(f"Reading page, for this machine alone; the address works once: {address}")
            click.echo("Every answer is kept at once. Ctrl-C ends the page; give the command again to go on.")
            if open_browser:
                webbrowser.open(address)
            uvicorn.Server(config).run([listening])
        except KeyboardInterrupt:  # raised again by uvicorn after it has shut down
            click.echo("Page ended; every answer is kept.")


def app(desk: Desk, token: str) -> Starlette:
    """Return the server as an ASGI application; the first request must carry the token."""
    routes = _Routes(desk)
    return Starlette(
        routes=[
            Route("/", routes.page),
            Route("/view", routes.view),
            Route("/answer", routes.answer, methods=["POST"]),
            Route("/photo/{session:int}/{at:int}", routes.photo),
            Route("/map/{session:int}/{at:int}", routes.map),
            Route("/{name}", routes.file),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
            Middleware(Door, token=token),
        ],
        exception_handlers={MpoxlensError: _refused},
    )


class _Routes:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def page(self, _request: Request) -> Response:
        return Response(_content("study.html"), media_type="text/html")

    def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            return PlainTextResponse("no such page", 404)
        return Response(_content(name), media_type=FILES[name])

    def view(self, request: Request) -> Response:
        at = request.query_params.get("at", "")
        return JSONResponse(self._desk.view(int(at) if at.isascii() and at.isdigit() and len(at) < 12 else None))

    async def answer(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._desk.answer, await _json(request)))

    def photo(self, request: Request) -> Response:
        return Response(_bytes(self._desk.photo(**request.path_params)), media_type="image/jpeg")

    def map(self, request: Request) -> Response:
        return Response(_bytes(self._desk.picture(**request.path_params)), media_type="image/png")


async def _json(request: Request) -> Shown:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > LONGEST:
            raise DataError("the request", f"longer than {LONGEST} bytes", "draw fewer lesions")
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):  # no JSON, no text at all, or nested without end
        given = None
    if not isinstance(given, dict):
        raise DataError("the request", "no JSON object", "look at the page anew")
    return given


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(str(path.name), f"cannot be read ({error.strerror})", MAKE) from None


def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400 if isinstance(error, DataError) else 507)


def _content(name: str) -> bytes:
    return (resources.files(__package__) / name).read_bytes()


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # before the address is told, so that who comes early waits
    except (OSError, OverflowError) as error:
        listening.close()
        why = f"cannot be used ({getattr(error, 'strerror', None) or error})"
        raise DataError(f"--port {port}", why, "name another, or 0 for a free one") from None
    return listening
