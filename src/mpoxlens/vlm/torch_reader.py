"""The language-vision model by torch, for sizes that have no fast files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from mpoxlens.schema import Floats, Photo
from mpoxlens.vlm.features import preprocess_of
from mpoxlens.vlm.generate import batch_of, first_logits, stream
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.reader import MOST


@dataclass(frozen=True, eq=False)
class TorchSeen:
    """Features of both encoders, [1, T, D] each, as `MpoxVlm` takes them."""

    features: dict[str, Tensor]
    embedding: Floats  # [D]


class TorchReader:
    """A `Reader` of a model that is in evaluation mode, as `build` and `load_adapter` leave it."""

    def __init__(self, model: MpoxVlm, tokenizer: Any) -> None:
        self.model, self.tokenizer, self.config = model, tokenizer, model.config
        self.versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        self.inputs = preprocess_of(model.config)

    @torch.inference_mode()
    def see(self, photo: Photo) -> TorchSeen:
        """Look at a photograph."""
        clip, skin = (torch.from_numpy(spec(photo.pixels))[None].to(self.model.device) for spec in self.inputs)
        seen = self.model.encode_photo(clip)  # [1, T, D]
        row = seen[0, 0] if self.config.class_tokens else seen[0].mean(0)
        features = {"photo_features": seen, "skin_features": self.model.encode_skin(skin)}
        return TorchSeen(features, np.asarray(row.float().cpu().numpy()))

    def first_logits(self, ids: Sequence[int], seen: TorchSeen) -> Floats:
        """Return the logits [V] of the token after `ids`."""
        return np.asarray(first_logits(self.model, self._batch(ids, seen))[0].float().cpu().numpy())

    def write(self, ids: Sequence[int], seen: TorchSeen, most: int = MOST) -> Iterator[str]:
        """Yield the likeliest answer piece by piece; who stops reading stops the model."""
        return stream(self.model, self.tokenizer, self._batch(ids, seen), most=most)

    def _batch(self, ids: Sequence[int], seen: TorchSeen) -> dict[str, Tensor]:
        pad = self.tokenizer.pad_token_id
        text = batch_of([ids], self.tokenizer.eos_token_id if pad is None else pad)
        return {name: value.to(self.model.device) for name, value in (text | seen.features).items()}
