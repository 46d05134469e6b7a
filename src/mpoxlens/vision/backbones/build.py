"""From a recipe to a network with a new head."""

from __future__ import annotations

from typing import Protocol

from mpoxlens.vision.backbones.classifier import Classifier
from mpoxlens.vision.backbones.cut import cut
from mpoxlens.vision.backbones.families import FAMILIES
from mpoxlens.vision.backbones.fetch import network_of
from mpoxlens.vision.backbones.stages import stages
from mpoxlens.vision.backbones.trial import reading_of, try_out, unfit


class Settings(Protocol):
    """What `create` needs of a `ModelRecipe`; a `Family` has it too."""

    @property
    def backbone(self) -> str:
        """A name of `FAMILIES`, of timm, or "hf:" and a folder or name on the hub."""

    @property
    def weights(self) -> str:
        """A name in `mpoxlens.weights`, a file, "hub" or "none"."""

    @property
    def frozen_blocks(self) -> int:
        """How many blocks after the stem stay as they are."""

    @property
    def size(self) -> int:
        """Pixels a side; 0 for the network's own."""

    @property
    def pool(self) -> str:
        """ "mean" or "token", see `Reading`."""

    @property
    def kept_blocks(self) -> int:
        """How many blocks after the stem there are, see `cut`; 0 for all."""


def create(recipe: Settings, classes: int) -> Classifier:
    """Return a network with base weights and a new head.

    Raises:
        WeightsError: nobody knows the network, its weights are not to be had or belong to another network, or it cannot
            be used as the recipe wants: at that size, with that pool, cut there, or with so many frozen blocks.
    """
    name, family = recipe.backbone, FAMILIES.get(recipe.backbone)
    network = network_of(family.network if family else name, recipe.weights, recipe.size, family)
    if recipe.kept_blocks:
        cut(network, recipe.kept_blocks, name)
    size = recipe.size or (family.size if family else network.default_cfg["input_size"][-1])
    features, _ = try_out(network, size, name)
    reading = reading_of(network, features, recipe.pool, name)
    width = features.shape[1 if reading.order == "NCHW" else -1]
    model = Classifier(network, width, classes, reading, size)
    most = len(stages(model)) - 1
    if recipe.frozen_blocks > most:
        raise unfit(name, f"it has {most} blocks after its stem", f"set model.frozen_blocks to {most} at most")
    return model.train()
