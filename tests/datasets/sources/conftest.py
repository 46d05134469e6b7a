"""Small data sets, made on the spot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Put = Callable[..., None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def put(root: Path) -> Put:
    """Write photographs, each of another colour, at these paths; `like` gives them the content of another."""

    def write(*paths: str, like: str = "") -> None:
        for path in paths:
            colour = hashlib.sha256((like or path).encode()).digest()
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), (colour[0], colour[1], colour[2])).save(root / path)

    return write
