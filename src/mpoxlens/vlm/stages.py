"""The steps of a fit, stage after stage, on one process or many, and its checkpoint."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from mpoxlens.datasets.progress import Tell
from mpoxlens.errors import DivergedError, RecipeError
from mpoxlens.vision import checkpoint
from mpoxlens.vlm.adapter import PROJECTORS, Adapter, attach, save_adapter
from mpoxlens.vlm.examples import Example
from mpoxlens.vlm.features import VisualFeatures
from mpoxlens.vlm.loss import Lesson, batch_of
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import answer_ids
from mpoxlens.vlm.recipe import VlmRecipe
from mpoxlens.vlm.sharded import (
    LeanLesson,
    asked_for,
    dealt,
    dealt_optimiser,
    gathered,
    gathered_optimiser,
    lean,
    own_chance,
    shard,
    whole_model,
)

PRECISION = "bf16"  # of the arithmetic while it learns; what learns is kept in 32 bits
LARGE = "7b"  # kept in 16 bits, and its layers computed anew, backwards
CHECKPOINT = "checkpoint.pt"
ADAPTER = "adapter"
LEAST_RATE = 0.01  # share of the rate that a stage ends with


@dataclass(frozen=True)
class Stage:
    """Some steps in which the same parameters learn; a rate of 0 freezes them."""

    number: int
    steps: int
    lora: float
    projector: float


def rate(step: int, total: int, warm_up: float) -> float:
    """Return the share of the learning rate at a step: linear warm-up, then cosine."""
    warm = max(1, round(warm_up * total))
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, total - warm)
    return LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * done))


class Run:
    """The state of one fit."""

    def __init__(
        self,
        recipe: VlmRecipe,
        base: tuple[MpoxVlm, Any],
        folder: Path,
        stages: Sequence[Stage],
        batch: Callable[[int], list[Example]],
        features: VisualFeatures | None,
        name: str,
    ) -> None:
        t, m = recipe.train, recipe.model
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=PRECISION)
        if t.batch % self.accelerator.num_processes:
            why = f"{self.accelerator.num_processes} processes cannot share it evenly"
            raise RecipeError(f"{recipe.path}: train.batch = {t.batch}", why, "make it a multiple of them")
        folder.mkdir(parents=True, exist_ok=True)
        self.recipe, self.folder, self.stages, self.identity = recipe, folder, stages, name
        self.batch, self.features = batch, features
        self.sharded = asked_for(self.accelerator.num_processes)
        self.model, self.tokenizer = base
        self.answers = answer_ids(self.tokenizer)
        self.adapter = Adapter(m.rank, m.alpha, m.dropout)
        torch.manual_seed(t.seed)
        attach(self.model, self.adapter)
        self.learnt = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        if self.accelerator.device.type == "cpu":  # faster there, backwards, than the fused kernel
            self.model.language.set_attn_implementation("eager")
        self.lesson: Any = None
        self.step, self.stage = 0, -1
        self.total = sum(stage.steps for stage in stages)

    def whole(self, tell: Tell, name: str) -> float:
        """Do all steps that are left, and write the adapter; return the last loss, nan where nothing was left."""
        if self.sharded:
            self.spread()
        checkpoint.resume(self.folder / CHECKPOINT, self.identity, self.take_up)
        loss = math.nan
        while self.step < self.total:
            loss = self.one_step()
            tell(f"{name}, stage {self.stages[self.stage].number}, loss {loss:.2f}", self.step, self.total)
            if self.step % self.recipe.train.checkpoint_steps == 0 or self.step in self._ends():
                self.save()
        if self.sharded:
            self.model = whole_model(self.model, self.adapter)
        if self.accelerator.is_main_process:
            save_adapter(self.model, self.adapter, self.folder / ADAPTER, size=self.recipe.model.size)
        self.accelerator.wait_for_everyone()  # others read it
        self.model.requires_grad_(False)
        return loss

    def spread(self) -> None:
        """Spread the model over the processes."""
        self.lesson = self._lesson()
        shard(self.lesson, self.accelerator.device, self.accelerator.num_processes, PRECISION)
        own = dict(self.model.named_parameters())
        self.learnt = {name: own[name] for name in self.learnt}

    def _lesson(self) -> Lesson:
        weight = self.recipe.train.weight_answer
        if not self.sharded and self.recipe.model.size != LARGE:
            return Lesson(self.model, self.answers, weight)
        lean(self.model)
        return LeanLesson(self.model, self.answers, weight)

    def _ends(self) -> list[int]:
        """Return the steps after which a stage is over."""
        return list(accumulate(stage.steps for stage in self.stages))

    def enter(self, place: int) -> None:
        """Begin a stage: what learns in it, with an optimiser of its own."""
        stage, t = self.stages[place], self.recipe.train
        self.stage = place
        torch.manual_seed(t.seed + stage.number)
        groups, self.resting = [], []
        for rate_, projector in ((stage.projector, True), (stage.lora, False)):
            group = [p for name, p in self.learnt.items() if name.startswith(PROJECTORS) is projector]
            for parameter in group:
                parameter.requires_grad_(rate_ > 0 or self.sharded)  # see `shard`
            if rate_ > 0:
                groups.append({"params": group, "lr": rate_})
            else:
                self.resting += group
        optimiser = torch.optim.AdamW(groups, weight_decay=t.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, stage.steps, t.warm_up))
        if self.sharded:
            self.optimiser: Any = optimiser
        else:
            self.lesson, self.optimiser = self.accelerator.prepare(self._lesson(), optimiser)
        self.lesson.train()

    def one_step(self) -> float:
        """Learn from one batch; return the loss."""
        wanted = bisect_right(self._ends(), self.step)
        if wanted != self.stage:
            self.enter(wanted)
        accelerator = self.accelerator
        if accelerator.num_processes > 1:
            own_chance(self.recipe.train.seed, self.step, accelerator.process_index)
        own = self.batch(self.step)[accelerator.process_index :: accelerator.num_processes]
        loss = self.lesson(**batch_of(own, self.features, self.tokenizer.pad_token_id, accelerator.device))
        mean = float(accelerator.reduce(loss.detach(), "mean"))
        if not math.isfinite(mean):
            why = f"the loss is not finite in step {self.step + 1}"
            raise DivergedError(str(self.folder), why, "lower the rates in [train] and start again in a new folder")
        accelerator.backward(loss)
        for parameter in self.resting:
            parameter.grad = None
        accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.train.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.schedule.step()
        self.step += 1
        return mean

    def save(self) -> None:
        """Write the checkpoint, if this is the process that writes: what learns and its optimiser, not the base."""
        state = self.state()
        if self.accelerator.is_main_process:
            checkpoint.save(self.folder / CHECKPOINT, state)
        self.accelerator.wait_for_everyone()

    def state(self) -> checkpoint.State:
        """Return all that the next step depends on, the same from one process or many; all have to ask."""
        return {
            "identity": self.identity,
            "step": self.step,
            "stage": self.stage,
            "parameters": {name: gathered(p.detach()) for name, p in self.learnt.items()},
            "optimiser": gathered_optimiser(self.optimiser),
            "schedule": self.schedule.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }

    def take_up(self, state: checkpoint.State) -> None:
        """Set everything to where a checkpoint stands."""
        self.enter(int(state["stage"]))
        given = state["parameters"]
        if given.keys() != self.learnt.keys():
            raise KeyError("parameters")
        with torch.no_grad():
            for name, parameter in self.learnt.items():
                parameter.copy_(dealt(given[name], parameter))
        self.optimiser.load_state_dict(dealt_optimiser(state["optimiser"], self.optimiser))
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["torch_rng"])
        self.step = int(state["step"])
