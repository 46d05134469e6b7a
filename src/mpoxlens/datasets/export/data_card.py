"""The pages of an export: the data card, and the README whose header `datasets` and the Hugging Face hub read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

import mpoxlens
from mpoxlens.datasets.export.about import About
from mpoxlens.datasets.export.facts import Counts, Facts
from mpoxlens.datasets.export.licences import in_words, unknown
from mpoxlens.schema import INTENDED_USE

LEFT_OPEN = "**[to be filled in by the publisher]**"
_MARKDOWN = re.compile(  # an underscore within a word and an exclamation mark without a bracket are only themselves
    r"[\\`*\[\]<>|~$]|!(?=\[)|&(?=[#\w])|(?<![^\W_])_|_(?![^\W_])"
)


def data_card(facts: Facts, about: About, written: str) -> str:
    """Return the data card as Markdown, after Gebru et al. 2021; what nobody counted or said is marked `LEFT_OPEN`.

    `written` is the date of the export.
    """
    return _template("data-card.md.jinja").render(
        f=facts,
        about=about,
        left_open=LEFT_OPEN,
        doubtful=sum(n for licence, n in facts.licences.items() if unknown(licence, altered=facts.shown)),
        intended_use=INTENDED_USE,
        written=written,
        mpoxlens=mpoxlens.__version__,
    )


def readme(
    facts: Facts, about: About, splits: Mapping[str, str], labels: Sequence[str], columns: Mapping[str, str]
) -> str:
    """Return the README.

    Args:
        facts: what the tables say.
        about: what the publisher says.
        splits: the name of each part in `datasets` and in file names.
        labels: the names that the column `label` counts through.
        columns: the type of each column in the words of `datasets`.
    """
    return _template("README.md.jinja").render(f=facts, about=about, splits=splits, labels=labels, columns=columns)


def _template(name: str) -> Template:
    page = Environment(  # noqa: S701 - Markdown is no HTML; `cell` takes the meaning out of what data hold
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    page.filters |= {"cell": cell, "quoted": quoted, "one_line": one_line, "in_words": in_words, "named": named}
    source = resources.files("mpoxlens") / "datasets" / "export" / "templates" / name
    return page.from_string(source.read_text(encoding="utf-8"))


def cell(text: str) -> str:
    """Return what data hold as Markdown that shows it letter by letter, in a cell of a table or elsewhere in a line."""
    return _MARKDOWN.sub(r"\\\g<0>", one_line(text))


def one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.split())


def quoted(text: str) -> str:
    """Return a text as YAML in double quotes."""
    shown = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{"".join(shown)}"'


def named(counts: Counts, missing: str) -> Counts:
    """Return counts in which "" has a name."""
    return {value or missing: n for value, n in counts.items()}
