"""A data set of drawings with clusters of two, and recipes that learn from it within a second."""

import hashlib
from pathlib import Path

from PIL import Image

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.phantom import draw
from mpoxlens.schema import ImageRecord

LOOKS = {"mpox": ("pustule", 12), "chickenpox": ("vesicle", 9), "healthy": ("macule", 0)}
CLUSTERS = 4  # a label, each of two photographs
TOML = """
[data]
labels = ["mpox", "chickenpox", "healthy"]
[model]
backbone = "test_efficientnet"
weights = "none"
frozen_blocks = 0
size = 64
[train]
mode = "frozen"
folds = 2
inverse_penalty = 0.1
epochs = 2
batch = 8
"""


def manifest(root: Path) -> Manifest:
    """Draw the photographs into `root`."""
    records = []
    for row, (label, (stage, count)) in enumerate(LOOKS.items()):
        for i in range(2 * CLUSTERS):
            path = root / f"{label}{i}.png"
            Image.fromarray(draw(50 * row + i, stage=stage, count=count, size=72).pixels).save(path)  # type: ignore[arg-type]
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            records.append(ImageRecord(sha256, path.name, label, "drawn", None, 72, 72, f"{label}-{i // 2}"))
    return Manifest(root, tuple(sorted(records, key=lambda r: r.sha256)))


def written(path: Path, more: str = "", toml: str = TOML) -> Path:
    """Write a recipe."""
    path.write_text(toml + more, encoding="utf-8")
    return path
