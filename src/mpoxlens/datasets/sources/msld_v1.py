"""Monkeypox Skin Lesion Dataset (MSLD), Ali et al. 2022: 228 photographs, mpox against chickenpox and measles together.

`Original Images/…/Monkey Pox/M01_01.jpg` and `…/Others/NM01_01.jpg`: class letter, patient, image. `Augmented Images`
and the training side of `Fold1` hold copies turned, sheared and tinted; the rest of `Fold1` repeats the originals.
Public code writes the class folders in several ways, so all of them are taken. The publisher's page shows a badge of
Creative Commons and no version, so no licence is recorded.
"""

from __future__ import annotations

import re

from mpoxlens.datasets.sources.folders import class_of
from mpoxlens.datasets.sources.nouns import AUGMENTED, Entry, Found, Layout
from mpoxlens.datasets.sources.tree import Tree

_NAME = re.compile(r"(?P<patient>N?M\d+)_\d+\.", re.IGNORECASE)


def _matches(tree: Tree) -> bool:
    return "others" in tree.class_folders and any(_NAME.match(path.rpartition("/")[2]) for path in tree.photos)


def _read(tree: Tree) -> Found:
    for path in tree.photos:
        name = _NAME.match(path.rpartition("/")[2])
        yield Entry(tree.at(path), path, class_of(path), patient=name["patient"].upper() if name else "")


LAYOUT = Layout(
    "msld_v1",
    _matches,
    _read,
    citation="Ali et al., Monkeypox Skin Lesion Detection Using Deep Learning Models: A Preliminary Feasibility Study, "
    "2022, doi:10.48550/arXiv.2207.03342",
    labels={
        "monkey_pox": "mpox",
        "monkeypox": "mpox",
        "others": "other",
        "non_monkeypox": "other",
        "non_monkey_pox": "other",
    },
    copies={r"augment": AUGMENTED, r"fold ?\d": "the shipped fold repeats the originals, augmented and not"},
)
