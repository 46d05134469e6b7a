"""Histories without a photograph, from which the language model learns what answers are worth before it sees any."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpoxlens.vlm.config import MpoxVlmConfig
from mpoxlens.vlm.examples import Batches, Example
from mpoxlens.vlm.frequencies import Frequencies
from mpoxlens.vlm.instructions.histories import POSITIVE, UNKNOWN
from mpoxlens.vlm.instructions.templates import ask
from mpoxlens.vlm.partial import heard, points_of
from mpoxlens.vlm.prompts import IGNORED, conversation, prompt_ids
from mpoxlens.vlm.recipe import VlmRecipe
from mpoxlens.vlm.vignettes import from_seed
from mpoxlens.vlm.words import draw_wording, history_text

_STREAM = 10  # of random numbers; `examples` has those before


class Readings:
    """Every batch of stage 0 by its number: histories of rashes, half of them of mpox, and nothing to be said."""

    def __init__(self, recipe: VlmRecipe, tokenizer: Any, config: MpoxVlmConfig, frequencies: Frequencies) -> None:
        self.train, self.tokenizer, self.config, self.frequencies = recipe.train, tokenizer, config, frequencies
        others = [label for label in recipe.data.labels if label not in (POSITIVE, *recipe.data.without)]
        self.prior = {POSITIVE: 0.5} | dict.fromkeys(others, 0.5 / len(others))
        self.batch = Batches(self.train, self._window)

    def _window(self, number: int) -> list[Example]:
        size = self.train.batch * self.train.window
        return [self._history(np.random.default_rng((self.train.seed, _STREAM, number, i))) for i in range(size)]

    def _history(self, rng: np.random.Generator) -> Example:
        disease = str(rng.choice(list(self.prior), p=list(self.prior.values())))
        unknown = float(rng.choice(UNKNOWN[:-1]))  # of a history without any answer there is nothing to read
        seed, profile = int(rng.integers(2**31)), self.train.profile
        info = from_seed(disease, seed, self.frequencies, profile=profile, unknown=unknown).info
        wording = draw_wording(rng, self.train.plain)
        text = history_text(info, wording)
        turns = conversation(_question(rng), text, shown=False)
        ids = prompt_ids(turns, self.tokenizer, self.config)
        said = heard(info, wording, self.prior, self.frequencies, profile)
        points = points_of(turns, text, said, self.train.so_far, self.tokenizer, self.config)
        return Example(tuple(ids), (IGNORED,) * len(ids), points=points)


def _question(rng: np.random.Generator) -> str:
    """Ask in a wording that is not kept for testing."""
    while True:
        asked = ask("diagnosis.mpox", POSITIVE, rng)
        if asked.split == "train":
            return asked.question
