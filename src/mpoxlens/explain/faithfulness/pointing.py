"""Does the map lie on the lesions? For pictures whose lesions are known: drawn ones, or ones that a clinician outlined.

A map without any evidence for mpox points nowhere, and counts 0 in both measures.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

from mpoxlens.evaluation.metrics import Flags
from mpoxlens.schema import Floats


def hit(heat: Floats, mask: Flags, tolerance: float = 0.0) -> float:
    """Return whether the strongest place of a map [S, S] lies in the mask [S, S] (Zhang et al. 2018, "pointing game").

    Args:
        heat: the map; where several places are the strongest, the share of them that lie in the mask is returned.
        mask: True inside a lesion.
        tolerance: px by which a place may lie outside; Zhang et al. allow 15 px of pictures of some 500 px.

    Raises:
        ValueError: no lesion, so that nothing can be pointed at.
    """
    _check(mask)
    strongest = heat.max()
    if not strongest > 0:
        return 0.0
    apart = distance_transform_edt(~mask)[heat == strongest]  # px to the nearest lesion
    return float((apart <= tolerance).mean())


def energy(heat: Floats, mask: Flags) -> float:
    """Return the share of the positive evidence of a map [S, S] that lies in the mask (Wang et al. 2020, section 4.4).

    Raises:
        ValueError: no lesion.
    """
    _check(mask)
    positive = np.clip(heat.astype(np.float64), 0, None)
    return float(positive[mask].sum() / positive.sum()) if positive.any() else 0.0


def cover(mask: Flags) -> float:
    """Return what both measures give on average for a map by chance: the share of the picture that is lesion."""
    return float(mask.mean())


def ceiling(mask: Flags, cells: int) -> float:
    """Return the greatest energy in the mask [S, S] that any map of `cells` x `cells`, smoothed to S, can have.

    Such a map is a sum of its cells' bumps with weights of 0 and more, and a ratio of two such sums is at most that of
    the best single bump: so no network that reads so coarsely can do better, however well it reads.
    """
    _check(mask)
    along = _bumps(cells, mask.shape[0]), _bumps(cells, mask.shape[1])  # [cells, S] each
    inside = along[0] @ mask @ along[1].T
    return float((inside / np.outer(along[0].sum(axis=1), along[1].sum(axis=1))).max())


def mask_at(mask: Flags, size: int) -> Flags:
    """Return a mask [H, W] at the network's size [size, size]: a pixel is lesion where half of it is."""
    shares = Image.fromarray(mask.astype(np.float32)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(np.asarray(shares) >= 0.5)


def _bumps(cells: int, size: int) -> Floats:
    """What one row of cells becomes on the picture: by the same smoothing that the maps are shown with."""
    one = Image.fromarray(np.eye(cells, dtype=np.float32))
    return np.asarray(one.resize((size, cells), Image.Resampling.BILINEAR))


def _check(mask: Flags) -> None:
    if not mask.any():
        raise ValueError("the mask holds no lesion: nothing can be pointed at")
