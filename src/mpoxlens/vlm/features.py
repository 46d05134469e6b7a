"""What the two frozen encoders see of each picture, computed once and kept for every fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.tables import Row, fill
from mpoxlens.errors import DataError, PhotoError
from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Floats, Pixels
from mpoxlens.vision.augment import STRENGTHS, augment
from mpoxlens.vision.backbones.families import CLIP, IMAGENET
from mpoxlens.vision.data import reduced
from mpoxlens.vlm.config import MpoxVlmConfig
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.instructions.pictures import pixels_of
from mpoxlens.vlm.model import MpoxVlm

_SCHEMA = pa.schema(
    [("key", pa.string()), ("photo", pa.binary()), ("skin", pa.binary()), ("problem", pa.string())]
)  # float16, as it lies in memory

Halves: TypeAlias = NDArray[np.float16]


@dataclass(frozen=True)
class Picture:
    """What is shown: a reference as in `Instruction`, and what is done to it."""

    sha256: str
    altered: str = ""

    @classmethod
    def of(cls, one: Instruction) -> Picture:
        """Return the picture of a question."""
        return cls(one.sha256, one.altered)

    @property
    def key(self) -> str:
        """The name of the row."""
        return f"{self.sha256} {self.altered}".strip()

    @property
    def varied(self) -> bool:
        """Whether it has random variants; of what is drawn or damaged, a variant would make the answers untrue."""
        return ":" not in self.sha256 and not self.altered


@dataclass(frozen=True)
class Shown:
    """A view of a picture, or two of them laid over each other as far as the encoders see."""

    key: str  # `Picture.key`
    view: int = 0
    other: Shown | None = None
    share: float = 0.0  # of the other


@dataclass(frozen=True, eq=False)
class VisualFeatures:
    """Features of every picture; the first view is the plain picture."""

    photo: Mapping[str, Halves]  # [V, T, D] of CLIP by `Picture.key`
    skin: Mapping[str, Halves]  # [V, T, D] of the skin expert
    class_token: bool = False  # whether the first place is that of CLIP's class token
    blind: str = ""  # "photo" or "skin": the part that `batch` gives as zeros

    def views(self, key: str) -> int:
        """Return how many views a picture has."""
        return len(self.photo[key])

    def batch(self, shown: Sequence[Shown]) -> dict[str, Tensor]:
        """Return photo_features and skin_features [B, T, D] as `MpoxVlm` takes them."""
        return {
            f"{part}_features": torch.from_numpy(np.stack([_seen(kept, one) for one in shown])) * (part != self.blind)
            for part, kept in (("photo", self.photo), ("skin", self.skin))
        }

    def pooled(self, shown: Sequence[Shown]) -> Floats:
        """Return one feature [N, D] a picture: CLIP's class token, the mean over places without it."""
        seen = (_seen(self.photo, one) for one in shown)
        return np.stack([one[0] if self.class_token else one.mean(axis=0) for one in seen])


def _seen(kept: Mapping[str, Halves], shown: Shown) -> Floats:
    """Return features [T, D]."""
    own: Floats = kept[shown.key][shown.view].astype(np.float32)
    if shown.other is None:
        return own
    return np.asarray((1 - shown.share) * own + shown.share * _seen(kept, shown.other), np.float32)


def preprocess_of(config: MpoxVlmConfig) -> tuple[Preprocess, Preprocess]:
    """Return how a photograph becomes the input of CLIP and of the skin expert."""
    return Preprocess(config.photo_size, *CLIP), Preprocess(config.skin_size, *IMAGENET)


