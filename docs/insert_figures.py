"""Put the measured figures of the default bundle into README.md: the card's own section, which training has written."""

from __future__ import annotations

import sys

import blocks

CARD = blocks.ROOT / "src" / "mpoxlens" / "bundles" / "default" / "card.md"


def section(card: str) -> str:
    """Return what stands between the headings "How good" and "Limits"."""
    return card.split("## How good\n", 1)[1].split("## Limits\n", 1)[0].strip()


if __name__ == "__main__":
    content = section(CARD.read_text(encoding="utf-8"))
    sys.exit(blocks.main("insert_figures", __doc__, {blocks.ROOT / "README.md": {"figures": content}}))
