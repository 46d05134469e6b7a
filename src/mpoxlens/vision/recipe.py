"""A recipe: everything that makes a training run what it is, read from TOML and checked before work begins."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from mpoxlens.errors import RecipeError

T = TypeVar("T")


@dataclass(frozen=True)
class DataRecipe:
    """[data]"""

    labels: tuple[str, ...] = ("mpox", "chickenpox", "measles", "healthy")
    """Labels, in the order of the logits. Photographs of others are refused."""
    positive: str = "mpox"
    """The label that is asked for."""
    without: tuple[str, ...] = ("healthy",)
    """Labels that calibration leaves out: who asks has a rash, so bare skin must not flatter the figures."""
    reviews: tuple[str, ...] = ()
    """Decisions files of the data set's reviewers, relative to the recipe; of two verdicts the later file's holds."""
    unsure: tuple[str, ...] = ("doubtful_label",)
    """Flags whose photographs are tested on and not learned from."""


@dataclass(frozen=True)
class ModelRecipe:
    """[model]"""

    backbone: str = "tf_efficientnet_lite0"
    """Name of a timm network of the EfficientNet family."""
    weights: str = "efficientnet-lite0"
    """Base weights, a name in `mpoxlens.weights`, or "none" to train from scratch."""
    frozen_blocks: int = 2
    """The stem and this many blocks keep their base weights."""
    size: int = 224
    """Pixels a side of the input."""


@dataclass(frozen=True)
class TrainRecipe:
    """[train]"""

    seed: int = 7
    """Of everything random."""
    folds: int = 5
    """Of the cross-validation that calibration and figures rest on."""
    head_epochs: int = 1
    """Epochs in which only the new head learns; batch statistics adapt from the start."""
    epochs: int = 10
    """Epochs in all."""
    batch: int = 32
    """Photographs a step."""
    lr: float = 1e-3
    """Learning rate of the head; deeper blocks learn slower, see `layer_decay`."""
    layer_decay: float = 0.8
    """Each block nearer to the input learns at this share of the next one's rate."""
    weight_decay: float = 0.05
    """Of AdamW."""
    smoothing: float = 0.05
    """Label smoothing."""
    ema: float = 0.98
    """Decay of the moving average of the weights, which is what is kept."""


@dataclass(frozen=True)
class BundleRecipe:
    """[bundle]"""

    name: str = "lite0"
    """Name that the clinic shows."""
    version: str = "1"
    """Version that the clinic shows."""
    sensitivity: float = 0.9
    """The operating point is the highest threshold that keeps this sensitivity out of fold."""
    alpha: float = 0.1
    """Share of each class that its prediction set may miss."""
    strange: float = 0.97
    """This share of the photographs of a rash lies within the out-of-distribution threshold, out of fold."""


@dataclass(frozen=True)
class Recipe:
    """A whole recipe."""

    path: Path
    data: DataRecipe = field(default_factory=DataRecipe)
    model: ModelRecipe = field(default_factory=ModelRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    bundle: BundleRecipe = field(default_factory=BundleRecipe)

    @property
    def sha256(self) -> str:
        """Hash of every setting that a fit depends on, and of the reviewers' decisions.

        [bundle] is left out: other thresholds may be chosen without training again.
        """
        settings = {name: asdict(getattr(self, name)) for name in ("data", "model", "train")}
        reviews = b"".join(path.read_bytes() for path in self.reviews_paths)
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode() + reviews).hexdigest()

    @property
    def reviews_paths(self) -> tuple[Path, ...]:
        """The decisions files."""
        return tuple(self.path.parent / name for name in self.data.reviews)


def load(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: it cannot be read, or has an unknown, ill-typed or impossible setting.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(str(path), f"cannot be read ({error.strerror})", "name a file of recipes/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), f"not TOML ({error})", "correct it") from None
    sections = {"data": DataRecipe, "model": ModelRecipe, "train": TrainRecipe, "bundle": BundleRecipe}
    _check_names(path, "section", set(content), set(sections))
    recipe = Recipe(path, **{name: _section(path, name, sections[name], content[name]) for name in content})
    _check(recipe)
    return recipe


def _section(path: Path, name: str, kind: type[T], values: Mapping[str, Any]) -> T:
    if not isinstance(values, Mapping):
        raise RecipeError(f"{path}: {name}", "a section is needed", f"write [{name}] above its settings")
    defaults = {f.name: getattr(kind(), f.name) for f in fields(kind)}  # type: ignore[arg-type]
    _check_names(path, f"setting of [{name}]", set(values), set(defaults))
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    for key, value in given.items():
        wanted = type(defaults[key])
        words = wanted is not tuple or all(isinstance(v, str) for v in value)
        if not words or (type(value) is not wanted and not (wanted is float and type(value) is int)):
            raise RecipeError(f"{path}: {name}.{key} = {value!r}", f"a {wanted.__name__} is needed", "correct it")
    return kind(**given)


def _check_names(path: Path, what: str, given: set[str], known: set[str]) -> None:
    for name in sorted(given - known):
        close = difflib.get_close_matches(name, known, 1)
        mend = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
        raise RecipeError(f"{path}: {name!r}", f"no such {what}", mend)


def _check(recipe: Recipe) -> None:
    d, m, t, b = recipe.data, recipe.model, recipe.train, recipe.bundle
    rules = {
        "data.labels": len(set(d.labels)) == len(d.labels) >= 2,
        "data.positive": d.positive in d.labels,
        "data.without": set(d.without) < set(d.labels) - {d.positive},
        "data.reviews": all(path.is_file() for path in recipe.reviews_paths),
        "model.size": m.size % 32 == 0 and 32 <= m.size <= 512,
        "model.frozen_blocks": m.frozen_blocks >= 0,
        "train.folds": t.folds >= 2,
        "train.epochs": t.epochs > t.head_epochs >= 0,
        "train.batch": t.batch >= 2,
        "train.seed": t.seed >= 0,
        "train.lr": 0 < t.lr < math.inf,
        "train.layer_decay": 0 < t.layer_decay <= 1,
        "train.ema": 0 <= t.ema < 1,
        "train.smoothing": 0 <= t.smoothing < 1,
        "train.weight_decay": 0 <= t.weight_decay < math.inf,
        "bundle.sensitivity": 0 < b.sensitivity <= 1,
        "bundle.alpha": 0 < b.alpha < 0.5,
        "bundle.strange": 0.5 < b.strange < 1,
    }
    for name, holds in rules.items():
        if not holds:
            section, key = name.split(".")
            value = getattr(getattr(recipe, section), key)
            raise RecipeError(
                f"{recipe.path}: {name} = {value!r}", "impossible", "see vision/recipe.py for its meaning"
            )
