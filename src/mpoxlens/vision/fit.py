"""Fit one network: the head first, then all that is not frozen; a checkpoint after every epoch."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # only to name the error; loading is weights_only
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from mpoxlens.errors import CheckpointError, TrainingError
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, ImageRecord, Pixels
from mpoxlens.vision.backbones import Classifier, create, freeze, parameter_groups
from mpoxlens.vision.data import Augmented, Balanced
from mpoxlens.vision.recipe import Recipe

Tell = Callable[[int, int, float], None]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What one fit learns from."""

    pixels: list[Pixels]
    targets: list[int]
    clusters: list[str]
    identity: str  # hash of the photographs' hashes, so that a checkpoint of others is noticed


def identity(recipe: Recipe, records: Sequence[ImageRecord]) -> str:
    """Return the name of a fit: the same recipe on the same photographs, labels and clusters."""
    rows = [[r.sha256, r.label, r.group] for r in records]
    return hashlib.sha256(json.dumps([recipe.sha256, rows]).encode()).hexdigest()


def preprocess_of(model: Classifier, size: int) -> Preprocess:
    """Return the preprocessing that the base weights were made with, at our size."""
    config: Any = model.backbone.default_cfg
    return Preprocess(size, tuple(config["mean"]), tuple(config["std"]))


def fit(recipe: Recipe, data: TrainingSet, folder: Path, tell: Tell | None = None) -> Classifier:
    """Fit a network, going on from the last whole epoch if `folder` has one.

    Args:
        recipe: all settings.
        data: the training side.
        folder: for the checkpoint and the TensorBoard log.
        tell: called after each step with steps done, steps in all, and the loss.

    Raises:
        CheckpointError: the folder's checkpoint is damaged or of another recipe or other photographs.
        TrainingError: the loss is not finite, or the disk is full.
    """
    run = _Run(recipe, data, folder)
    run.resume()
    run.log = SummaryWriter(str(folder), purge_step=run.epoch * run.steps)  # what a killed epoch logged is dropped
    for epoch in range(run.epoch, recipe.train.epochs):
        run.one_epoch(epoch, tell or (lambda _done, _of, _loss: None))
        run.save(epoch + 1)
    run.log.close()
    return run.average.cpu().eval()


class _Run:
    """The state of one fit."""

    def __init__(self, recipe: Recipe, data: TrainingSet, folder: Path) -> None:
        t = recipe.train
        torch.manual_seed(t.seed)
        self.recipe, self.identity, self.epoch = recipe, data.identity, 0
        self.log: SummaryWriter
        self.checkpoint = folder / "checkpoint.pt"
        folder.mkdir(parents=True, exist_ok=True)
        self.model = create(recipe.model, len(recipe.data.labels)).to(memory_format=torch.channels_last)
        freeze(self.model, recipe.model.frozen_blocks)
        self.average = copy.deepcopy(self.model)
        spec = preprocess_of(self.model, recipe.model.size)
        self.sampler = Balanced(data.targets, data.clusters, t.seed)
        self.steps = math.ceil(len(data.targets) / t.batch)
        groups = parameter_groups(self.model, t.lr, t.layer_decay)
        optimiser = torch.optim.AdamW(groups, weight_decay=t.weight_decay)
        total = self.steps * t.epochs
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total))
        loader = DataLoader(Augmented(data.pixels, data.targets, spec, t.seed), t.batch, sampler=self.sampler)
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="bf16")
        self.net, self.optimiser, self.loader = self.accelerator.prepare(self.model, optimiser, loader)
        self.average.to(self.accelerator.device)
        if self.accelerator.num_processes > 1:
            raise TrainingError("several processes", "this version trains in one", "start it without a launcher")

    def one_epoch(self, epoch: int, tell: Tell) -> None:
        """Go once through the training side."""
        self.sampler.epoch = epoch
        self.net.train()
        self.model.backbone.requires_grad_(epoch >= self.recipe.train.head_epochs)
        freeze(self.model, self.recipe.model.frozen_blocks)
        total = self.steps * self.recipe.train.epochs
        for step, (photos, targets) in enumerate(self.loader, epoch * self.steps):
            loss = self.one_step(photos, targets)
            self.log.add_scalar("loss", loss, step)
            tell(step + 1, total, loss)

    def one_step(self, photos: Tensor, targets: Tensor) -> float:
        """Update the network and its moving average; return the loss."""
        with self.accelerator.autocast():
            logits, _, _ = self.net(photos.contiguous(memory_format=torch.channels_last))
        loss = cross_entropy(logits.float(), targets, label_smoothing=self.recipe.train.smoothing)
        if not math.isfinite(loss.item()):
            why = "the loss is not finite"
            raise TrainingError(str(self.checkpoint.parent), why, "lower train.lr and start again in a new folder")
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.schedule.step()
        _follow(self.average, self.model, self.recipe.train.ema)
        return loss.item()

    def save(self, epoch: int) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "identity": self.identity,
            "epoch": epoch,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }
        part = self.checkpoint.with_suffix(".part")
        try:
            torch.save(state, part)
            part.replace(self.checkpoint)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError of its zip writer
            part.unlink(missing_ok=True)
            mend = "free some space and start the same command again: it goes on from the last whole epoch"
            raise TrainingError(str(part), f"cannot be written ({str(error).splitlines()[0]})", mend) from None

    def resume(self) -> None:
        """Take up the checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return
        try:
            state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            if state["identity"] != self.identity:
                why = "it belongs to another recipe or other photographs"
                raise CheckpointError(str(self.checkpoint), why, "name a new folder with --out, or remove this one")
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            torch.set_rng_state(state["torch_rng"])
            self.epoch = int(state["epoch"])
        except (RuntimeError, KeyError, EOFError, OSError, ValueError, UnpicklingError, TypeError, AttributeError):
            why = "damaged, so that it cannot be read"
            raise CheckpointError(str(self.checkpoint), why, "remove it to fit this part anew") from None


def _rate(step: int, total: int) -> float:
    """Linear warm-up over a twentieth, then cosine to a hundredth."""
    warm = max(1, total // 20)
    return (step + 1) / warm if step < warm else 0.01 + 0.495 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


@torch.no_grad()
def predict(model: Classifier, batch: Floats, step: int = 32) -> tuple[Floats, Floats]:
    """Return logits [N, C] and embedding [N, D] of inputs [N, 3, size, size], in float32."""
    parts = [model(torch.from_numpy(batch[i : i + step])) for i in range(0, len(batch), step)]
    logits = np.concatenate([p[0].numpy() for p in parts])
    return logits, np.concatenate([p[2].numpy() for p in parts])
