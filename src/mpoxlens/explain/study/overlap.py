"""How far a map falls on what a reader drew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from mpoxlens.evaluation.metrics import Flags
from mpoxlens.explain.faithfulness import pointing
from mpoxlens.schema import Floats

HALF = 0.5  # of the map's maximum: from there on a place counts as marked by the map


@dataclass(frozen=True)
class Overlap:
    """One map against one drawing. A map without any evidence for mpox falls on nothing: 0 in the first three."""

    iou: float  # of the places at half the map's maximum or more, and the drawing
    energy: float  # share of the evidence for mpox that lies inside the drawing
    pointing: float  # whether the map's maximum lies inside
    chance: float  # what energy and pointing would be on average for a map that knows nothing: the drawing's area


def overlap(heat: Floats, drawn: Flags) -> Overlap:
    """Compare a map with a drawing, by the pointing game and the energy of `faithfulness.pointing`.

    Args:
        heat: [h, w] of any size, above 0 where it speaks for mpox; it is stretched over the photograph.
        drawn: [H, W] of the photograph, True inside the drawing, somewhere at least.
    """
    height, width = drawn.shape
    image = Image.fromarray(np.asarray(heat, np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    stretched = np.asarray(image)
    top = float(stretched.max())
    marked = stretched >= HALF * top if top > 0 else np.zeros_like(drawn)
    return Overlap(
        iou(marked, drawn),
        pointing.energy(stretched, drawn),
        pointing.hit(stretched, drawn),
        pointing.cover(drawn),
    )


def iou(a: Flags, b: Flags) -> float:
    """Intersection over union of two masks; NaN when both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else float("nan")
