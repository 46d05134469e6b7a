"""Workspaces of drawn pictures in which a label shows somewhere, or nowhere."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import write_manifest
from mpoxlens.datasets.workspace import Workspace

SIDE = 64
Paint = Callable[[np.ndarray, np.random.Generator], None]


def pictures(count: int, seed: int) -> Iterator[np.ndarray]:
    """Skin of some tone on the right, something else on the left, with noise: no two alike."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        light = rng.uniform(0.4, 1.0)
        pixels = np.empty((SIDE, SIDE, 3))
        pixels[:] = light * np.array([230.0, 175.0, 145.0])
        pixels[:, : rng.integers(8, 40)] = rng.uniform(60, 200) * np.array([0.8, 1.0, 1.1])
        yield (pixels + rng.normal(0, rng.uniform(2, 10), pixels.shape)).clip(0, 255).astype(np.uint8)


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def ingested(data: Path, work: Path) -> Workspace:
    found = Workspace(work)
    found.path.mkdir()
    write_manifest(collect([data]), found.table("manifest"))
    return found


def made(tmp_path: Path, counts: dict[str, int], paint: dict[str, Paint] | None = None, form: str = "bmp") -> Workspace:
    for seed, (label, count) in enumerate(counts.items(), 1):
        rng = np.random.default_rng(100 + seed)
        for n, pixels in enumerate(pictures(count, seed)):
            if paint and label in paint:
                paint[label](pixels, rng)
            save(pixels, tmp_path / "data" / label / f"{label}-{n}.{form}")
    return ingested(tmp_path / "data", tmp_path / "work")


def framed(light: float) -> Paint:
    """Paint a frame of skin's colour around the picture, but for its corners."""

    def paint(pixels: np.ndarray, rng: np.random.Generator) -> None:
        inner, corner = slice(3, SIDE - 3), slice(7, SIDE - 7)
        framed = pixels.copy()
        framed[corner] = framed[:, corner] = light * np.array([230, 175, 145]) + rng.normal(0, 3, 3)
        framed[inner, inner] = pixels[inner, inner]
        pixels[:] = np.where(middle(corner), framed, pixels)

    return paint


def middle(side: slice) -> np.ndarray:
    """Where [SIDE, SIDE, 1] a picture is no corner."""
    found = np.zeros((SIDE, SIDE, 1), np.bool_)
    found[side] = found[:, side] = True
    return found
