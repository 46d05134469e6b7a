"""The language-vision model by ONNX Runtime: no torch, less memory, and words as soon as they are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from mpoxlens.schema import Floats, Photo
from mpoxlens.vlm.fast.files import LANGUAGE, PHOTO, SKIN, TOKENIZER, Layout, Table, read_layout
from mpoxlens.vlm.fast.tape import Tape
from mpoxlens.vlm.fast.words import Words
from mpoxlens.vlm.prompts import conversation, prompt_ids
from mpoxlens.vlm.reader import MOST


@dataclass(frozen=True, eq=False)
class FastSeen:
    """A photograph's visual tokens, and what was read after them."""

    embedding: Floats  # [D]
    visual: dict[int, Floats]  # [T, W] by the id of their place holder
    tape: Tape


class FastReader:
    """A `Reader` of a folder of fast files.

    Args:
        folder: as `export.write_files` leaves it.
        threads: of a run; 0 takes every core.

    Raises:
        WeightsError: a file is missing or damaged.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.config = read_layout(folder)
        self.versions = {"onnxruntime": onnxruntime.__version__}
        self.tokenizer = _tokenizer(folder / TOKENIZER, self.config)
        self._end = self.tokenizer.eos_token_id
        self.inputs = self.config.preprocess()
        self._photo, self._skin, self._language = (_session(folder / name, threads) for name in (PHOTO, SKIN, LANGUAGE))
        self._words = Words(folder, Table(**self.config.words))
        self._system = self._first()

    def see(self, photo: Photo) -> FastSeen:
        """Look at a photograph."""
        clip, skin = (spec(photo.pixels)[None] for spec in self.inputs)
        features, tokens = self._photo.run(["features", "tokens"], {"pixels": clip})  # [1, T, D], [1, T, W]
        expert = self._skin.run(["tokens"], {"pixels": skin})[0]
        tape = Tape(self._language, self.config.positions)
        tape.start_as(self._system)
        row = features[0, 0] if self.config.class_tokens else features[0].mean(axis=0)
        visual = {self.config.photo_token_id: tokens[0], self.config.skin_token_id: expert[0]}
        return FastSeen(row, visual, tape)

    def first_logits(self, ids: Sequence[int], seen: FastSeen) -> Floats:
        """Return the logits [V] of the token after `ids`."""
        return seen.tape.read(ids, lambda new: self._embedded(new, seen.visual))

    def write(
        self, ids: Sequence[int], seen: FastSeen, most: int = MOST, *, temperature: float = 0.0, seed: int = 0
    ) -> Iterator[str]:
        """Yield an answer piece by piece, the likeliest at temperature 0; who stops reading stops the model."""
        rng = np.random.default_rng(seed)
        said: list[int] = []
        shown = ""
        while len(said) < min(most, self.config.positions - len(ids)):
            one = _chosen(self.first_logits([*ids, *said], seen), temperature, rng)
            if one == self._end:
                return
            said.append(one)
            text = self.tokenizer.decode(said, skip_special_tokens=True)
            if not text.endswith("\ufffd"):  # of a letter of several tokens, the first are none
                yield text[len(shown) :]
                shown = text

    def _embedded(self, ids: Sequence[int], visual: dict[int, Floats]) -> Floats:
        places = np.asarray(ids)
        seen = np.isin(places, list(visual))
        found = self._words(np.where(seen, 0, places))
        for token, embeddings in visual.items():
            if (places == token).any():
                found[places == token] = embeddings
        return found

    def _first(self) -> Tape:
        """Return a tape of what stands before the photograph in every talk."""
        ids = prompt_ids(conversation("?"), self.tokenizer, self.config)  # type: ignore[arg-type]
        tape = Tape(self._language, self.config.positions)
        tape.read(ids[: ids.index(self.config.photo_token_id)], self._words)
        return tape


def _chosen(logits: Floats, temperature: float, rng: np.random.Generator) -> int:
    if temperature <= 0:
        return int(logits.argmax())
    scaled = (logits - logits.max()).astype(np.float64) / temperature
    shares = np.exp(scaled)
    return int(rng.choice(len(shares), p=shares / shares.sum()))


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _tokenizer(path: Path, layout: Layout) -> Any:
    from transformers import PreTrainedTokenizerFast

    kind: Any = PreTrainedTokenizerFast
    return kind(tokenizer_file=str(path), chat_template=layout.chat_template, **layout.special)
