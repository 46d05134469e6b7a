"""Mixup and CutMix: a photograph blended with another, or with a rectangle of it, and its label in the same shares.

timm's `Mixup` is not used: it draws from NumPy's global generator, which no checkpoint holds, wants batches of even
size, and knows no photograph without a label.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

Rng = np.random.Generator


def mix(views: Tensor, shares: Tensor, mixup: float, cutmix: float, rng: Rng) -> tuple[Tensor, Tensor]:
    """Mix a batch with itself in reverse order, by one random share; where both are on, either comes in turn of chance.

    Args:
        views: [B, 3, H, W].
        shares: [B, C] of each label; a row of zeros is unlabelled and stays so in its part.
        mixup: alpha of Beta(alpha, alpha) (Zhang et al. 2018, section 2); 0 is off.
        cutmix: alpha (Yun et al. 2019, section 3.1); 0 is off.
        rng: of every draw.

    Returns:
        Views and shares, mixed.
    """
    cut = cutmix > 0 and (mixup <= 0 or rng.random() < 0.5)
    alpha = cutmix if cut else mixup
    if alpha <= 0:
        return views, shares
    kept = float(rng.beta(alpha, alpha))
    if cut:
        views, kept = _cut(views, kept, rng)
    else:
        views = torch.lerp(views.flip(0), views, kept)
    return views, torch.lerp(shares.flip(0), shares, kept)


def _cut(views: Tensor, kept: float, rng: Rng) -> tuple[Tensor, float]:
    """Paste a rectangle; return the share that is kept after the rectangle was clipped at the border."""
    height, width = views.shape[2:]
    y, x = int(rng.integers(height)), int(rng.integers(width))
    h, w = (int(side * (1 - kept) ** 0.5) for side in (height, width))
    rows, columns = slice(max(0, y - h // 2), y + (h + 1) // 2), slice(max(0, x - w // 2), x + (w + 1) // 2)
    pasted = views.clone()
    pasted[:, :, rows, columns] = views.flip(0)[:, :, rows, columns]
    area = len(range(height)[rows]) * len(range(width)[columns])
    return pasted, 1 - area / (height * width)
