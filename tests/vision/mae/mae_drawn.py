"""Drawings to learn from, and a recipe of the smallest vision transformer there is."""

from pathlib import Path

from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.schema import Pixels

RECIPE = """
[model]
backbone = "test_vit"
weights = "none"
frozen_blocks = 0
size = 160
[mae]
epochs = {epochs}
batch = 4
lr = {lr}
decoder_width = 32
decoder_depth = 1
"""


def write_recipe(folder: Path, epochs: int = 2, lr: str = "2e-3") -> Path:
    path = folder / f"mae-{epochs}-{lr}.toml"
    path.write_text(RECIPE.format(epochs=epochs, lr=lr))
    return path


def drawings(count: int, first: int = 0, size: int = 160) -> list[Pixels]:
    return [draw(first + i, stage=STAGES[i % 5], tone=55 - 12 * i, size=size).pixels for i in range(count)]
