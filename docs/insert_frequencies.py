"""Put the table of frequencies behind the simulated histories into docs/vignettes.md."""

from __future__ import annotations

import sys

import blocks

from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.frequency_rows import Row

FIGURES = 3  # behind the point


def table() -> str:
    """Return a line a row of the table."""
    head = f"| answer | given | disease | profile | P(yes), or the distribution | range | from |\n{'|---' * 7}|"
    return "\n".join([head, *(_line(row) for row in load_frequencies().rows)])


def profiles() -> str:
    """Return a line a profile."""
    return "\n".join(f"- `{name}`: {text}." for name, text in load_frequencies().profiles.items())


def _line(row: Row) -> str:
    given = ", ".join(given for given in row.given if given)
    ranges = "; ".join(f"{_short(low)} to {_short(high)}" for low, high in row.ranges)
    reason = "; ".join(filter(None, (row.source, f"*assumed*: {row.assumption}" if row.assumption else "")))
    values = ", ".join(_short(value) for value in row.values)
    cells = (f"`{row.field}`", given, ", ".join(row.diseases), ", ".join(row.profiles) or "others", values, ranges)
    return f"| {' | '.join(cells)} | {reason} |"


def _short(value: float) -> str:
    return f"{round(value, FIGURES):g}"


if __name__ == "__main__":
    page = blocks.ROOT / "docs" / "vignettes.md"
    sys.exit(blocks.main("insert_frequencies", __doc__, {page: {"profiles": profiles(), "frequencies": table()}}))
