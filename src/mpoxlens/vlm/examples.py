"""The examples that a fit learns from, batch after batch, each a function of the seed and its place alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.rules import Doubles
from mpoxlens.schema import ClinicalInfo, ImageRecord
from mpoxlens.vlm.config import MpoxVlmConfig
from mpoxlens.vlm.features import Picture, VisualFeatures
from mpoxlens.vlm.frequencies import Frequencies
from mpoxlens.vlm.instructions.histories import POSITIVE, Source, told
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.instructions.photographs import BARE
from mpoxlens.vlm.instructions.templates import Asked, ask
from mpoxlens.vlm.posterior import posterior
from mpoxlens.vlm.prompts import IGNORED, Turn, conversation, training_ids
from mpoxlens.vlm.recipe import VlmRecipe
from mpoxlens.vlm.words import WORDINGS, history_text

T = TypeVar("T")

_PHOTOGRAPHS, _STORED, _ORDER, _FRESH, _VIEW = range(5)  # streams of random numbers


@dataclass(frozen=True)
class Example:
    """A question with its answer as tokens."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]  # IGNORED where nothing is learned
    picture: str  # `Picture.key`
    view: int
    first: int = -1  # place of the "Yes" or "No" that the answer begins with; -1 where mpox is not asked for
    target: float = 0.0  # what P(yes) shall be there


@dataclass(frozen=True, eq=False)
class Side:
    """What a fit may see: photographs, what the teacher says of each, and the question-answer set without any other."""

    records: tuple[ImageRecord, ...]
    word: Doubles  # [N, C] the teacher's probabilities, in the order of the recipe's labels
    stored: tuple[Instruction, ...]
    features: VisualFeatures = field(repr=False)


def side_of(
    records: Sequence[ImageRecord], word: Doubles, stored: Sequence[Instruction], features: VisualFeatures
) -> Side:
    """Return the training side of some photographs: of the stored questions those about them and about drawings.

    Questions after the diagnosis are left out, since each epoch draws new ones, and held-out wordings are.
    """
    known = {record.sha256 for record in records}
    kept = (one for one in stored if one.split == "train" and one.kind != "diagnosis")
    return Side(tuple(records), word, tuple(o for o in kept if o.sha256 in known or ":" in o.sha256), features)


class Examples:
    """Every batch of a fit by its number, so that a resumed fit sees what an unbroken one does.

    Raises:
        DataError: a label of the recipe has no frequencies, or there is nothing to learn from.
    """

    def __init__(
        self, recipe: VlmRecipe, side: Side, tokenizer: Any, config: MpoxVlmConfig, frequencies: Frequencies
    ) -> None:
        t = recipe.train
        for label in recipe.data.labels:
            if label not in frequencies.diseases:
                why = "the table of frequencies has no histories of it"
                raise DataError(f"label {label}", why, "remove it from data.labels of the recipe")
        self.recipe, self.side, self.tokenizer, self.config, self.frequencies = t, side, tokenizer, config, frequencies
        self.labels = recipe.data.labels
        self.rashes = [label for label in self.labels if label not in recipe.data.without]
        size = t.batch * t.window
        self.fresh_each = round(t.diagnosis * size) if side.stored else size  # of a window
        self.stored_each = size - self.fresh_each
        if not side.records and self.fresh_each:
            raise DataError("the training side", "it has no photograph", "ingest some")
        self.source = Source(frequencies, t.profile, {})
        self.window: tuple[int, list[list[Example]]] = (-1, [])

    def batch(self, step: int) -> list[Example]:
        """Return the examples of a step, counted from 0 through both stages."""
        number, place = divmod(step, self.recipe.window)
        if self.window[0] != number:
            self.window = (number, self._window(number))
        return self.window[1][place]

    def _window(self, number: int) -> list[list[Example]]:
        """Draw some batches at once, each of examples of like length, in random order."""
        size, fresh, stored = self.recipe.batch, self.fresh_each, self.stored_each
        drawn = [self.fresh(*self._nth(number * fresh + i, len(self.side.records), _PHOTOGRAPHS)) for i in range(fresh)]
        drawn += [self.stored(*self._nth(number * stored + i, len(self.side.stored), _STORED)) for i in range(stored)]
        drawn.sort(key=lambda one: len(one.ids))
        order = self._rng(_ORDER, number).permutation(self.recipe.window)
        return [drawn[size * i : size * (i + 1)] for i in order]

    def _nth(self, index: int, count: int, stream: int) -> tuple[int, int]:
        """Return epoch and place of the draw of a number: every epoch goes through all, in an order of its own."""
        epoch, place = divmod(index, count)
        return epoch, int(self._rng(stream, epoch).permutation(count)[place])

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng((self.recipe.seed, *stream))

    def fresh(self, epoch: int, index: int) -> Example:
        """Return a question after the diagnosis of a photograph, with a new history or none."""
        record, word = self.side.records[index], self.side.word[index]
        rng = self._rng(_FRESH, epoch, int(record.sha256[:15], 16))
        disease, info = self._history(record, rng)
        asked = _asked(record, rng)
        text = history_text(info, int(rng.integers(len(WORDINGS))))
        key = Picture(record.sha256).key
        view = int(rng.integers(self.side.features.views(key)))
        ids, labels = self._tokens(asked.question, text, asked.answer)
        first = _first(labels)
        if disease != record.label:  # the words would be those of the photograph alone
            labels = tuple(label if place == first else IGNORED for place, label in enumerate(labels))
        return Example(ids, labels, key, view, first, self._target(record, word, info, disease))

    def _history(self, record: ImageRecord, rng: np.random.Generator) -> tuple[str, ClinicalInfo]:
        """Draw a history, and say whose it is."""
        if rng.random() < self.recipe.no_history:
            return record.label, ClinicalInfo()
        others = [label for label in self.rashes if label != record.label]
        disease = str(rng.choice(others)) if rng.random() < self.recipe.mismatched else record.label
        return disease, told(disease, int(rng.integers(2**31)), self.source).info

    def stored(self, epoch: int, index: int) -> Example:
        """Return a question of the set."""
        one = self.side.stored[index]
        key = Picture.of(one).key
        views = 1 if one.kind == "quality" else self.side.features.views(key)  # a variant has another quality
        view = int(self._rng(_VIEW, epoch, index).integers(views))
        return Example(*self._tokens(one.question, one.history, one.answer), key, view)

    def _tokens(self, question: str, history: str, answer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        turns = [*conversation(question, history), Turn("assistant", answer)]
        ids, labels = training_ids(turns, self.tokenizer, self.config)
        return tuple(ids), tuple(labels)

    def _target(self, record: ImageRecord, word: Doubles, info: ClinicalInfo, disease: str) -> float:
        prior: Mapping[str, float] = dict(zip(self.labels, word.tolist(), strict=True))
        combined = posterior(info, prior, self.frequencies, self.recipe.profile)[POSITIVE]
        soft = self.recipe.soft if disease == record.label else 1.0
        return soft * combined + (1 - soft) * (record.label == POSITIVE)


def _asked(record: ImageRecord, rng: np.random.Generator) -> Asked:
    """Ask in a wording that is not kept for testing."""
    case = record.label if record.label in (POSITIVE, BARE) else "other"
    while True:
        topic = "diagnosis.mpox" if rng.random() < 0.7 else "diagnosis.differential"  # as in the set
        asked = ask(topic, case, rng, label=record.label.replace("_", " "))
        if asked.split == "train":
            return asked


def _first(labels: Sequence[int]) -> int:
    """Return the place of the first token of the answer."""
    return next(place for place, label in enumerate(labels) if label != IGNORED)
