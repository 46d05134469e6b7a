"""Where the evidence lies: the signed class activation map as a picture and in words."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mpoxlens.rules import MAX_LOG_ODDS
from mpoxlens.schema import Floats, Pixels

# Both ends have the same lightness and chroma in OKLCH (0.60, 0.19; hues 345 and 140), so neither side looks stronger.
# Skin lies between them in hue, and they differ in blueness, which red-green colour-blind eyes still see.
FOR = (202, 68, 154)  # RGB
AGAINST = (48, 153, 9)
SATURATION = MAX_LOG_ODDS  # a photograph that is all of full colour would be as strong as any is allowed to be
MAX_ALPHA = 0.8  # the skin stays visible under the strongest evidence
FAINT = 0.15  # of SATURATION; below it a place is not worth naming

_ROWS = ("upper", "middle", "lower")
_COLUMNS = ("left", "centre", "right")


def evidence(cam: Floats, positive: int) -> Floats:
    """Return how much each place speaks for the positive class over the mean of the others.

    Args:
        cam: class activation maps [C, h, w]; the mean over h, w is the logit.
        positive: index of the positive class.

    Returns:
        The map [h, w] in logit units; its mean is the positive logit minus the mean of the other logits.
    """
    return np.asarray(cam[positive] - np.delete(cam, positive, axis=0).mean(axis=0), dtype=np.float32)


def overlay(cam: Floats, positive: int, size: tuple[int, int]) -> Pixels:
    """Return the evidence as RGBA [height, width, 4], to be laid over the photograph.

    The hue is the sign. The opacity grows in proportion to the evidence and is full at `SATURATION` whatever the
    photograph, so a weak map looks weak and two photographs can be compared.

    Args:
        cam: class activation maps [C, h, w].
        positive: index of the positive class.
        size: (width, height) in px.
    """
    coarse = Image.fromarray(evidence(cam, positive))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BILINEAR))
    strength = np.clip(np.abs(smooth) / SATURATION, 0, 1)
    rgba = np.empty((*smooth.shape, 4), np.uint8)
    rgba[..., :3] = np.where((smooth > 0)[..., None], np.array(FOR, np.uint8), np.array(AGAINST, np.uint8))
    rgba[..., 3] = np.rint(255 * MAX_ALPHA * strength)
    return rgba


def strongest(cam: Floats, positive: int) -> str:
    """Return where the strongest evidence for the positive class lies, such as "upper left"; "" when all is faint."""
    found = evidence(cam, positive)
    if found.max() < FAINT * SATURATION:
        return ""
    row, column = np.unravel_index(int(found.argmax()), found.shape)
    place = _third(int(row), found.shape[0]), _third(int(column), found.shape[1])
    words = f"{_ROWS[place[0]]} {_COLUMNS[place[1]]}"
    return "centre" if words == "middle centre" else words


def _third(index: int, count: int) -> int:
    return int(3 * (index + 0.5) / count)
