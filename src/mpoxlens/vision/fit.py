"""Fit one network in stages, the head first and then what lies before it; a checkpoint after every epoch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, broadcast
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from mpoxlens.errors import CheckpointError, DivergedError, TrainingError
from mpoxlens.vision import checkpoint
from mpoxlens.vision.backbones import Classifier, freeze, parameter_groups, preprocess_of
from mpoxlens.vision.data import UNLABELLED, Balanced, Batch, TrainingSet, Variants, batches, identity, inputs
from mpoxlens.vision.mix import mix
from mpoxlens.vision.objective import Shape, Student, Teacher, ask, normalised, objective, shares_of, views_of
from mpoxlens.vision.precision import narrow, widen
from mpoxlens.vision.processes import share_statistics
from mpoxlens.vision.recipe import Recipe
from mpoxlens.vision.schedule import rate, thaw
from mpoxlens.vision.start import begun, blended, predict
from mpoxlens.vision.stopping import Best, hold_back, validation_loss

__all__ = ["Teacher", "Tell", "TrainingSet", "fit", "identity", "predict", "preprocess_of"]

PRECISION = "bf16"  # of the network's arithmetic while it learns; weights and their average are kept in 32 bits
Tell = Callable[[int, int, float], None]


def fit(
    recipe: Recipe, data: TrainingSet, folder: Path, tell: Tell | None = None, teacher: Teacher | None = None
) -> Classifier:
    """Fit a network, going on from the last whole epoch if `folder` has one.

    Where several processes were launched, each takes its share of every batch, and all return the same network.

    Args:
        recipe: all settings.
        data: the training side; early stopping holds whole clusters of it back.
        folder: for the checkpoint and the TensorBoard log.
        tell: called after each step with steps done, steps in all, and the loss.
        teacher: asked about the very views that the network sees, see `objective.Teacher`; [distil] has its weight.

    Raises:
        CheckpointError: the folder's checkpoint is damaged or of another recipe or other photographs.
        DataError: a label has too few clusters for early stopping.
        DivergedError: the loss is not finite.
        TrainingError: the disk is full, or unlabelled photographs have no teacher.
    """
    if teacher is None and UNLABELLED in data.targets:
        raise TrainingError("unlabelled photographs", "nobody teaches them", "name distil.teachers in the recipe")
    run = _Run(recipe, data, folder, teacher)
    run.resume()
    with _one_thread_of_opencv():
        for epoch in range(run.epoch, recipe.train.epochs):
            if run.stopped:
                break
            run.one_epoch(epoch, tell or (lambda _done, _of, _loss: None))
            run.look(epoch + 1)
            run.save(epoch + 1)
    return run.finished()


@contextmanager
def _one_thread_of_opencv() -> Iterator[None]:
    """Leave the cores to the network: batches are prepared in several threads anyhow."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


