"""Monkeypox-dataset-2022, Ahsan et al. 2022: web photographs in four class folders, no patient ids.

`Monkeypox/…`, beside it `Monkeypox_augmented/…` (copies) and, for some classes, `Monkeypox_gray/…` (the originals
without colour). Recognised by those; originals alone cannot be told from any class folders: name the layout. Vega et
al. 2023 (doi:10.1007/s10916-023-01928-1) show what is wrong with these photographs.
"""

from __future__ import annotations

from mpoxlens.datasets.sources.folders import by_folder
from mpoxlens.datasets.sources.nouns import AUGMENTED, Layout
from mpoxlens.datasets.sources.tree import Tree

LABELS = {"chickenpox": "chickenpox", "measles": "measles", "monkeypox": "mpox", "normal": "healthy"}


def _matches(tree: Tree) -> bool:
    beside = {f"{name}_{kind}" for name in LABELS for kind in ("augmented", "gray", "grey")}
    return "monkeypox" in tree.class_folders and bool(beside & tree.class_folders)


LAYOUT = Layout(
    "ahsan2022",
    _matches,
    by_folder,
    licence="non-commercial use, no rights held (publisher's statement)",
    citation="Ahsan et al., Monkeypox Image Data collection, 2022, doi:10.48550/arXiv.2206.01774",
    labels=LABELS,
    copies={r"augment|_aug_?\d": AUGMENTED, r"_gr[ae]y/": "the originals without their colour"},
)
