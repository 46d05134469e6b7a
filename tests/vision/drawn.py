"""Drawn training sets, and a network of timm's made for tests: it learns within a second."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from mpoxlens.datasets.phantom import draw
from mpoxlens.vision.data import TrainingSet
from mpoxlens.vision.recipe import DistilRecipe, ModelRecipe, Recipe, TrainRecipe

SMALL = ModelRecipe("test_efficientnet", "none", frozen_blocks=0, size=64)
LOOKS = (("pustule", 9), ("vesicle", 9), ("macule", 30), ("macule", 0))


def training_set(photos: int = 4, unlabelled: int = 0, identity: str = "drawn") -> TrainingSet:
    """Return some photographs of each of four looks, each a cluster of its own, then the unlabelled."""
    drawn = [
        draw(100 * row + i, stage=stage, count=count, tone=50 - 15 * i, size=80).pixels  # type: ignore[arg-type]
        for row, (stage, count) in enumerate(LOOKS)
        for i in range(photos)
    ]
    drawn += [draw(900 + i, size=80).pixels for i in range(unlabelled)]
    targets = [row for row in range(4) for _ in range(photos)] + [-1] * unlabelled
    return TrainingSet(drawn, targets, [f"c{i}" for i in range(len(drawn))], identity)


def recipe(distil: dict[str, Any] | None = None, **train: Any) -> Recipe:
    """Return a recipe for it; settings of [train] by name."""
    base = TrainRecipe(epochs=3, batch=6, lr=1e-3)
    settings = DistilRecipe(**{"teachers": ("drawn",), **(distil or {})})
    return Recipe(Path("drawn.toml"), model=SMALL, train=replace(base, **train), distil=settings)
