"""The page's server: on this machine alone, for one reader. The study's key is never opened here.

Who gets in, and what is refused, is as in the review of a data set (`datasets.review.local_page`).
"""

from __future__ import annotations

import secrets
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mpoxlens.datasets.review.local_page import application, sent, serve_until_stopped
from mpoxlens.errors import DataError
from mpoxlens.explain.study.answers import enrol
from mpoxlens.explain.study.desk import Desk
from mpoxlens.explain.study.folder import MAKE, read_study

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
    greeting = ("Reading page", "Every answer is kept at once. Ctrl-C ends the page; give the command again to go on.")
    serve_until_stopped(
        page, token, port, greeting, lambda: "Page ended; every answer is kept.", open_browser=open_browser
    )


def app(desk: Desk, token: str) -> Starlette:
    """Return the server as an ASGI application; the first request must carry the token."""
    routes = _Routes(desk)
    return application(
        [
            Route("/", routes.page),
            Route("/view", routes.view),
            Route("/answer", routes.answer, methods=["POST"]),
            Route("/photo/{session:int}/{at:int}", routes.photo),
            Route("/map/{session:int}/{at:int}", routes.map),
            Route("/{name}", routes.file),
        ],
        token,
        _refused,
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
        return JSONResponse(
            await run_in_threadpool(self._desk.answer, await sent(request, LONGEST, "draw fewer lesions"))
        )

    def photo(self, request: Request) -> Response:
        return Response(_bytes(self._desk.photo(**request.path_params)), media_type="image/jpeg")

    def map(self, request: Request) -> Response:
        return Response(_bytes(self._desk.picture(**request.path_params)), media_type="image/png")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(str(path.name), f"cannot be read ({error.strerror})", MAKE) from None


def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400 if isinstance(error, DataError) else 507)


def _content(name: str) -> bytes:
    return (resources.files(__package__) / name).read_bytes()
