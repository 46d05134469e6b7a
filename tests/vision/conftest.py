"""A drawn data set small enough to train on within seconds."""

from pathlib import Path

import pytest
from PIL import Image

from mpoxlens.datasets.phantom import draw

LOOKS = {"mpox": ("pustule", 9), "chickenpox": ("vesicle", 9), "measles": ("macule", 30), "healthy": ("macule", 0)}
RECIPE = """
[model]
weights = "none"
frozen_blocks = 0
size = 64
[train]
folds = 2
epochs = 2
batch = 8
[bundle]
name = "drawn"
"""


@pytest.fixture(scope="session")
def drawn_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    for row, (label, (stage, count)) in enumerate(LOOKS.items()):
        (root / label).mkdir()
        for i in range(6):
            phantom = draw(100 * row + i, stage=stage, count=count, tone=50 - 15 * i, size=96)
            Image.fromarray(phantom.pixels).save(root / label / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def drawn_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "drawn.toml"
    path.write_text(RECIPE)
    return path
