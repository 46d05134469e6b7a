"""Settings of quantisation-aware training; apart from it, so that the verb's help needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How a float network is readied for int8."""

    epochs: int = 3
    """Times that each photograph is seen."""
    batch: int = 16
    """Photographs a step."""
    lr: float = 3e-4
    """Step at its height, as a share of each tensor's own root mean square."""
    seed: int = 7
    """Of order and variants."""
