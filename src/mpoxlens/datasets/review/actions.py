"""What the page may ask for: each action reads what was asked, and does it at the decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mpoxlens.datasets.review.queue import Item, Queue
from mpoxlens.datasets.review.session import Change, Session
from mpoxlens.errors import DataError

LONGEST = 200  # characters of a label or reason
Asked = Mapping[str, Any]  # what came from the page as JSON
Action = Callable[[Queue, Session, Asked], Change | None]  # raises DataError for what makes no sense


def text(asked: Asked, name: str) -> str:
    """Return a short text, empty when it is not given. DataError when it is none."""
    value = asked.get(name, "")
    if not isinstance(value, str) or len(value) > LONGEST:
        raise DataError(name, "a short text is needed", "look at the page anew")
    return value


def whole(asked: Asked, name: str) -> int:
    """Return a whole number, 0 when it is not given. DataError when it is none."""
    value = asked.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(name, "a whole number is needed", "look at the page anew")
    return value


def _needed(asked: Asked, name: str) -> str:
    value = " ".join(text(asked, name).split())
    if not value:
        raise DataError(name, "it is empty", "choose one")
    return value


def _shas(queue: Queue, asked: Asked) -> list[str]:
    """The photographs that an action is about."""
    given = asked.get("photographs")
    if not isinstance(given, list) or not given or not all(isinstance(sha, str) for sha in given):
        raise DataError("photographs", "none is named", "choose a photograph")
    unknown = next((sha for sha in given if sha not in queue.records), None)
    if unknown is not None:
        raise DataError(f"photograph {unknown[:12]}", "not in this data set", "choose one that is shown")
    return list(dict.fromkeys(given))


def _item(queue: Queue, asked: Asked) -> Item:
    number = whole(asked, "item")
    if not 0 <= number < len(queue.items):
        raise DataError(f"item {number}", "there is none", "look at the page anew")
    return queue.items[number]


def _accept(queue: Queue, session: Session, asked: Asked) -> Change | None:
    open_ = [sha for sha in _item(queue, asked).photographs if sha not in session.judged]
    return session.judge(open_, "keep")


def _apart(queue: Queue, session: Session, asked: Asked) -> Change | None:
    change = session.apart(_shas(queue, asked), queue.within(_item(queue, asked)))
    if change is None:
        raise DataError("split", "no link joins it to the others, or it was split already", "choose another")
    return change


def _hide(queue: Queue, session: Session, asked: Asked) -> Change | None:
    boxes = asked.get("boxes")
    if not isinstance(boxes, list) or not all(isinstance(one, str) for one in boxes):
        raise DataError("hide", "no box is given", "draw one")
    return session.hide(_shas(queue, asked)[0], boxes)


def _remove(queue: Queue, session: Session, asked: Asked) -> Change | None:
    line = [text(asked, name) for name in ("action", "value", "reason")]
    return session.remove(_shas(queue, asked)[0], *line)


ACTIONS: Mapping[str, Action] = {
    "accept": _accept,
    "keep": lambda queue, session, asked: session.judge(_shas(queue, asked), "keep"),
    "drop": lambda queue, session, asked: session.judge(_shas(queue, asked), "drop", "", _needed(asked, "reason")),
    "relabel": lambda queue, session, asked: session.judge(_shas(queue, asked), "relabel", _needed(asked, "value")),
    "flag": lambda queue, session, asked: session.flag(_shas(queue, asked), _needed(asked, "reason")),
    "group": lambda queue, session, asked: session.together(_shas(queue, asked)),
    "apart": _apart,
    "hide": _hide,
    "remove": _remove,
    "undo": lambda queue, session, asked: session.undo(),
    "redo": lambda queue, session, asked: session.redo(),
}
