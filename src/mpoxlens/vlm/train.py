"""Training in two stages: first the projectors learn to speak to the language model, then it learns with them.

Stage 1 and stage 2 are those of LLaVA (Liu et al. 2023, arXiv 2304.08485, section 4.2), stage 2 with LoRA in place of
all weights (Hu et al. 2022, arXiv 2106.09685). The encoders stay frozen, so that their features are computed once.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DivergedError, RecipeError
from mpoxlens.vision import checkpoint
from mpoxlens.vlm.adapter import PROJECTORS, Adapter, attach, save_adapter
from mpoxlens.vlm.base import build
from mpoxlens.vlm.examples import Examples, Side
from mpoxlens.vlm.frequencies import Frequencies, load_frequencies
from mpoxlens.vlm.loss import Lesson, batch_of
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import answer_ids
from mpoxlens.vlm.recipe import VlmRecipe

PRECISION = "bf16"  # of the arithmetic while it learns; what learns is kept in 32 bits
CHECKPOINT = "checkpoint.pt"
ADAPTER = "adapter"
LEAST_RATE = 0.01  # share of the rate that a stage ends with


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model with the adapter that it learned, and its tokenizer."""

    model: MpoxVlm
    tokenizer: Any
    loss: float  # of the last step of this run; nan where nothing was left to do


def fit(
    recipe: VlmRecipe,
    side: Side,
    folder: Path,
    tell: Tell = silent,
    *,
    name: str = "fit",
    frequencies: Frequencies | None = None,
    base: tuple[MpoxVlm, Any] | None = None,
) -> Fitted:
    """Fit an adapter and write it into `folder`/adapter, going on from the checkpoint if `folder` has one.

    Where several processes were launched, each takes its share of every batch.

    Args:
        recipe: all settings.
        side: what may be learned from.
        folder: for checkpoint and adapter; made if need be.
        tell: told how far it is.
        name: of the fit, as progress shows it.
        frequencies: of histories; the shipped table unless given.
        base: model and tokenizer to start from, which the fit alters; those of the recipe unless given.

    Raises:
        CheckpointError: the folder's checkpoint is damaged, or of another recipe or other photographs.
        DataError: there is nothing to learn from.
        DivergedError: the loss is not finite.
        RecipeError: the batch cannot be shared out evenly among the processes.
        TrainingError: the disk is full.
        WeightsError: the base weights are not to be had.
    """
    run = _Run(recipe, side, folder, frequencies or load_frequencies(), base or _base(recipe))
    checkpoint.resume(folder / CHECKPOINT, run.identity, run.take_up)
    loss = math.nan
    while run.step < run.total:
        loss = run.one_step()
        tell(f"{name}, stage {run.stage}, loss {loss:.2f}", run.step, run.total)
        if run.step % recipe.train.checkpoint_steps == 0 or run.step in (recipe.train.align_steps, run.total):
            run.save()
    return run.finished(loss)


def identity(recipe: VlmRecipe, side: Side) -> str:
    """Return the name of a fit: the same recipe, photographs, teacher's words and questions."""
    rows = [[r.sha256, r.label, r.group] for r in side.records]
    asked = [[one.id, one.question, one.history, one.answer, one.altered] for one in side.stored]
    told = json.dumps([recipe.sha256, rows, side.word.round(6).tolist(), asked])
    return hashlib.sha256(told.encode()).hexdigest()


def rate(step: int, total: int, warm_up: float) -> float:
    """Return the share of the learning rate at a step: linear warm-up, then cosine."""
    warm = max(1, round(warm_up * total))
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, total - warm)
    return LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * done))


def _base(recipe: VlmRecipe) -> tuple[MpoxVlm, Any]:
    return build(recipe.model.size, skin=recipe.model.skin or None, seed=recipe.train.seed)


