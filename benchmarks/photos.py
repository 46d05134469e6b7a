"""Photographs of a phone's size for the benchmarks: drawn phantoms, enlarged, with a sensor's noise, as JPEG."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from mpoxlens.datasets.phantom import draw

WIDTH, HEIGHT = 3000, 4000  # px; 12 million, what most phones store
QUALITY = 90
NOISE = 4.0  # grey levels; without it a drawing compresses, and so decodes, much faster than a photograph


def make(folder: Path, count: int, *, distinct: int = 24) -> list[Path]:
    """Write `count` JPEG files; past `distinct` they are hard links to the first ones (other names, same bytes)."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"photo-{i:05d}.jpg" for i in range(count)]
    for i, path in enumerate(paths):
        if i < distinct:
            phone_photo(i).save(path, "JPEG", quality=QUALITY)
        else:
            os.link(paths[i % distinct], path)
    return paths


def phone_photo(seed: int) -> Image.Image:
    """Return one drawing of a phone photo's size; the same seed gives the same pixels."""
    rng = np.random.default_rng(seed)
    drawing = draw(seed, count=14, tone=float(rng.uniform(-40, 60)), size=750)
    large = Image.fromarray(drawing.pixels).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    tile = rng.normal(0, NOISE, (500, 500, 3)).astype(np.float32)
    noise = np.tile(tile, (HEIGHT // 500, WIDTH // 500, 1))
    return Image.fromarray((np.asarray(large, np.float32) + noise).clip(0, 255).astype(np.uint8))
