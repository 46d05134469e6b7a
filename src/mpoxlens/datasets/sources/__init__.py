"""Find the labelled photographs of a data set: class folders, a table, or a published layout as it was downloaded."""

from mpoxlens.datasets.sources.nouns import Entry, Labelled, Layout, LeftOut, Source
from mpoxlens.datasets.sources.read import LAYOUTS, read_source
from mpoxlens.datasets.sources.tree import Tree

__all__ = ["LAYOUTS", "Entry", "Labelled", "Layout", "LeftOut", "Source", "Tree", "read_source"]
