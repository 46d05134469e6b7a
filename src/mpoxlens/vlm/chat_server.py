"""POST /v1/chat/completions and GET /v1/models, as OpenAI's clients speak them.

Each request carries its whole conversation; nothing of it is kept, logged or fetched. Beside the words an answer has
the field `mpoxlens` with everything else that was found.
"""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import click
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mpoxlens.errors import MpoxlensError
from mpoxlens.schema import INTENDED_USE
from mpoxlens.vlm.answer_json import to_json
from mpoxlens.vlm.asking import Assistant
from mpoxlens.vlm.chat_request import ChatRequest, read_request
from mpoxlens.vlm.talk import Talk

MODEL = "mpoxlens"
MAX_BODY = 24 * 2**20  # bytes; a photograph of 17 MB as base64, and no phone writes a larger JPEG by default
CONNECTIONS = 8  # more would only wait for the same processor, and are told to come again
LOCAL = ("127.0.0.1", "localhost")


class _StatusError(Exception):
    """What is refused with a status of its own."""

    def __init__(self, status: int, message: str, code: str) -> None:
        self.status, self.message, self.code = status, message, code
        super().__init__(message)


def run(host: str, port: int, adapter: Path | None, skin: str | None, *, offline: bool) -> None:
    """Load base and adapter and serve; raises what `Assistant.load` and `serve` do."""
    with _listening(host, port) as listening:  # before minutes of download are spent on a port that is taken
        say = partial(click.echo, err=True)
        serve(Assistant.load(adapter, skin=skin, offline=offline, say=say), host, listening)


def serve(assistant: Assistant, host: str, listening: socket.socket) -> None:
    """Serve until Ctrl-C, and print the address.

    Args:
        assistant: who answers.
        host: where it listens.
        listening: the socket there.
    """
    click.echo(f"http://{host}:{listening.getsockname()[1]}/v1, model {MODEL!r}. {INTENDED_USE} Ctrl-C ends it.")
    if host not in LOCAL:
        click.echo("Whoever reaches this machine can ask; put a proxy with TLS and a login before it.", err=True)
    config = uvicorn.Config(
        app(assistant, host),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run([listening])


def app(assistant: Assistant, host: str = "127.0.0.1") -> Starlette:
    """Return the server as an ASGI application.

    Args:
        assistant: who answers.
        host: where it listens; on this machine alone, requests under another name (DNS rebinding) are refused.
    """
    routes = _Routes(assistant)
    paths = "/v1/chat/completions and /v1/models"
    handlers: dict[Any, Callable[[Request, Any], Response]] = {
        MpoxlensError: lambda _, error: _error(400, str(error), type(error).__name__),
        _StatusError: lambda _, error: _error(error.status, error.message, error.code),
        404: lambda *_: _error(404, f"no such address; there are {paths}", "address"),
        405: lambda *_: _error(405, "this address is asked by another method", "method"),
        Exception: lambda *_: _error(500, "something went wrong here; nothing was answered", "internal"),
    }
    hosts = list(LOCAL) if host in LOCAL else ["*"]
    return Starlette(
        routes=[
            Route("/v1/models", routes.models),
            Route("/v1/chat/completions", routes.complete, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        exception_handlers=handlers,
    )


class _Routes:
    """What each address does."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant

    async def models(self, _request: Request) -> Response:
        entry = {"id": MODEL, "object": "model", "created": 0, "owned_by": "mpoxlens"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def complete(self, request: Request) -> Response:
        asked = read_request(await _body(request))
        if asked.model != MODEL:
            raise _StatusError(404, f"model {asked.model[:60]!r}: unknown; use {MODEL!r}", "model_not_found")
        talk = await run_in_threadpool(self._talk, asked)
        if asked.stream:
            return StreamingResponse(_events(talk, asked.question), media_type="text/event-stream")
        answer = await run_in_threadpool(talk.ask, asked.question)
        message = {"role": "assistant", "content": answer.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return JSONResponse(_head("chat.completion") | {"choices": [choice], "mpoxlens": to_json(answer)})

    def _talk(self, asked: ChatRequest) -> Talk:
        return self.assistant.about_photo(asked.photo, asked.info).with_turns(asked.turns)


async def _events(talk: Talk, question: str) -> AsyncIterator[str]:
    """Yield server-sent events: the words as they come, then everything that was found."""
    head = _head("chat.completion.chunk")
    words = cast("Generator[str]", talk.stream(question))
    try:
        yield _event(head, {"role": "assistant", "content": ""})
        text = ""
        while (piece := await run_in_threadpool(next, words, None)) is not None:
            text += piece
            yield _event(head, {"content": piece})
        yield _event(head | {"mpoxlens": to_json(talk.answer(question, text))}, {}, "stop")
        yield "data: [DONE]\n\n"
    except MpoxlensError as error:
        yield f"data: {json.dumps(_error_of(str(error), type(error).__name__))}\n\n"
    finally:
        words.close()  # who hung up stops the model


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        # A page of another site may send any other type without the browser asking first.
        raise _StatusError(415, "the body is not application/json; send it as such", "content_type")
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_BODY:
            raise _StatusError(413, f"the limit of a request is {MAX_BODY / 2**20:.0f} MB; send a smaller copy", "size")
    return bytes(data)


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


def _event(head: Mapping[str, Any], delta: Mapping[str, str], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"


def _error(status: int, message: str, code: str) -> Response:
    return JSONResponse(_error_of(message, code), status)


def _error_of(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        why = f"cannot be used ({getattr(error, 'strerror', None) or error})"
        raise MpoxlensError(f"--host {host} --port {port}", why, "name another port, or 0 for a free one") from None
