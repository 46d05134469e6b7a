"""A folder of drawings without labels."""

from pathlib import Path

import pytest
from mae_drawn import drawings
from PIL import Image


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawings in one folder, no labels."""
    root = tmp_path_factory.mktemp("unlabelled")
    for i, pixels in enumerate(drawings(8, size=256)):
        Image.fromarray(pixels).save(root / f"{i}.png")
    return root
