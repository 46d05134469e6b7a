"""Put the measured figures of the default bundle into README.md.

They come from the entry `figures` of its bundle.json, where training has written them. An entry is a number or a text;
a number with its interval is {"value": v, "low": l, "high": h} or {"value": v, "interval": [l, h]}. Other objects group
entries; every outermost group becomes a column.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import blocks

BUNDLE = blocks.ROOT / "src" / "mpoxlens" / "bundles" / "default" / "bundle.json"


def table(figures: Mapping[str, Any]) -> str:
    """Return the figures as Markdown."""
    groups = {key: dict(_leaves(value)) for key, value in figures.items() if _is_group(value)}
    rest = {key: _text(value) for key, value in figures.items() if not _is_group(value)}
    lines = [f"- {_words(key)}: {value}" for key, value in rest.items()]
    rows = list(dict.fromkeys(name for group in groups.values() for name in group))
    if rows:
        lines += ["", "| | " + " | ".join(map(_words, groups)) + " |", "|---|" + "---|" * len(groups)]
        lines += [f"| {_words(r)} | " + " | ".join(g.get(r, "") for g in groups.values()) + " |" for r in rows]
    return "\n".join(lines).strip()


def _is_group(value: Any) -> bool:
    return isinstance(value, Mapping) and "value" not in value


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        if _is_group(inner):
            yield from _leaves(inner, f"{prefix}{key}, ")
        else:
            yield prefix + key, _text(inner)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        low, high = value.get("interval") or (value["low"], value["high"])
        return f"{_text(value['value'])} ({_text(low)}–{_text(high)})"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _words(key: str) -> str:
    return key.replace("_", " ")


if __name__ == "__main__":
    content = table(json.loads(BUNDLE.read_text(encoding="utf-8"))["figures"])
    sys.exit(blocks.main("insert_figures", __doc__, {blocks.ROOT / "README.md": {"figures": content}}))
