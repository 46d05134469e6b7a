"""A recipe of the language-vision model, read from TOML and checked before work begins."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mpoxlens.vision import recipe as vision
from mpoxlens.vision.recipe import DataRecipe
from mpoxlens.vision.recipe_file import check, sections
from mpoxlens.vlm.config import SIZES


@dataclass(frozen=True)
class ModelRecipe:
    """[model]"""

    size: str = "mini"
    """"mini", "7b", or "tiny", which is random."""
    skin: str = ""
    """Of "mini": another file of the skin expert, such as the encoder.safetensors of `mpoxlens mae`."""
    rank: int = 16
    """Of LoRA."""
    alpha: float = 32.0
    """Scale of LoRA: its update counts alpha / rank."""
    dropout: float = 0.0
    """Before LoRA."""


@dataclass(frozen=True)
class TrainRecipe:
    """[train]"""

    seed: int = 7
    """Of everything random."""
    folds: int = 5
    """Of the cross-validation; the clusters are dealt out as `mpoxlens crossval` does with the same seed."""
    batch: int = 8
    """Examples a step."""
    views: int = 3
    """The plain photograph and this many less one random variants, whose features are computed once."""
    augmentation: str = "harsh"
    """"harsh" or "mild", see `vision.augment`."""
    read_steps: int = 400
    """Of stage 0, in which LoRA learns from histories without a photograph; once for all folds."""
    lr_read: float = 1e-3
    """Learning rate of LoRA in stage 0."""
    probed: bool = True
    """Whether CLIP's projector begins with the teacher's probe, see `vlm.beginning`."""
    align_steps: int = 150
    """Of stage 1, in which the projectors alone learn."""
    tune_steps: int = 400
    """Of stage 2, in which LoRA and the projectors learn."""
    lr_align: float = 1e-3
    """Learning rate of the projectors in stage 1."""
    lr_lora: float = 2e-4
    """Learning rate of LoRA in stage 2."""
    lr_projector: float = 2e-5
    """Learning rate of the projectors in stage 2."""
    warm_up: float = 0.03
    """Share of a stage's steps in which the rate rises."""
    weight_decay: float = 0.0
    """Of AdamW."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    diagnosis: float = 0.7
    """Share of the examples that ask whether it is mpox; the others are those of the question-answer set."""
    no_history: float = 0.35
    """Share of the former that come without any history."""
    mismatched: float = 0.3
    """Share of the histories that are drawn for another rash than the photograph's, so that there must be two in
    data.labels: only where the two disagree does
    it show that both count. What a yes is worth is then the exact combination alone, and no word of the answer is
    learned."""
    mixed: float = 0.5
    """Share of the photographs that another of another label is laid over, as far as the encoders see. Of what it
    learned from, the teacher is sure, and where it is sure no history counts; of such mixtures it is not, and what it
    says of them is exact. No word of the answer is learned there either."""
    plain: float = 0.7
    """Share of the histories that are worded as `ask` words them; the others in any wording."""
    soft: float = 0.7
    """Share of the exact combination of a teacher's word and the history in what a yes is worth; the label has the
    rest."""
    blind: str = ""
    """"photo" or "skin": the encoder that the language model is shown nothing of, to see what it is worth."""
    inverse_penalty: float = 0.0
    """C of the teacher's logistic regression; 0 has it chosen by cross-validation inside what it learns from."""
    weight_answer: float = 2.0
    """Weight of how an answer begins, and of the yes or no, against its words."""
    so_far: float = 2.0
    """Weight of what P(yes) shall be after each answer of a history, all together, against that of the last."""
    profile: str = "2022"
    """Of the frequencies that histories are drawn from."""
    window: int = 16
    """Batches that are drawn together and sorted by length, which saves padding."""
    checkpoint_steps: int = 25
    """Steps from one checkpoint to the next."""


@dataclass(frozen=True)
class RulesRecipe:
    """[rules]"""

    sensitivity: float = 0.9
    """That the operating point keeps among out-of-fold photographs of a rash."""
    alpha: float = 0.07
    """Share of a class that may fall outside its own prediction set."""


