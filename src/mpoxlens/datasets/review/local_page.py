"""What every page served to one person on this machine has in common: its port, its door, and what it takes.

The printed address works once (`door`). Pages of other sites that reach the port under a name of their own (DNS
rebinding) are refused by the Host header. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

import json
import socket
import webbrowser
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import click
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mpoxlens.datasets.review.door import Door
from mpoxlens.errors import DataError, MpoxlensError

HOST = "127.0.0.1"


def application(
    routes: Sequence[Route],
    token: str,
    refused: Callable[[Request, Exception], Response | Awaitable[Response]],
) -> Starlette:
    """Return the page's server as an ASGI application; the first request must carry the token.

    Args:
        routes: of the page.
        token: opens the door once.
        refused: answers a request that ended in an error of mpoxlens.
    """
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
        Middleware(Door, token=token),
    ]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={MpoxlensError: refused})


def serve_until_stopped(
    page: ASGIApp, token: str, port: int, greeting: tuple[str, str], farewell: Callable[[], str], *, open_browser: bool
) -> None:
    """Serve a page until Ctrl-C.

    Args:
        page: the application.
        token: what its address carries.
        port: 0 takes a free one.
        greeting: what stands before the address, and the line after it.
        farewell: what is printed at the end.
        open_browser: whether to open the address.

    Raises:
        DataError: the port is taken.
    """
    with listening(port) as found:
        address = f"http://{HOST}:{found.getsockname()[1]}/?token={token}"
        config = uvicorn.Config(
            page,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )

        def greet() -> None:
            click.echo(f"{greeting[0]}, for this machine alone; the address works once: {address}")
            click.echo(greeting[1])
            if open_browser:
                webbrowser.open(address)

        try:
            _Server(config, greet).run([found])
        except KeyboardInterrupt:  # raised again by uvicorn after it has shut down
            click.echo(farewell())


class _Server(uvicorn.Server):
    """Says where it is once it runs: a Ctrl-C that came before would end it with a complaint."""

    def __init__(self, config: uvicorn.Config, greet: Callable[[], None]) -> None:
        super().__init__(config)
        self._greet = greet

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, as uvicorn does."""
        await super().startup(sockets)
        self._greet()


def listening(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone; 0 takes a free port.

    Raises:
        DataError: the port is taken, or none.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen()  # before the address is told, so that who comes early waits
    except (OSError, OverflowError) as error:
        found.close()
        why = f"cannot be used ({getattr(error, 'strerror', None) or error})"
        raise DataError(f"--port {port}", why, "name another, or 0 for a free one") from None
    return found


async def sent(request: Request, longest: int, mend: str) -> dict[str, Any]:
    """Return the JSON object that the page sent.

    Args:
        request: of the page.
        longest: bytes.
        mend: what somebody does whose page sent more.

    Raises:
        DataError: it is longer, or no JSON object.
    """
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > longest:
            raise DataError("the request", f"longer than {longest} bytes", mend)
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):  # no JSON, no text at all, or nested without end
        given = None
    if not isinstance(given, dict):
        raise DataError("the request", "no JSON object", "look at the page anew")
    return given