class _Run:
    """The state of one fit."""

    def __init__(self, recipe: Recipe, data: TrainingSet, folder: Path, teacher: Teacher | None) -> None:
        t = recipe.train
        self.accelerator = _accelerator()
        torch.manual_seed(t.seed)
        self.recipe, self.identity, self.epoch, self.teacher = recipe, data.identity, 0, teacher
        self.folder, self.best = folder, Best()
        self.log: SummaryWriter | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.held: TrainingSet | None = None
        if t.patience:
            data, self.held = hold_back(data, recipe.data.labels, t.validation, t.seed)
        self.model = begun(recipe, data).to(memory_format=torch.channels_last)
        self.begun = copy.deepcopy(self.model.state_dict())
        freeze(self.model, recipe.model.frozen_blocks)
        if self.accelerator.device.type == "cpu":
            widen(self.model)
        self.average = copy.deepcopy(self.model).to(self.accelerator.device)
        self.spec = preprocess_of(self.model, recipe.model.size)
        self.variants = Variants(data.pixels, self.spec.size, t)
        self.targets = np.array(data.targets)
        self.sampler = Balanced(data.targets, data.clusters, t.seed, recipe.distil.unlabelled)
        self.steps = math.ceil(len(self.sampler) / t.batch)
        groups = parameter_groups(self.model, t.lr, t.layer_decay)
        self.student = self._student()
        groups += [{"params": [weight], "lr": t.lr} for weight in self.student.map.parameters()]
        optimiser = torch.optim.AdamW(groups, weight_decay=t.weight_decay)
        total = self.steps * t.epochs
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, total))
        if self.accelerator.num_processes > 1:
            share_statistics(self.model)
        self.net, self.optimiser = self.accelerator.prepare(self.student, optimiser)
        self.pairs = list(zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True))

    def _student(self) -> Student:
        """Return the network, with a map to the teacher's embedding if that is to be matched."""
        if self.teacher is None or not self.recipe.distil.feature_weight:
            return Student(self.model)
        view = views_of(self.variants((0, 0))[None], self.accelerator.device)
        taught = ask(self.teacher, view, [(0, 0)])[1].shape[1]
        with torch.no_grad():
            width = copy.deepcopy(self.model).to(view.device).eval()(view)[2].shape[1]
        return Student(self.model, width, taught)

    @property
    def stopped(self) -> bool:
        """Whether early stopping has had enough."""
        return 0 < self.recipe.train.patience <= self.best.stale

    def one_epoch(self, epoch: int, tell: Tell) -> None:
        """Go once through the training side."""
        part, of = self.accelerator.process_index, self.accelerator.num_processes
        if part:  # the main process draws on from where the checkpoint stands
            torch.manual_seed(int(np.random.default_rng((self.recipe.train.seed, epoch, part)).integers(2**62)))
        self.net.train()
        thaw(self.model, self.recipe.train, epoch)
        freeze(self.model, self.recipe.model.frozen_blocks)
        total = self.steps * self.recipe.train.epochs
        prepared = batches(self.variants, self.sampler.keys(epoch), self.recipe.train.batch, part, of)
        for step, batch in enumerate(prepared, epoch * self.steps):
            loss = self.one_step(batch, np.random.default_rng((self.recipe.train.seed, step, part)))
            if self.log:
                self.log.add_scalar("loss", loss, step)
            tell(step + 1, total, loss)

    def one_step(self, batch: Batch, rng: np.random.Generator) -> float:
        """Update the network and its moving average; return the loss."""
        loss = self.loss(batch, rng)
        mean = float(self.accelerator.reduce(loss.detach(), "mean"))
        if not math.isfinite(mean):
            why = "the loss is not finite"
            raise DivergedError(str(self.folder), why, "lower train.lr and start again in a new folder")
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.schedule.step()
        _follow(self.pairs, self.recipe.train.ema)
        return mean

    def loss(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """Return the loss of this process's share, such that the mean over processes is that of the whole batch."""
        t, device = self.recipe.train, self.accelerator.device
        targets = torch.from_numpy(self.targets[[index for index, _ in batch.keys]]).to(device)
        shares = shares_of(targets, len(self.recipe.data.labels), t.smoothing)
        views, shares = mix(views_of(batch.views, device), shares, t.mixup, t.cutmix, rng)
        taught = ask(self.teacher, views, batch.keys) if self.teacher else None
        with self.accelerator.autocast():
            output = self.net(normalised(views, self.spec))
        known = self.targets[[index for index, _ in batch.whole]] != UNLABELLED
        part = objective(output, shares, taught, self.recipe.distil, Shape(len(known), int(known.sum())))
        spread = int(self.accelerator.num_processes) if batch.counts else 0
        return part * spread

    def look(self, epoch: int) -> None:
        """Judge the moving average on what is held back."""
        if self.held is None:
            return
        loss = torch.zeros((), device=self.accelerator.device)
        if self.accelerator.is_main_process:  # the others hear of it: all must stop at the same epoch
            logits, _ = predict(self.average.eval(), inputs(self.held.pixels, self.spec))
            loss += validation_loss(logits, self.held.targets)
        seen = float(broadcast(loss))
        self.best.look(seen, self.average.state_dict())
        if self.log:
            self.log.add_scalar("validation loss", seen, epoch * self.steps)

    def save(self, epoch: int) -> None:
        """Write the checkpoint, if this is the process that writes."""
        self.epoch = epoch
        if self.accelerator.is_main_process:
            checkpoint.save(self.folder / "checkpoint.pt", self.state())
        self.accelerator.wait_for_everyone()

    def state(self) -> checkpoint.State:
        """Return all that the next epoch depends on."""
        return {
            "identity": self.identity,
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "map": self.student.map.state_dict(),
            "best": self.best.state(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }

    def resume(self) -> None:
        """Take up the checkpoint, if there is one; every process must have found the same."""
        checkpoint.resume(self.folder / "checkpoint.pt", self.identity, self.take_up)
        epochs = self.accelerator.gather(torch.tensor([self.epoch], device=self.accelerator.device))
        if len(epochs.unique()) > 1:
            why = "the processes do not see the same checkpoint"
            raise CheckpointError(str(self.folder), why, "name a folder with --out that all machines share")
        if self.accelerator.is_main_process:  # what a killed epoch logged is dropped
            self.log = SummaryWriter(str(self.folder), purge_step=self.epoch * self.steps)

    def take_up(self, state: checkpoint.State) -> None:
        """Set everything to where a checkpoint stands."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.student.map.load_state_dict(state["map"])
        self.best = Best(**state["best"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["torch_rng"])
        self.epoch = int(state["epoch"])

    def finished(self) -> Classifier:
        """Write and return what is kept: the moving average, the best one with early stopping, blended."""
        if self.log:
            self.log.close()
        if self.best.weights:
            self.average.load_state_dict(self.best.weights)
        narrow(self.average)
        network = blended(self.begun, self.average.cpu().eval(), self.recipe.train.blend)
        if self.accelerator.is_main_process:
            checkpoint.keep(network, self.folder)
        return network


def _accelerator() -> Accelerator:
    # Which parts learn changes as they thaw; statistics of batches are equal everywhere without being sent.
    spread = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
    return Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=PRECISION, kwargs_handlers=[spread])


@torch.no_grad()
def _follow(pairs: Sequence[tuple[Tensor, Tensor]], decay: float) -> None:
    for kept, new in pairs:
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