@dataclass(frozen=True)
class VlmRecipe:
    """A whole recipe."""

    path: Path
    data: DataRecipe = field(default_factory=DataRecipe)
    model: ModelRecipe = field(default_factory=ModelRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    rules: RulesRecipe = field(default_factory=RulesRecipe)

    @property
    def sha256(self) -> str:
        """Hash of every setting that a fit depends on; [rules] is left out."""
        settings = {name: asdict(getattr(self, name)) for name in ("data", "model", "train")}
        settings["train"].pop("checkpoint_steps")
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    @property
    def reading_sha256(self) -> str:
        """Hash of every setting that stage 0 depends on: whatever the others do, it need not be done again."""
        shared = (
            "seed",
            "batch",
            "window",
            "warm_up",
            "weight_decay",
            "clip",
            "weight_answer",
            "so_far",
            "profile",
            "plain",
        )
        train = {name: getattr(self.train, name) for name in (*shared, "read_steps", "lr_read")}
        settings = [self.data.labels, self.data.without, asdict(self.model) | {"skin": ""}, train]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    @property
    def folding(self) -> vision.Recipe:
        """The recipe by which `vision` deals out the same folds, fits the teacher and checks the skin expert."""
        t = self.train
        train = vision.TrainRecipe(seed=t.seed, folds=t.folds, inverse_penalty=t.inverse_penalty)
        return vision.Recipe(self.path, self.data, vision.ModelRecipe(weights=self.model.skin or "none"), train)


SECTIONS: Mapping[str, type[Any]] = {
    "data": DataRecipe,
    "model": ModelRecipe,
    "train": TrainRecipe,
    "rules": RulesRecipe,
}


def load(path: Path) -> VlmRecipe:
    """Read a recipe.

    Raises:
        RecipeError: it cannot be read, or has an unknown, ill-typed or impossible setting.
    """
    recipe = VlmRecipe(path, **sections(path, SECTIONS))
    _check(recipe)
    return recipe


def _check(recipe: VlmRecipe) -> None:
    d, m, t = recipe.data, recipe.model, recipe.train
    rules = {
        "data.labels": len(set(d.labels)) == len(d.labels) >= 2,
        "data.positive": d.positive in d.labels and d.positive == "mpox",  # what the questions ask for
        "data.reviews": not d.reviews,  # a workspace has them already
        "model.size": m.size in SIZES,
        "model.skin": not m.skin or m.size == "mini",
        "model.rank": m.rank >= 1,
        "model.alpha": 0 < m.alpha < math.inf,
        "model.dropout": 0 <= m.dropout < 1,
        "train.seed": t.seed >= 0,
        "train.folds": t.folds >= 2,
        "train.augmentation": t.augmentation in ("harsh", "mild"),
        "train.blind": t.blind in ("", "photo", "skin"),
        "train.warm_up": 0 <= t.warm_up < 1,
        "train.read_steps": t.read_steps >= 0,
        "train.align_steps": t.align_steps >= 0,
        **{f"train.{name}": getattr(t, name) >= 1 for name in ("tune_steps", "batch", "views", "window")},
        "train.checkpoint_steps": t.checkpoint_steps >= 1,
        **{
            f"train.{name}": 0 < getattr(t, name) < math.inf
            for name in ("lr_read", "lr_align", "lr_lora", "lr_projector", "clip")
        },
        **{
            f"train.{name}": 0 <= getattr(t, name) < math.inf
            for name in ("weight_decay", "weight_answer", "so_far", "inverse_penalty")
        },
        **{
            f"train.{name}": 0 <= getattr(t, name) <= 1
            for name in ("diagnosis", "no_history", "mixed", "plain", "soft")
        },
        "train.mismatched": t.mismatched == 0 or (0 < t.mismatched <= 1 and len(set(d.labels) - set(d.without)) >= 2),
        "rules.sensitivity": 0 < recipe.rules.sensitivity <= 1,
        "rules.alpha": 0 < recipe.rules.alpha < 0.5,
    }
    check(recipe.path, vars(recipe), rules, "vlm/recipe.py")
