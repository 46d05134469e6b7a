"""From the body of a chat completion to a photograph, answers and questions. Nothing is fetched, nothing is kept.

The form is that of OpenAI's POST /v1/chat/completions. The photograph is an `image_url` part with a data: address;
answers to the clinic's questions are a JSON object, in the extra field `history` or in a text part after "history:".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpoxlens.errors import MpoxlensError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening.history import MAX_BYTES as MAX_HISTORY
from mpoxlens.screening.history import parse_history
from mpoxlens.vlm.talk import DIAGNOSIS, Exchange, check_question

MAX_MESSAGES = 64
DATA = re.compile(r"data:image/[\w.+-]{1,40};base64,")
HISTORY = re.compile(r"\s*history\s*:\s*", re.IGNORECASE)
AS_JSON = 'write history: {"fever": true}'
IGNORED_ROLES = ("system", "developer")  # the model's own system text is fixed


@dataclass(frozen=True)
class ChatRequest:
    """What is asked."""

    photo: bytes
    info: ClinicalInfo
    turns: tuple[Exchange, ...]
    question: str
    model: str
    stream: bool


def read_request(body: bytes) -> ChatRequest:
    """Read a body.

    Raises:
        MpoxlensError: no such form, not one photograph, an address that would have to be fetched, or a question that is
            empty or far too long.
        HistoryError: an answer that no file may hold either.
    """
    data = _object(body)
    said = [_Said.of(message) for message in _messages(data)]
    photos = [photo for one in said for photo in one.photos]
    if len(photos) != 1:
        why = f"the conversation has {len(photos) or 'none'}"
        raise MpoxlensError("the photo", why, "send one photo, as an image_url part with a data: address")
    *turns, last = _exchanges(said)
    return ChatRequest(
        photo=_decoded(photos[0]),
        info=_history(data, said),
        turns=tuple(turns),
        question=last.question,
        model=str(data.get("model", "")),
        stream=data.get("stream") is True,
    )


@dataclass(frozen=True)
class _Said:
    """One message."""

    role: str
    text: str
    photos: tuple[str, ...]  # data: addresses
    histories: tuple[str, ...]  # what follows "history:"

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> _Said:
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
            raise _form("messages: content", "it is neither a text nor a list of parts")
        texts, photos = list(_texts(parts)), tuple(_photos(parts))
        told = tuple(HISTORY.sub("", text, count=1) for text in texts if HISTORY.match(text))
        asked = " ".join(text.strip() for text in texts if not HISTORY.match(text))
        return cls(str(message["role"]), asked.strip(), photos, told)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        data = _loads(body)
    except UnicodeEncodeError:
        raise _form("the body", "a text in it holds half a character (a lone surrogate)") from None
    except (ValueError, RecursionError):
        raise _form("the body", "it is not JSON") from None
    if not isinstance(data, dict):
        raise _form("the body", "it is not an object")
    if data.get("n") not in (None, 1):
        raise MpoxlensError("n", "there is one answer to a question", "leave it out")
    return data


def _loads(text: bytes | str) -> Any:
    """Return what JSON says; UnicodeEncodeError, a ValueError, where half a character could never be sent back."""
    data = json.loads(text)
    json.dumps(data, ensure_ascii=False).encode()
    return data


def _messages(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = data.get("messages")
    if not isinstance(messages, list) or not messages or len(messages) > MAX_MESSAGES:
        raise _form("messages", f"they are no list of 1 to {MAX_MESSAGES}")
    for one in messages:
        if not isinstance(one, dict) or one.get("role") not in ("user", "assistant", *IGNORED_ROLES):
            raise _form("messages", "one has no role of user, assistant or system")
    return [one for one in messages if one["role"] not in IGNORED_ROLES]


def _texts(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for part in parts:
        if part.get("type") not in ("text", "image_url"):
            raise _form("messages: content", "a part is neither text nor image_url")
        if part["type"] == "text":
            if not isinstance(part.get("text"), str):
                raise _form("messages: content", "a text part has no text")
            yield part["text"]


def _photos(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for part in parts:
        if part["type"] == "image_url":
            named = part.get("image_url")
            address = named.get("url") if isinstance(named, Mapping) else None
            if not isinstance(address, str) or not DATA.match(address):
                why = "its address is no data: address of a photo, and nothing is fetched from elsewhere"
                raise MpoxlensError("image_url", why, 'send "data:image/jpeg;base64,..."')
            yield address


def _decoded(address: str) -> bytes:
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise MpoxlensError("image_url", "its data is not base64", "send the photo's bytes as base64") from None


def _exchanges(said: Sequence[_Said]) -> list[Exchange]:
    """Return the questions with their answers; the last has none yet. Messages of one side in a row are joined."""
    found: list[Exchange] = []
    question: list[str] = []
    for place, one in enumerate(said):
        if one.role == "user":
            question.append(one.text)
        elif not question:
            raise _form("messages", "an answer stands where a question should")
        if one.role == "assistant" and (place + 1 == len(said) or said[place + 1].role == "user"):
            found.append(Exchange(_question(question), one.text))
            question = []
    if not question:
        raise _form("messages", "the last one is no question of the user")
    return [*found, Exchange(_question(question), "")]


def _question(texts: Sequence[str]) -> str:
    question = " ".join(text for text in texts if text) or DIAGNOSIS
    check_question(question)
    return question


def _history(data: Mapping[str, Any], said: Sequence[_Said]) -> ClinicalInfo:
    given: list[object] = [] if data.get("history") is None else [data["history"]]
    given += [_told(text) for one in said if one.role == "user" for text in one.histories]
    if len(given) > 1:
        raise MpoxlensError("history", "it is given more than once", "give it once, for the whole conversation")
    return parse_history(given[0] if given else {}, "history")


def _told(text: str) -> Mapping[str, Any]:
    """Return the answers that stand after "history:"."""
    if text.strip() in ("", "null"):
        raise MpoxlensError("history", "no answers stand after it", f"{AS_JSON}, or leave it out")
    try:
        found = _loads(text) if len(text) <= MAX_HISTORY else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MpoxlensError("history", "what stands after it is no JSON object", AS_JSON)
    return found


def _form(what: str, why: str) -> MpoxlensError:
    return MpoxlensError(what, why, "send it as OpenAI's chat completions do")
