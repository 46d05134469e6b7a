"""Quantisation-aware training: the float network learns to say what it said before, with int8 rounding in its way.

Its own soft outputs are the targets (self-distillation), on the photographs that it learned from: no label is needed,
and nothing new is seen. The network that comes out is a plain float one, which each runtime then quantises by its
static-int8 path; one training serves all three.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, kl_div, log_softmax, mse_loss

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DivergedError
from mpoxlens.optimise.fake_int8 import FakeInt8, Outputs3, folded
from mpoxlens.optimise.qat_settings import Settings
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, Pixels
from mpoxlens.vision import checkpoint
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.data import Key, Variants, batches
from mpoxlens.vision.objective import normalised, views_of
from mpoxlens.vision.recipe import TrainRecipe
from mpoxlens.vision.schedule import rate

CHECKPOINT = "checkpoint.pt"  # in the folder of the training
METHOD = "quantisation-aware training against the float network's own outputs"


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one training learns from."""

    model: Classifier  # the float network, which stays as it is
    preprocess: Preprocess
    pixels: Sequence[Pixels]  # of the training side
    calibration: Floats  # [N, 3, size, size], for the ranges; measured anew at the start of each epoch
    identity: str  # of network and photographs


@dataclass(frozen=True, eq=False)
class Tuned:
    """A float network that was readied for int8, and what its description says of it."""

    model: Classifier  # in evaluation mode, batch norms folded
    about: Mapping[str, Any]


def tune(lesson: Lesson, settings: Settings, folder: Path, tell: Tell = silent) -> Tuned:
    """Ready a network for int8; a training that was stopped goes on after its last whole epoch.

    Args:
        lesson: network, photographs and calibration inputs.
        settings: epochs, batch, learning rate and seed.
        folder: keeps the checkpoint; one that is done is not done again.
        tell: shows how far it is.

    Raises:
        DataError: static-int8 rounds no weight of this network.
        CheckpointError: the folder's checkpoint is damaged, or of another network, other photographs or settings.
        DivergedError: the loss is not finite.
        TrainingError: the disk is full.
    """
    run = _Run(lesson, settings, folder)
    checkpoint.resume(folder / CHECKPOINT, run.identity, run.take_up)
    for epoch in range(run.epoch, settings.epochs):
        run.one_epoch(epoch, tell)
        run.save(epoch + 1)
    about = {"method": METHOD, **asdict(settings), "photographs": len(lesson.pixels)}
    return Tuned(run.model.eval(), about)


class _Run:
    """The state of one training."""

    def __init__(self, lesson: Lesson, settings: Settings, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.lesson, self.settings, self.folder, self.epoch = lesson, settings, folder, 0
        told = json.dumps([lesson.identity, asdict(settings)])
        self.identity = hashlib.sha256(told.encode()).hexdigest()
        size = lesson.preprocess.size
        self.model = folded(lesson.model, size).requires_grad_(True)
        self.rounded = FakeInt8(self.model)
        train = TrainRecipe(seed=settings.seed, augmentation="mild")
        self.variants = Variants(lesson.pixels, size, train)
        self.steps = math.ceil(len(lesson.pixels) / settings.batch)
        total = self.steps * settings.epochs
        # Steps in proportion to each tensor's own size: folded weights of neighbouring layers differ a hundredfold.
        self.optimiser: torch.optim.Optimizer = torch.optim.Adafactor(self.model.parameters(), lr=settings.lr)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda step: rate(step, total))

    def one_epoch(self, epoch: int, tell: Tell) -> None:
        """Go once through the photographs, in an order and with variants of this epoch's own."""
        count = len(self.lesson.pixels)
        order = np.random.default_rng((self.settings.seed, epoch)).permutation(count)
        keys: list[Key] = [(int(index), epoch * count + i) for i, index in enumerate(order)]
        self.rounded.measure(self.lesson.calibration)
        for step, batch in enumerate(batches(self.variants, keys, self.settings.batch), epoch * self.steps):
            views = views_of(batch.views, torch.device("cpu"))
            loss = self.one_step(normalised(views, self.lesson.preprocess))
            tell(f"qat-int8, loss {loss:.4f}", step + 1, self.steps * self.settings.epochs)

    def one_step(self, photos: Tensor) -> float:
        """Update the network by photos [B, 3, size, size]; return the loss."""
        with torch.no_grad():
            full = self.lesson.model(photos)
        loss = apart(self.rounded(photos), full)
        told = float(loss.detach())
        if not math.isfinite(told):
            raise DivergedError(
                str(self.folder), "the loss is not finite", "lower --lr and name a new folder with --out"
            )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        self.schedule.step()
        return told

    def save(self, epoch: int) -> None:
        """Write the checkpoint."""
        self.epoch = epoch
        state = {name: getattr(self, name).state_dict() for name in ("model", "optimiser", "schedule")}
        checkpoint.save(self.folder / CHECKPOINT, {"identity": self.identity, "epoch": epoch, **state})

    def take_up(self, state: checkpoint.State) -> None:
        """Set everything to where a checkpoint stands."""
        for name in ("model", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.epoch = int(state["epoch"])


def apart(small: Outputs3, full: Outputs3) -> Tensor:
    """Return how far two networks are from each other on a batch; 0 where they say the same.

    The divergence of the labels' shares, the mean square by which the maps differ in units of the float maps' variance,
    and 1 - the cosine of the embeddings; each alike in scale, so that none needs a weight.

    Args:
        small: logits [B, C], cam [B, C, h, w] and embedding [B, D] with rounding.
        full: the same of the float network.
    """
    divergence = kl_div(log_softmax(small[0], 1), log_softmax(full[0], 1), reduction="batchmean", log_target=True)
    maps = mse_loss(small[1], full[1]) / full[1].var().clamp(min=1e-6)
    return divergence + maps + (1 - cosine_similarity(small[2], full[2], dim=1)).mean()
