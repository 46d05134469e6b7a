"""Training in three stages: to read a history, to see with the projectors, and to weigh both.

Stages 1 and 2 are those of LLaVA (Liu et al. 2023, arXiv 2304.08485, section 4.2), stage 2 with LoRA in place of all
weights (Hu et al. 2022, arXiv 2106.09685). Stage 0 is ours: histories alone, which are simulated and of nobody, so that
every fold of a cross-validation may begin with the same. The encoders stay frozen, so that their features are computed
once.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.vlm.adapter import take_lora
from mpoxlens.vlm.base import build
from mpoxlens.vlm.beginning import begin_with_probe
from mpoxlens.vlm.examples import Examples, Side
from mpoxlens.vlm.features import Picture, Shown
from mpoxlens.vlm.frequencies import Frequencies, load_frequencies
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.reading import Readings
from mpoxlens.vlm.recipe import VlmRecipe
from mpoxlens.vlm.stages import ADAPTER, CHECKPOINT, LARGE, Run, Stage, rate

__all__ = ["ADAPTER", "CHECKPOINT", "Fitted", "fit", "identity", "rate", "read_histories"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model with the adapter that it learned, and its tokenizer."""

    model: MpoxVlm
    tokenizer: Any
    loss: float  # of the last step; nan where nothing was left to do


def read_histories(
    recipe: VlmRecipe,
    folder: Path,
    tell: Tell = silent,
    *,
    frequencies: Frequencies | None = None,
    base: tuple[MpoxVlm, Any] | None = None,
) -> Path:
    """Do stage 0: fit LoRA to histories without any photograph; return the folder of what it learned.

    Arguments and errors are those of `fit`.
    """
    t, table = recipe.train, frequencies or load_frequencies()
    model, tokenizer = base or base_of(recipe)
    lessons = Readings(recipe, tokenizer, model.config, table)
    stages = (Stage(0, t.read_steps, t.lr_read, 0.0),)
    run = Run(recipe, (model, tokenizer), folder, stages, lessons.batch, None, recipe.reading_sha256)
    run.whole(tell, "histories")
    return folder / ADAPTER


def fit(
    recipe: VlmRecipe,
    side: Side,
    folder: Path,
    tell: Tell = silent,
    *,
    name: str = "fit",
    frequencies: Frequencies | None = None,
    base: tuple[MpoxVlm, Any] | None = None,
    reading: Path | None = None,
) -> Fitted:
    """Do stages 1 and 2: fit an adapter and write it into `folder`/adapter, going on from a checkpoint in `folder`.

    Where several processes were launched, each takes its share of every batch, and of the model if they were started
    with recipes/accelerate-fsdp.yaml.

    Args:
        recipe: all settings.
        side: what may be learned from.
        folder: for checkpoint and adapter; made if need be.
        tell: told how far it is.
        name: of the fit, as progress shows it.
        frequencies: of histories; the shipped table unless given.
        base: model and tokenizer to start from, which the fit alters; those of the recipe unless given. A model that
            was spread over processes is of no use afterwards.
        reading: what `read_histories` gave, for LoRA to begin with.

    Raises:
        CheckpointError: the folder's checkpoint is damaged, or of another recipe or other photographs.
        DataError: there is nothing to learn from.
        DivergedError: the loss is not finite.
        RecipeError: the batch cannot be shared out evenly among the processes.
        TrainingError: the disk is full.
        WeightsError: the base weights are not to be had.
    """
    t, table = recipe.train, frequencies or load_frequencies()
    model, tokenizer = base or base_of(recipe)
    lessons = Examples(recipe, side, tokenizer, model.config, table)
    stages = (Stage(1, t.align_steps, 0.0, t.lr_align), Stage(2, t.tune_steps, t.lr_lora, t.lr_projector))
    run = Run(recipe, (model, tokenizer), folder, stages, lessons.batch, side.features, identity(recipe, side))
    if reading:
        take_lora(reading, model)
    if t.probed:
        begin_with_probe(model, tokenizer, side.teacher, recipe.data.labels)
    loss = run.whole(tell, name)
    return Fitted(run.model.train(False), tokenizer, loss)


def identity(recipe: VlmRecipe, side: Side) -> str:
    """Return the name of a fit: the same recipe, photographs, teacher's words and questions."""
    rows = [[r.sha256, r.label, r.group] for r in side.records]
    asked = [[one.id, one.question, one.history, one.answer, one.altered] for one in side.stored]
    word = side.teacher(side.features.pooled([Shown(Picture(r.sha256).key) for r in side.records]))
    told = json.dumps([recipe.sha256, rows, word.round(6).tolist(), asked])
    return hashlib.sha256(told.encode()).hexdigest()


def base_of(recipe: VlmRecipe) -> tuple[MpoxVlm, Any]:
    """Return model and tokenizer that a recipe starts from, the paper's size in 16 bits.

    Raises:
        WeightsError: the base weights are not to be had.
    """
    size = recipe.model.size
    dtype = torch.bfloat16 if size == LARGE else torch.float32
    return build(size, skin=recipe.model.skin or None, dtype=dtype, seed=recipe.train.seed)