class _Run:
    """The state of one fit."""

    def __init__(
        self, recipe: VlmRecipe, side: Side, folder: Path, frequencies: Frequencies, base: tuple[MpoxVlm, Any]
    ) -> None:
        t = recipe.train
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=PRECISION)
        if t.batch % self.accelerator.num_processes:
            why = f"{self.accelerator.num_processes} processes cannot share it evenly"
            raise RecipeError(f"{recipe.path}: train.batch = {t.batch}", why, "make it a multiple of them")
        folder.mkdir(parents=True, exist_ok=True)
        self.recipe, self.folder, self.identity = recipe, folder, identity(recipe, side)
        self.model, self.tokenizer = base
        self.answers = answer_ids(self.tokenizer)
        self.examples = Examples(recipe, side, self.tokenizer, self.model.config, frequencies)
        self.features = side.features
        self.step, self.stage, self.total = 0, 0, t.align_steps + t.tune_steps

    @property
    def adapter(self) -> Adapter:
        """What learns in the present stage."""
        m = self.recipe.model
        return Adapter(m.rank, m.alpha, m.dropout) if self.stage == 2 else Adapter(rank=0)

    def enter(self, stage: int) -> None:
        """Begin a stage: what learns in it, with an optimiser of its own."""
        t = self.recipe.train
        self.stage, steps = stage, t.align_steps if stage == 1 else t.tune_steps
        torch.manual_seed(t.seed + stage)
        attach(self.model, self.adapter)
        self.parameters = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        optimiser = torch.optim.AdamW(self._groups(), weight_decay=t.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps, t.warm_up))
        lesson = Lesson(self.model, self.answers, t.weight_answer)
        self.lesson, self.optimiser = self.accelerator.prepare(lesson, optimiser)
        self.lesson.train()

    def _groups(self) -> list[dict[str, Any]]:
        t = self.recipe.train
        rates = {True: t.lr_align if self.stage == 1 else t.lr_projector, False: t.lr_lora}
        groups: dict[bool, list[nn.Parameter]] = {}
        for name, parameter in self.parameters.items():
            groups.setdefault(name.startswith(PROJECTORS), []).append(parameter)
        return [{"params": group, "lr": rates[projector]} for projector, group in groups.items()]

    def one_step(self) -> float:
        """Learn from one batch; return the loss."""
        wanted = 1 if self.step < self.recipe.train.align_steps else 2
        if wanted != self.stage:
            self.enter(wanted)
        accelerator = self.accelerator
        own = self.examples.batch(self.step)[accelerator.process_index :: accelerator.num_processes]
        loss = self.lesson(**batch_of(own, self.features, self.tokenizer.pad_token_id, accelerator.device))
        mean = float(accelerator.reduce(loss.detach(), "mean"))
        if not math.isfinite(mean):
            why = f"the loss is not finite in step {self.step + 1}"
            raise DivergedError(str(self.folder), why, "lower the rates in [train] and start again in a new folder")
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(self.parameters.values(), self.recipe.train.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.schedule.step()
        self.step += 1
        return mean

    def save(self) -> None:
        """Write the checkpoint, if this is the process that writes: what learns and its optimiser, not the base."""
        if self.accelerator.is_main_process:
            checkpoint.save(self.folder / CHECKPOINT, self.state())
        self.accelerator.wait_for_everyone()

    def state(self) -> checkpoint.State:
        """Return all that the next step depends on."""
        return {
            "identity": self.identity,
            "step": self.step,
            "stage": self.stage,
            "parameters": {name: p.detach() for name, p in self.parameters.items()},
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }

    def take_up(self, state: checkpoint.State) -> None:
        """Set everything to where a checkpoint stands."""
        self.enter(int(state["stage"]))
        given = state["parameters"]
        if given.keys() != self.parameters.keys():
            raise KeyError("parameters")
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(given[name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["torch_rng"])
        self.step = int(state["step"])

    def finished(self, loss: float) -> Fitted:
        """Write the adapter and return the model, ready to be asked."""
        if self.accelerator.is_main_process:
            save_adapter(self.model, self.adapter, self.folder / ADAPTER, size=self.recipe.model.size)
        self.model.requires_grad_(False)
        return Fitted(self.model.train(False), self.tokenizer, loss)
