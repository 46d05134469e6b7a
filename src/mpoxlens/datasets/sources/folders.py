"""What adapters of class folders share: the folder that a photograph lies in names its class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from mpoxlens.datasets.sources.nouns import Entry, Found, word
from mpoxlens.datasets.sources.tree import Tree


def class_of(path: str) -> str:
    """Return the name of the folder that a photograph lies in."""
    return PurePosixPath(path).parent.name


def by_folder(tree: Tree) -> Found:
    """Yield every photograph that lies in a folder, with that folder's name as its label."""
    for path in tree.photos:
        if class_of(path):
            yield Entry(tree.at(path), path, class_of(path))


def has_exactly(tree: Tree, labels: Mapping[str, str]) -> bool:
    """Are the class folders those of `labels`, no more and no fewer?"""
    return {labels.get(word(name)) for name in tree.class_folders} == set(labels.values())
