"""What can be refused before anything slow: the network before photographs are read, labels before copies are found."""

from __future__ import annotations

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.vision.backbones import create
from mpoxlens.vision.mae.leak import check_base_weights
from mpoxlens.vision.plan import check_labels
from mpoxlens.vision.recipe import Recipe


def check_network(recipe: Recipe) -> None:
    """Make the network of a recipe, and forget it.

    Raises:
        WeightsError: see `backbones.create`.
    """
    create(recipe.model, len(recipe.data.labels))


def check_photographs(recipe: Recipe, manifest: Manifest) -> None:
    """Refuse photographs by label and content; their clusters need not be known yet.

    Raises:
        DataError: a label is unknown, empty or has too few clusters, or base weights were continued on some of them.
    """
    check_labels(recipe, manifest)
    check_base_weights(recipe, manifest)