def visual_features(
    model: MpoxVlm,
    pictures: Sequence[Picture],
    paths: Mapping[str, Path],
    path: Path,
    *,
    views: int = 3,
    strength: str = "harsh",
    seed: int = 0,
    tell: Tell = silent,
) -> VisualFeatures:
    """Return what both encoders see of each picture; a run that was stopped goes on.

    Args:
        model: with its base weights; nothing of it is changed.
        pictures: may hold one several times.
        paths: the file of each photograph's sha256, as `Manifest.paths`.
        path: a Parquet file that keeps the features.
        views: of a photograph: it, and this many less one random variants (`augment`), each a function of seed, view
            and sha256. What is drawn or damaged has one view.
        strength: "harsh" or "mild".
        seed: of the variants.
        tell: told how far it is.

    Raises:
        DataError: a picture cannot be read or drawn.
    """
    wanted = {one.key: one for one in pictures}
    eyes = _Eyes(model, *preprocess_of(model.config), strength, seed)

    def row(key: str) -> Row:
        one = wanted[key]
        try:
            photo, skin = eyes(one, pixels_of(one.sha256, one.altered, paths), views if one.varied else 1)
        except PhotoError as error:
            return {"key": key, "problem": str(error)}
        return {"key": key, "photo": photo.tobytes(), "skin": skin.tobytes(), "problem": ""}

    path.parent.mkdir(parents=True, exist_ok=True)
    version = _version(model, views, strength, seed)
    table = fill(path, list(wanted), row, _SCHEMA, version=version, stage="looking at pictures", tell=tell)
    for key, problem in zip(table["key"].to_pylist(), table["problem"].to_pylist(), strict=True):
        if problem:
            raise DataError(f"picture {key}", problem, "ingest the photographs and make the questions again")
    return _read(table, model.config)


@dataclass(frozen=True, eq=False)
class _Eyes:
    """Both encoders."""

    model: MpoxVlm
    photo: Preprocess
    skin: Preprocess
    strength: str
    seed: int

    def __call__(self, one: Picture, pixels: Pixels, views: int) -> tuple[Halves, Halves]:
        """Return features [V, T, D] of a picture [H, W, 3]."""
        seen = [pixels, *(self._variant(one, reduced(pixels), view) for view in range(1, views))]
        with torch.inference_mode(), torch.autocast(self.model.device.type, torch.bfloat16, enabled=_fast(self.model)):
            photo = self.model.encode_photo(self._inputs(seen, self.photo))
            skin = self.model.encode_skin(self._inputs(seen, self.skin))
        return _halves(photo), _halves(skin)

    def _variant(self, one: Picture, pixels: Pixels, view: int) -> Pixels:
        rng = np.random.default_rng((self.seed, view, int(one.sha256, 16)))
        return augment(pixels, max(self.photo.size, self.skin.size), rng, STRENGTHS[self.strength])

    def _inputs(self, seen: Sequence[Pixels], spec: Preprocess) -> Tensor:
        return torch.from_numpy(np.stack([spec(pixels) for pixels in seen])).to(self.model.device)


def _fast(model: MpoxVlm) -> bool:
    """Whether the processor multiplies bfloat16 itself."""
    return model.device.type == "cuda" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _halves(features: Tensor) -> Halves:
    return np.asarray(features.float().cpu().numpy().astype(np.float16))


def _version(model: MpoxVlm, views: int, strength: str, seed: int) -> str:
    """Name whatever the features depend on besides the picture; the language model is none of it."""
    c, base = model.config, model.config.base_weights or {}
    encoders = [base.get(part, base.get("random", "")) for part in ("photo", "skin")]
    shape = (c.photo_layer, c.photo_grid, c.skin_grid, c.class_tokens, c.photo_size, c.skin_size)
    variants = (views, strength, seed) if views > 1 else (1,)
    return " ".join(str(part) for part in (*encoders, *shape, *variants, "bf16" if _fast(model) else "fp32"))


def _read(table: pa.Table, config: MpoxVlmConfig) -> VisualFeatures:
    depths = {"photo": config.photo_config.hidden_size, "skin": config.skin_config.hidden_size}  # type: ignore[union-attr]
    found = {
        part: {
            key: np.frombuffer(bytes_, np.float16).reshape(-1, config.tokens(part), depth)
            for key, bytes_ in zip(table["key"].to_pylist(), table[part].to_pylist(), strict=True)
        }
        for part, depth in depths.items()
    }
    return VisualFeatures(found["photo"], found["skin"], config.class_tokens)
