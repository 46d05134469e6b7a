"""Go on training an encoder by masked autoencoding; a checkpoint after every epoch, one process or several."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator, DataLoaderConfiguration, DistributedDataParallelKwargs
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torch.utils.tensorboard import SummaryWriter

from mpoxlens.errors import DataError, DivergedError
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Pixels
from mpoxlens.vision.augment import crop, shift_tone
from mpoxlens.vision.backbones import Classifier, freeze
from mpoxlens.vision.checkpoint import State, resume, save
from mpoxlens.vision.mae.model import MaskedAutoencoder
from mpoxlens.vision.processes import is_main
from mpoxlens.vision.recipe import Recipe

Tell = Callable[[int, int, float], None]
ENCODER_RATE = 0.1  # of the decoder's: the decoder starts from nothing, the encoder from base weights


class Masked(Dataset[tuple[Tensor, Tensor]]):
    """Random variants and masks; each is a function of (seed, draw), so that a resumed run sees the same."""

    def __init__(self, pixels: Sequence[Pixels], spec: Preprocess, patches: int, seed: int) -> None:
        self.pixels, self.spec, self.patches, self.seed = pixels, spec, patches, seed

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return a photograph [3, size, size] and the order [N] of its patches for key (index, draw)."""
        index, draw = key
        rng = np.random.default_rng((self.seed, draw))
        variant = vary(self.pixels[index], self.spec.size, rng)
        return torch.from_numpy(self.spec.normalise(variant)), torch.from_numpy(rng.permutation(self.patches))


def vary(pixels: Pixels, size: int, rng: np.random.Generator) -> Pixels:
    """Crop at random, mirror, and shift the skin tone: masking needs no more (He et al. 2022, table 1e)."""
    pixels = crop(pixels, size, rng)
    pixels = np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < 0.5 else pixels
    return shift_tone(pixels, rng) if rng.random() < 0.5 else pixels


class Shuffled(Sampler[tuple[int, int]]):
    """One epoch's keys, every photograph once."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epoch = count, seed, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        drawn = np.random.default_rng((self.seed, self.epoch)).permutation(self.count)
        yield from ((int(index), self.epoch * self.count + i) for i, index in enumerate(drawn))


def fit(
    recipe: Recipe, start: Classifier, spec: Preprocess, pixels: Sequence[Pixels], identity: str, folder: Path,
    tell: Tell,
) -> tuple[MaskedAutoencoder, float]:  # fmt: skip
    """Go on training `start` on photographs, from the last whole epoch if `folder` has one.

    Args:
        recipe: its sections [mae], [model] and [train] (seed, weight_decay) count.
        start: the network with its base weights; its backbone is trained in place.
        spec: preprocessing, which gives the size.
        pixels: of each photograph [H, W, 3].
        identity: of recipe and photographs, so that a checkpoint of others is noticed.
        folder: for the checkpoint and the TensorBoard log.
        tell: called after each step with steps done, steps in all, and the loss.

    Returns:
        The autoencoder and the mean loss of the last epoch.

    Raises:
        CheckpointError: the folder's checkpoint is damaged, or of another recipe or other photographs.
        DataError: fewer photographs than processes.
        DivergedError: the loss is not finite.
        TrainingError: the disk is full.
    """
    run = _Run(recipe, start, spec, pixels, identity, folder)
    resume(run.checkpoint, identity, run.take_up)
    for epoch in range(run.epoch, recipe.mae.epochs):
        run.one_epoch(epoch, tell)
        run.save(epoch + 1)
    run.close()
    return run.model.cpu().eval(), run.loss


class _Run:
    """The state of one continuation."""

    def __init__(
        self, recipe: Recipe, start: Classifier, spec: Preprocess, pixels: Sequence[Pixels], identity: str, folder: Path
    ) -> None:
        torch.manual_seed(recipe.train.seed)
        self.recipe, self.start, self.identity, self.epoch, self.loss = recipe, start, identity, 0, math.nan
        self.folder, self.checkpoint = folder, folder / "checkpoint.pt"
        self.accelerator = Accelerator(
            cpu=not torch.cuda.is_available(),
            mixed_precision="bf16",
            dataloader_config=DataLoaderConfiguration(split_batches=True),  # so that two processes do as one does
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        self.model = MaskedAutoencoder(start.backbone, recipe.mae, spec.size)
        freeze(start, recipe.model.frozen_blocks)
        processes = self.accelerator.num_processes
        batch = max(1, min(recipe.mae.batch, len(pixels)) // processes) * processes
        self.sampler = Shuffled(len(pixels), recipe.train.seed)
        data = Masked(pixels, spec, self.model.patches, recipe.train.seed)
        loader = DataLoader(data, batch, sampler=self.sampler, drop_last=True)
        self.steps = len(loader)
        if not self.steps:
            raise DataError(f"{len(pixels)} photographs", f"too few for {processes} processes", "start fewer")
        optimiser = _optimiser(self.model, recipe)
        self.net, self.optimiser, self.loader = self.accelerator.prepare(self.model, optimiser, loader)
        rates = [group["lr"] for group in optimiser.param_groups]
        total = max(2, self.steps * recipe.mae.epochs)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rates, total_steps=total + 1, pct_start=0.1, cycle_momentum=False
        )
        self.log: SummaryWriter | None = None

    def one_epoch(self, epoch: int, tell: Tell) -> None:
        """Go once through the photographs."""
        if self.log is None and is_main():
            self.log = SummaryWriter(str(self.folder), purge_step=epoch * self.steps)
        self.sampler.epoch = epoch
        self.net.train()
        freeze(self.start, self.recipe.model.frozen_blocks)
        losses = []
        for step, (photos, order) in enumerate(self.loader, epoch * self.steps):
            losses.append(self.one_step(photos, order))
            if self.log is not None:
                self.log.add_scalar("loss", losses[-1], step)
                tell(step + 1, self.steps * self.recipe.mae.epochs, losses[-1])
        self.loss = sum(losses) / len(losses)

    def one_step(self, photos: Tensor, order: Tensor) -> float:
        """Update encoder and decoder; return the loss."""
        with self.accelerator.autocast():
            loss, _ = self.net(photos, order)
        value = float(self.accelerator.reduce(loss.detach(), "mean"))
        if not math.isfinite(value):
            mend = "lower mae.lr and start again in a new folder"
            raise DivergedError(str(self.folder), "the loss is not finite", mend)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.schedule.step()
        return value

    def save(self, epoch: int) -> None:
        """Write the checkpoint, whole or not at all."""
        if is_main():
            state = {
                "identity": self.identity,
                "epoch": epoch,
                "loss": self.loss,
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "torch_rng": torch.get_rng_state(),
            }
            save(self.checkpoint, state)
        self.accelerator.wait_for_everyone()

    def take_up(self, state: State) -> None:
        """Go on from a checkpoint."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["torch_rng"])
        self.epoch, self.loss = int(state["epoch"]), float(state["loss"])

    def close(self) -> None:
        """End the log."""
        if self.log is not None:
            self.log.close()


def _optimiser(model: MaskedAutoencoder, recipe: Recipe) -> torch.optim.Optimizer:
    encoder = [p for p in model.backbone.parameters() if p.requires_grad]
    share = ENCODER_RATE if recipe.model.weights != "none" else 1.0
    decoder = [*model.decoder.parameters(), model.mask_token]
    groups = [{"params": encoder, "lr": recipe.mae.lr * share}, {"params": decoder, "lr": recipe.mae.lr}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=recipe.train.weight_decay)
