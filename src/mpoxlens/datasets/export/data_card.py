"""The pages of an export: the data card, and the README whose header `datasets` and the Hugging Face hub read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

import mpoxlens
from mpoxlens.datasets.export.about import About
from mpoxlens.datasets.export.facts import Counts, Facts
from mpoxlens.datasets.export.licences import in_words, unknown
from mpoxlens.schema import INTENDED_USE

TODO = "**[to be filled in by the publisher]**"


def data_card(facts: Facts, about: About, written: str) -> str:
    """Return the data card as Markdown, after Gebru et al. 2021; what cannot be counted is marked `TODO`.

    `written` is the date of the export.
    """
    return _template("data-card.md.jinja").render(
        f=facts,
        about=about,
        todo=TODO,
        doubtful=sum(n for licence, n in facts.licences.items() if unknown(licence)),
        intended_use=INTENDED_USE,
        written=written,
        mpoxlens=mpoxlens.__version__,
    )


def readme(facts: Facts, about: About, splits: Sequence[str], labels: Sequence[str], columns: Mapping[str, str]) -> str:
    """Return the README; `columns` gives the type of each column in the words of `datasets`."""
    return _template("README.md.jinja").render(f=facts, about=about, splits=splits, labels=labels, columns=columns)


def _template(name: str) -> Template:
    page = Environment(  # noqa: S701 - Markdown is no HTML; `cell` takes out what would break a table
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    page.filters |= {"cell": cell, "in_words": in_words, "named": named}
    source = resources.files("mpoxlens") / "datasets" / "export" / "templates" / name
    return page.from_string(source.read_text(encoding="utf-8"))


def cell(text: str) -> str:
    """Return a publisher's text as it may stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def named(counts: Counts, missing: str) -> Counts:
    """Return counts in which "" has a name."""
    return {value or missing: n for value, n in counts.items()}
