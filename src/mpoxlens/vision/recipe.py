"""A recipe: everything that makes a training run what it is, read from TOML and checked before work begins."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mpoxlens.vision.recipe_file import check, sections

T = TypeVar("T")
STUDY = (  # settings of [bundle] that only the checklist of the report reads
    "collected", "dates", "setting", "outcome", "raters", "sample_size", "ethics", "funding", "registration",
    "involvement", "outlook",
)  # fmt: skip

LATER = ("kept_blocks",)  # not hashed at their default: what was trained before they came is of the same recipe still


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
    """A name of `vision.backbones.FAMILIES`, any name of timm, or "hf:" and a folder or name on the hub."""
    weights: str = "efficientnet-lite0"
    """Base weights: a name in `mpoxlens.weights`, "hub", a file of tensors, or "none" to train from scratch."""
    frozen_blocks: int = 2
    """The stem and this many blocks keep their base weights."""
    size: int = 224
    """Pixels a side of the input; 0 for the network's own."""
    pool: str = "mean"
    """What the head reads: "mean" of all places, or the class "token" of a vision transformer."""
    kept_blocks: int = 0
    """The stem and this many blocks of an EfficientNet are kept, the rest is cut off; 0 keeps all."""

    @classmethod
    def recorded(cls, training: Mapping[str, Any], size: int) -> ModelRecipe:
        """Return what makes the network of a bundle's training record, whose weights a file beside it holds."""
        kept, pool = int(training.get("kept_blocks", 0)), str(training.get("pool", cls.pool))
        return cls(str(training["backbone"]), "none", 0, size, pool, kept)


@dataclass(frozen=True)
class TrainRecipe:
    """[train]"""

    mode: str = "fine-tune"
    """"fine-tune", or "frozen": logistic regression on the features of the base weights."""
    seed: int = 7
    """Of everything random."""
    folds: int = 10
    """Of the cross-validation that calibration and figures rest on."""
    repeats: int = 1
    """Times that the cross-validation is done, each with folds of its own."""
    start: str = "random"
    """What the head starts from: "random", or the "probe" that logistic regression on the frozen features gives."""
    blend: float = 1.0
    """Share of the fine-tuned weights in what is kept, the weights that training started from having the rest."""
    head_epochs: int = 1
    """Epochs in which only the new head learns; batch statistics adapt from the start."""
    unfreeze: int = 0
    """After those, epochs from one stage's thawing to the next, from the output on; 0 thaws all at once."""
    epochs: int = 10
    """Epochs in all."""
    patience: int = 0
    """Stop after this many epochs without a lower validation loss, and keep the best; 0 goes through all epochs."""
    validation: float = 0.1
    """Share of the training side's clusters that early stopping looks at."""
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
    augmentation: str = "harsh"
    """"harsh" or "mild", see `vision.augment`."""
    variants: int = 0
    """Random variants that a photograph comes in, again and again; 0 makes a new one for every draw. With a few, a
    teacher has to look at each but once."""
    ema: float = 0.98
    """Decay of the moving average of the weights, which is what is kept."""
    mixup: float = 0.0
    """Alpha of mixup (Zhang et al. 2018); 0 is off."""
    cutmix: float = 0.0
    """Alpha of CutMix (Yun et al. 2019); 0 is off."""
    inverse_penalty: float = 0.0
    """C of a probe's logistic regression; 0 has it chosen by cross-validation inside the training side."""
    views: int = 1
    """Frozen: variants of each photograph that features are taken of; 1 is the plain photograph alone."""


@dataclass(frozen=True)
class DistilRecipe:
    """[distil]"""

    teachers: tuple[str, ...] = ()
    """Bundle folders, run folders, or "frozen:" and a family of `backbones`; their probabilities are averaged."""
    weight: float = 0.0
    """Share of the teacher's word in the loss, the labels having the rest; 0 is off."""
    temperature: float = 2.0
    """That teacher and student are softened by (Hinton et al. 2015)."""
    feature_weight: float = 0.0
    """Weight of matching the teacher's embedding by cosine, through a linear map that is thrown away afterwards."""
    phantoms: int = 0
    """Drawn photographs that are learned from the teacher alone."""
    unlabelled: float = 0.25
    """Share of a batch that is unlabelled, when there are any."""


