"""The reporting checklist, filled in from the run: where each item is answered, or why it is not."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Item:
    """One item."""

    id: str
    asked: str
    answer: str  # or why there is none
    answered: bool


def checklist(facts: Mapping[str, Any]) -> list[Item]:
    """Return every item of `checklist.toml`, filled in; an item whose facts are not known is not answered."""
    text = (resources.files("mpoxlens.evaluation.report") / "checklist.toml").read_text(encoding="utf-8")
    return [_item(row, facts) for row in tomllib.loads(text)["item"]]


def _item(row: Mapping[str, str], facts: Mapping[str, Any]) -> Item:
    from jinja2 import Environment, StrictUndefined, UndefinedError

    # Plain text; the page escapes it like any other.
    template = Environment(undefined=StrictUndefined, autoescape=False).from_string(row["answer"])  # noqa: S701
    try:
        answer = " ".join(template.render(**facts).split())
    except UndefinedError:
        answer = ""
    return Item(row["id"], row["asked"], answer or row.get("why", "the run does not record it"), bool(answer))
