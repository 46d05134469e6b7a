"""The page's server: on this machine alone, for the one who opened it.

Who gets in, and what is refused, is said in `local_page`. No photograph leaves the machine.
"""

from __future__ import annotations

import secrets
import shlex
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mpoxlens.datasets.review.desk import Desk
from mpoxlens.datasets.review.local_page import application, sent, serve_until_stopped
from mpoxlens.datasets.review.pictures import Pictures
from mpoxlens.datasets.review.queue import Disputed, read_queue
from mpoxlens.datasets.review.session import ChangedError, Session, StaleError
from mpoxlens.datasets.reviews import read_reviews
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, PhotoError

LONGEST = 64 * 1024  # bytes that the page may send at once
FEWER = "choose fewer photographs"
FILES = {
    "review.css": "text/css",
    "review.svg": "image/svg+xml",
    "review.js": "text/javascript",
    "show.js": "text/javascript",
    "dialogs.js": "text/javascript",
}


def serve(
    work: Workspace,
    decisions: Path,
    reviewer: str,
    port: int = 0,
    open_browser: bool = True,
    compared: tuple[Path, Path] | None = None,
) -> None:
    """Serve the review page until Ctrl-C, and print its address.

    Args:
        work: what is reviewed.
        decisions: the CSV that the decisions go to; it need not exist.
        reviewer: the name that they get.
        port: 0 takes a free one.
        open_browser: whether to open the address.
        compared: decisions files of two reviewers, whose disagreements are shown first.

    Raises:
        DataError: no manifest, an unusable decisions file or name, or a port that is taken.
    """
    token = secrets.token_urlsafe(24)
    desk = Desk(read_queue(work, _disputed(work, compared)), Session(decisions, reviewer))
    greeting = ("Review page", f"Decisions go to {decisions}. Ctrl-C ends the review.")
    serve_until_stopped(
        app(desk, token), token, port, greeting, lambda: _farewell(work, desk.session), open_browser=open_browser
    )


def _farewell(work: Workspace, session: Session) -> str:
    held = len(session.reviews())
    if not held:
        return "Review ended; nothing was decided."
    command = shlex.join(["mpoxlens", "data", "apply", str(work.path), "--decisions", str(session.path)])
    return f"Review ended; decisions in {session.path}: {held}. Next: {command}"


def app(desk: Desk, token: str) -> Starlette:
    """Return the server as an ASGI application; the first request must carry the token."""
    routes = _Routes(desk, Pictures(desk.queue.manifest.paths))
    return application(
        [
            Route("/", routes.page),
            Route("/start", routes.start),
            Route("/view", routes.view),
            Route("/act", routes.act, methods=["POST"]),
            Route("/reload", routes.reload, methods=["POST"]),
            Route("/photo/{sha256}/{size}", routes.photo),
            Route("/laid/{a}/{b}", routes.laid),
            Route("/{name}", routes.file),
        ],
        token,
        _refused,
    )


def _disputed(work: Workspace, compared: tuple[Path, Path] | None) -> list[Disputed]:
    if compared is None:
        return []
    from mpoxlens.datasets.review.kappa import disagreements

    a, b = (read_reviews(path) for path in compared)
    return [
        Disputed(one.sha256, f"{compared[0].name}: {_said(one.verdict_a, one.reason_a)}; "
                 f"{compared[1].name}: {_said(one.verdict_b, one.reason_b)}")
        for one in disagreements(a, b, work.manifest())
    ]  # fmt: skip


def _said(verdict: str, reason: str) -> str:
    return f"{verdict} ({reason})" if reason else verdict


class _Routes:
    def __init__(self, desk: Desk, pictures: Pictures) -> None:
        self.desk, self.pictures = desk, pictures

    def page(self, _request: Request) -> Response:
        return Response(_content("review.html"), media_type="text/html")

    def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            return PlainTextResponse("no such page", 404)
        return Response(_content(name), media_type=FILES[name])

    def start(self, _request: Request) -> Response:
        return JSONResponse(self.desk.start())

    def view(self, request: Request) -> Response:
        asked = request.query_params
        look = self.desk.seek if "seek" in asked else self.desk.view
        return JSONResponse(look(asked.get("kind", ""), asked.get("label", ""), _number(asked.get("at", ""))))

    async def act(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.desk.act, await sent(request, LONGEST, FEWER)))

    async def reload(self, request: Request) -> Response:
        asked = await sent(request, LONGEST, FEWER)
        view = (str(asked.get("kind", "")), str(asked.get("label", "")), _number(str(asked.get("at", ""))))
        return JSONResponse(await run_in_threadpool(self.desk.reload, *view))

    def photo(self, request: Request) -> Response:
        return Response(self.pictures.picture(**request.path_params), media_type="image/jpeg")

    def laid(self, request: Request) -> Response:
        return Response(self.pictures.laid(**request.path_params), media_type="image/jpeg")


def _number(text: str) -> int:
    """A place in the queue; before the first when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1


def _refused(_request: Request, error: Exception) -> Response:
    changed = "file" if isinstance(error, ChangedError) else "page" if isinstance(error, StaleError) else ""
    status = 507  # it could not be written
    if isinstance(error, DataError):
        status = 409 if changed else 400
    elif isinstance(error, PhotoError):
        status = 404
    return JSONResponse({"error": str(error), "changed": changed}, status)


def _content(name: str) -> bytes:
    return (resources.files(__package__) / name).read_bytes()