@dataclass(frozen=True)
class MaeRecipe:
    """[mae]"""

    mask: float = 0.75
    """Share of the patches that the encoder does not see."""
    decoder_depth: int = 2
    """Blocks of the decoder."""
    decoder_width: int = 256
    """Width of the decoder."""
    epochs: int = 30
    """Epochs in all."""
    batch: int = 32
    """Photographs a step."""
    lr: float = 3e-4
    """Learning rate."""
    normalise_pixels: bool = True
    """Each patch's pixels are standardised before they are compared (He et al. 2022, section 3)."""


@dataclass(frozen=True)
class SearchRecipe:
    """[search]"""

    trials: int = 20
    """Settings tried."""
    inner_folds: int = 3
    """Of the cross-validation inside the training side that a trial is judged by."""
    space: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Setting -> [low, high], [low, high, "log"], or a list of words to choose from."""


@dataclass(frozen=True)
class CompareRecipe:
    """[compare]"""

    backbones: tuple[str, ...] = ()
    """Names of `vision.backbones.FAMILIES`, or recipes."""
    reference: str = ""
    """The one that the others are tested against; the first, when empty."""


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
    limits: tuple[str, ...] = ()
    """Paragraphs of the card's section Limits, in Markdown; without any, it says what holds for every run."""
    weights_licence: str = "not stated"
    """Of the trained weights, for the card."""
    data_licence: str = "not stated"
    """Of the photographs, for the card."""
    # Of the study, in sentences: what the checklist of report.html asks and no run can know. "" leaves it unanswered.
    collected: str = ""  # ahead or afterwards, and by whom
    dates: str = ""
    setting: str = ""  # where, who was eligible, how they were treated
    outcome: str = ""  # how the label was established
    raters: str = ""  # who established it, blinded or not, and how well they agree
    sample_size: str = ""  # how it was arrived at
    ethics: str = ""  # approval and consent
    funding: str = ""  # and conflicts of interest
    registration: str = ""  # and protocol
    involvement: str = ""  # of patients and public
    outlook: str = ""  # what comes next

    @property
    def licences(self) -> dict[str, str]:
        """Licences as the bundle records them; that of the code is this package's."""
        return {"code": "Apache-2.0", "weights": self.weights_licence, "data": self.data_licence}

    @property
    def statements(self) -> dict[str, Any]:
        """What is stated for card and report, as the bundle's training record holds it."""
        study = {name: text for name in STUDY if (text := getattr(self, name))}
        return {"limits": list(self.limits), "study": study}


@dataclass(frozen=True)
class Recipe:
    """A whole recipe."""

    path: Path
    data: DataRecipe = field(default_factory=DataRecipe)
    model: ModelRecipe = field(default_factory=ModelRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    distil: DistilRecipe = field(default_factory=DistilRecipe)
    mae: MaeRecipe = field(default_factory=MaeRecipe)
    search: SearchRecipe = field(default_factory=SearchRecipe)
    compare: CompareRecipe = field(default_factory=CompareRecipe)
    bundle: BundleRecipe = field(default_factory=BundleRecipe)

    @property
    def sha256(self) -> str:
        """Hash of every setting that a fit depends on, and of the reviewers' decisions.

        [bundle], [search] and [compare] are left out: other thresholds may be chosen without training again.
        """
        settings = {name: _hashed(getattr(self, name)) for name in ("data", "model", "train", "distil", "mae")}
        reviews = b"".join(path.read_bytes() for path in self.reviews_paths)
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode() + reviews).hexdigest()

    @property
    def reviews_paths(self) -> tuple[Path, ...]:
        """The decisions files."""
        return tuple(self.path.parent / name for name in self.data.reviews)


