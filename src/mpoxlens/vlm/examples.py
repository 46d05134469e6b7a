"""The examples that a fit learns from, batch after batch, each a function of the seed and its place alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.schema import ClinicalInfo, ImageRecord
from mpoxlens.vlm.config import MpoxVlmConfig
from mpoxlens.vlm.features import Picture, Shown, VisualFeatures
from mpoxlens.vlm.frequencies import Frequencies
from mpoxlens.vlm.instructions.histories import POSITIVE, Source, told
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.instructions.photographs import BARE
from mpoxlens.vlm.instructions.templates import Asked, ask
from mpoxlens.vlm.partial import Heard, Point, heard, points_of
from mpoxlens.vlm.prompts import IGNORED, Turn, conversation, training_ids
from mpoxlens.vlm.reader import REFUSAL
from mpoxlens.vlm.recipe import TrainRecipe, VlmRecipe
from mpoxlens.vlm.teacher import Teacher
from mpoxlens.vlm.words import draw_wording, history_text

T = TypeVar("T")

_PHOTOGRAPHS, _STORED, _ORDER, _FRESH, _VIEW = range(5)  # streams of random numbers


@dataclass(frozen=True)
class Example:
    """A question with its answer as tokens."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]  # IGNORED where nothing is learned
    shown: Shown | None = None
    first: int = -1  # place of the yes, the no or the refusal that the answer begins with; -1 where it is another
    points: tuple[Point, ...] = ()  # of a yes or a no, the last of them where it begins


@dataclass(frozen=True, eq=False)
class Side:
    """What a fit may see: photographs, a teacher that learned from these, and the questions without any other."""

    records: tuple[ImageRecord, ...]
    teacher: Teacher  # in the order of the recipe's labels
    stored: tuple[Instruction, ...]
    features: VisualFeatures = field(repr=False)


def side_of(
    records: Sequence[ImageRecord], teacher: Teacher, stored: Sequence[Instruction], features: VisualFeatures
) -> Side:
    """Return the training side of some photographs: of the stored questions those about them and about drawings.

    Questions after the diagnosis are left out, since each epoch draws new ones, and held-out wordings are.
    """
    known = {record.sha256 for record in records}
    kept = (one for one in stored if one.split == "train" and one.kind != "diagnosis")
    return Side(tuple(records), teacher, tuple(o for o in kept if o.sha256 in known or ":" in o.sha256), features)


class Batches:
    """The examples of a step, counted from 0; some batches are drawn at once, and each is of examples of like length.

    Args:
        train: seed, batch and window.
        draw: gives all examples of a window by its number.
    """

    def __init__(self, train: TrainRecipe, draw: Callable[[int], list[Example]]) -> None:
        self.train, self.draw = train, draw
        self.window: tuple[int, list[list[Example]]] = (-1, [])

    def __call__(self, step: int) -> list[Example]:
        """Return the examples of a step."""
        number, place = divmod(step, self.train.window)
        if self.window[0] != number:
            self.window = (number, self._sorted(number))
        return self.window[1][place]

    def _sorted(self, number: int) -> list[list[Example]]:
        drawn, size = sorted(self.draw(number), key=lambda one: len(one.ids)), self.train.batch
        order = np.random.default_rng((self.train.seed, _ORDER, number)).permutation(self.train.window)
        return [drawn[size * i : size * (i + 1)] for i in order]


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
        self.batch = Batches(t, self._window)

    def _window(self, number: int) -> list[Example]:
        fresh, stored = self.fresh_each, self.stored_each
        drawn = [self.fresh(*self._nth(number * fresh + i, len(self.side.records), _PHOTOGRAPHS)) for i in range(fresh)]
        drawn += [self.stored(*self._nth(number * stored + i, len(self.side.stored), _STORED)) for i in range(stored)]
        return drawn

    def _nth(self, index: int, count: int, stream: int) -> tuple[int, int]:
        """Return epoch and place of the draw of a number: every epoch goes through all, in an order of its own."""
        epoch, place = divmod(index, count)
        return epoch, int(self._rng(stream, epoch).permutation(count)[place])

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng((self.recipe.seed, *stream))

    def fresh(self, epoch: int, index: int) -> Example:
        """Return a question after the diagnosis of a photograph, with a new history or none."""
        record = self.side.records[index]
        rng = self._rng(_FRESH, epoch, int(record.sha256[:15], 16))
        disease, info = self._history(record, rng)
        asked = _asked(record, rng)
        wording = draw_wording(rng, self.recipe.plain)
        text = history_text(info, wording)
        shown = self._shown(record, rng)
        ids, labels = self._tokens(asked.question, text, asked.answer)
        first, clear = _first(labels), disease == record.label and shown.other is None
        if not clear:  # the words would be those of the photograph alone
            labels = tuple(label if place == first else IGNORED for place, label in enumerate(labels))
        said = self._heard(shown, info, wording, record.label if clear else None)
        turns = conversation(asked.question, text)
        points = points_of(turns, text, said, self.recipe.so_far, self.tokenizer, self.config)
        return Example(ids, labels, shown, first, points)

    def _shown(self, record: ImageRecord, rng: np.random.Generator) -> Shown:
        """Draw a view of a photograph, and what is laid over it."""
        own = self._view(record, rng)
        if rng.random() >= self.recipe.mixed:
            return own
        others = [other for other in self.side.records if other.label != record.label]
        other = others[int(rng.integers(len(others)))]
        return replace(own, other=self._view(other, rng), share=float(rng.random()))

    def _view(self, record: ImageRecord, rng: np.random.Generator) -> Shown:
        key = Picture(record.sha256).key
        return Shown(key, int(rng.integers(self.side.features.views(key))))

    def _history(self, record: ImageRecord, rng: np.random.Generator) -> tuple[str, ClinicalInfo]:
        """Draw a history, and say whose it is."""
        if rng.random() < self.recipe.no_history:
            return record.label, ClinicalInfo()
        others = [label for label in self.rashes if label != record.label]
        disease = str(rng.choice(others)) if rng.random() < self.recipe.mismatched else record.label
        return disease, told(disease, int(rng.integers(2**31)), self.source).info

    def _heard(self, shown: Shown, info: ClinicalInfo, wording: int, label: str | None) -> list[Heard]:
        """Return what P(yes) shall be after each answer: the exact combination, and the label if there is one."""
        word = self.side.teacher(self.side.features.pooled([shown]))[0]  # [C]
        prior: Mapping[str, float] = dict(zip(self.labels, word.tolist(), strict=True))
        soft = self.recipe.soft if label else 1.0
        own = (1 - soft) * (label == POSITIVE)
        return [
            replace(one, chance=soft * one.chance + own)
            for one in heard(info, wording, prior, self.frequencies, self.recipe.profile)
        ]

    def stored(self, epoch: int, index: int) -> Example:
        """Return a question of the set."""
        one = self.side.stored[index]
        key = Picture.of(one).key
        views = 1 if one.kind == "quality" else self.side.features.views(key)  # a variant has another quality
        view = int(self._rng(_VIEW, epoch, index).integers(views))
        ids, labels = self._tokens(one.question, one.history, one.answer)
        first = _first(labels) if one.answer.startswith(REFUSAL) else -1
        return Example(ids, labels, Shown(key, view), first)

    def _tokens(self, question: str, history: str, answer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        turns = [*conversation(question, history), Turn("assistant", answer)]
        ids, labels = training_ids(turns, self.tokenizer, self.config)
        return tuple(ids), tuple(labels)


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
