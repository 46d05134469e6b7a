"""Monkeypox Skin Images Dataset (MSID), Bala et al. 2023: 770 photographs in four class folders, no patient ids.

`Monkeypox/monkeypox1.png`. The names of the files are asked for too, so that a folder of one's own with the same four
classes does not get this publisher's licence.
"""

from __future__ import annotations

import re

from mpoxlens.datasets.sources.folders import by_folder, has_exactly
from mpoxlens.datasets.sources.nouns import Layout
from mpoxlens.datasets.sources.tree import Tree

LABELS = {"chickenpox": "chickenpox", "measles": "measles", "monkeypox": "mpox", "normal": "healthy"}
_NAME = re.compile(r"(?:^|.*/)(?:chickenpox|measles|monkeypox|normal)\d+\.png", re.IGNORECASE)


def _matches(tree: Tree) -> bool:
    return has_exactly(tree, LABELS) and all(_NAME.fullmatch(path) for path in tree.photos)


LAYOUT = Layout(
    "msid",
    _matches,
    by_folder,
    licence="CC BY 4.0",
    citation="Bala et al., MonkeyNet: A robust deep convolutional neural network for monkeypox disease detection and "
    "classification, Neural Networks 161:757-775, 2023, doi:10.1016/j.neunet.2023.02.022; "
    "data doi:10.17632/r9bfpnvyxr.6",
    labels=LABELS,
)