def _hashed(section: Any) -> dict[str, Any]:
    default = type(section)()
    return {
        name: value for name, value in asdict(section).items() if name not in LATER or value != getattr(default, name)
    }


SECTIONS: Mapping[str, type[Any]] = {
    "data": DataRecipe,
    "model": ModelRecipe,
    "train": TrainRecipe,
    "distil": DistilRecipe,
    "mae": MaeRecipe,
    "search": SearchRecipe,
    "compare": CompareRecipe,
    "bundle": BundleRecipe,
}


def load(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: it cannot be read, or has an unknown, ill-typed or impossible setting.
    """
    recipe = Recipe(path, **sections(path, SECTIONS))
    _check(recipe)
    return recipe


def _check(recipe: Recipe) -> None:
    d, m, t, b = recipe.data, recipe.model, recipe.train, recipe.bundle
    s, a, h = recipe.distil, recipe.mae, recipe.search
    rules = {
        "data.labels": len(set(d.labels)) == len(d.labels) >= 2,
        "data.positive": d.positive in d.labels,
        "data.without": set(d.without) < set(d.labels) - {d.positive},
        "data.reviews": all(path.is_file() for path in recipe.reviews_paths),
        "model.size": m.size == 0 or 32 <= m.size <= 512,
        "model.frozen_blocks": m.frozen_blocks >= 0,
        "model.kept_blocks": m.kept_blocks >= 0,
        "model.pool": m.pool in ("mean", "token"),
        "train.mode": t.mode in ("fine-tune", "frozen"),
        "train.folds": t.folds >= 2,
        "train.repeats": t.repeats >= 1,
        "train.start": t.start in ("random", "probe"),
        "train.blend": 0 < t.blend <= 1 and (t.blend == 1 or t.start == "probe"),
        "train.unfreeze": t.unfreeze >= 0,
        "train.patience": t.patience >= 0,
        "train.validation": 0 < t.validation < 0.5,
        "train.augmentation": t.augmentation in ("harsh", "mild"),
        "train.variants": t.variants >= 0,
        "train.mixup": 0 <= t.mixup < math.inf,
        "train.cutmix": 0 <= t.cutmix < math.inf,
        "train.inverse_penalty": 0 <= t.inverse_penalty < math.inf,
        "train.views": t.views >= 1,
        "train.epochs": t.epochs > t.head_epochs >= 0,
        "train.batch": t.batch >= 2,
        "train.seed": t.seed >= 0,
        "train.lr": 0 < t.lr < math.inf,
        "train.layer_decay": 0 < t.layer_decay <= 1,
        "train.ema": 0 <= t.ema < 1,
        "train.smoothing": 0 <= t.smoothing < 1,
        "train.weight_decay": 0 <= t.weight_decay < math.inf,
        "distil.weight": 0 <= s.weight <= 1 and (s.weight == 0 or bool(s.teachers)),
        "distil.temperature": 0 < s.temperature < math.inf,
        "distil.feature_weight": 0 <= s.feature_weight < math.inf,
        "distil.phantoms": s.phantoms >= 0,
        "distil.unlabelled": 0 <= s.unlabelled < 1,
        "mae.mask": 0 < a.mask < 1,
        "mae.decoder_depth": a.decoder_depth >= 1,
        "mae.decoder_width": a.decoder_width >= 16,
        "mae.epochs": a.epochs >= 1,
        "mae.batch": a.batch >= 1,
        "mae.lr": 0 < a.lr < math.inf,
        "search.trials": h.trials >= 1,
        "search.inner_folds": h.inner_folds >= 2,
        "bundle.sensitivity": 0 < b.sensitivity <= 1,
        "bundle.alpha": 0 < b.alpha < 0.5,
        "bundle.strange": 0.5 < b.strange < 1,
    }
    check(recipe.path, vars(recipe), rules, "vision/recipe.py")
