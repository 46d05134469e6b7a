"""Who gets in to the review page, and what every answer forbids.

Whoever has the address that is printed gets in once; the browser then keeps a cookie that no other site can send.
Writes of pages of other sites are refused by their Origin header.
"""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",  # no copy of a photograph stays in the browser
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Door:
    """Lets in who has the token or the cookie, and puts the protective headers on every answer."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token, self._cookie = app, token, secrets.token_urlsafe(24)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # the page opens no web sockets
            return await send({"type": "websocket.close"})
        request = Request(scope)
        name = f"mpoxlens-review-{request.url.port}"  # cookies of one host are shared by its ports
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        opened = bool(self._token) and secrets.compare_digest(token.encode(), self._token.encode())
        known = secrets.compare_digest(request.cookies.get(name, "").encode(), self._cookie.encode())

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if opened:
                    headers["Set-Cookie"] = f"{name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"
            await send(message)

        answer: ASGIApp = self._app
        if scope["method"] not in ("GET", "HEAD") and not _own(request.headers):
            opened, answer = False, PlainTextResponse("refused: not from the review page", 403)
        elif not (known or (opened and scope["path"] == "/")):
            opened = False
            text = (
                "refused: open the address that was printed; it works once, so start the review again when it is used"
            )
            answer = PlainTextResponse(text, 403)
        elif opened:
            self._token = ""
        return await answer(scope, receive, protected)


def _own(headers: Headers) -> bool:
    """Whether a write comes from the page itself."""
    same = headers.get("origin") == f"http://{headers.get('host')}"
    return same and headers.get("content-type", "").partition(";")[0] == "application/json"
