"""What an autoencoder makes of phantoms: masked, drawn, original, side by side (He et al. 2022, figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from mpoxlens.datasets.phantom import CAPTION, STAGES, draw
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Pixels
from mpoxlens.vision.mae.model import MaskedAutoencoder, cut, join, standardised

GAP = 8  # px between pictures
GREY = 127


def draw_phantoms(model: MaskedAutoencoder, spec: Preprocess, path: Path) -> None:
    """Write a PNG with a row a stage of lesion: masked, drawn by the network, original."""
    tones = np.linspace(60, -50, len(STAGES))
    drawings = [draw(i, stage=stage, tone=float(tones[i])).pixels for i, stage in enumerate(STAGES)]
    rows = reconstruct(model, spec, drawings)
    sheet = np.full((len(rows) * (spec.size + GAP) + 16, 3 * (spec.size + GAP), 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top, left = y * (spec.size + GAP), x * (spec.size + GAP)
            sheet[top : top + spec.size, left : left + spec.size] = picture
    image = Image.fromarray(sheet)
    words = f"masked, reconstructed, original. {CAPTION}"
    ImageDraw.Draw(image).text((GAP, sheet.shape[0] - 16), words, fill="black")
    part = path.with_suffix(".part")
    image.save(part, "PNG")
    part.replace(path)


@torch.inference_mode()
def reconstruct(
    model: MaskedAutoencoder, spec: Preprocess, photos: Sequence[Pixels], seed: int = 0
) -> list[tuple[Pixels, Pixels, Pixels]]:
    """Return, for each photograph, what the network saw of it, with what it drew in the gaps, and the original.

    A network that draws standardised patches is lent each patch's mean and deviation, as in the paper's pictures.
    """
    patch, seen = model.transformer.patch, model.seen
    rng = np.random.default_rng(seed)
    order = torch.from_numpy(np.stack([rng.permutation(model.patches) for _ in photos]))
    batch = torch.from_numpy(np.stack([spec(p) for p in photos]))
    wanted = cut(batch, patch)
    drawn = model.eval()(batch, order)[1].float()
    if model.recipe.normalise_pixels:
        _, mean, deviation = standardised(wanted)
        drawn = drawn * deviation + mean
    known = torch.zeros(order.shape, dtype=torch.bool).scatter(1, order[:, :seen], 1)[..., None]
    filled = _pixels(join(torch.where(known, wanted, drawn), patch), spec)
    original = _pixels(batch, spec)
    holes = join(known.expand_as(wanted).float(), patch).permute(0, 2, 3, 1).numpy() > 0
    masked = np.where(holes, original, np.uint8(GREY))
    return list(zip(masked, filled, original, strict=True))


def _pixels(batch: torch.Tensor, spec: Preprocess) -> Pixels:
    """Undo the standardising: [B, 3, H, W] to [B, H, W, 3] uint8."""
    rgb = batch.permute(0, 2, 3, 1).numpy() * np.asarray(spec.std) + np.asarray(spec.mean)
    return np.asarray((np.clip(rgb, 0, 1) * 255).round(), dtype=np.uint8)
