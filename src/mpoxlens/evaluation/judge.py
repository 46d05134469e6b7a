"""What judges photographs, and decides by rules as the clinic does: a bundle here, networks out of fold in their own
module. The tests of shortcuts, robustness and strangeness see a model through this alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from mpoxlens.bundle import Bundle, Outputs
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Doubles, Flags, Rows
from mpoxlens.rules import Calibration, Conformal, OutOfDistribution
from mpoxlens.schema import Decision, Floats, Gate, ImageRecord, Interval, Photo, Pixels
from mpoxlens.screening import gate
from mpoxlens.screening.classify import classify_inputs
from mpoxlens.screening.decide import Numbers, decide

WORKERS = 2
CHUNK = 16  # photographs a worker alters and judges at a time
NO_DECISION = Decision.CANNOT_TELL
Alter: TypeAlias = "Callable[[Pixels, np.random.Generator], Pixels | None]"  # None: it has nothing to alter there


class Judge(Protocol):
    """Gives a network's outputs for photographs. Safe to call from several threads."""

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the logits."""

    @property
    def positive(self) -> int:
        """Index of the label that is asked for."""

    def __call__(self, pixels: Sequence[Pixels]) -> Outputs:
        """Return logits, maps and embedding of photographs [H, W, 3], in their order."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model says of N photographs, before any rule."""

    logits: Floats  # [N, C]
    score: Doubles  # [N] out-of-distribution score
    refuses: Flags  # [N], where the model itself says that it cannot tell


class Looker(Protocol):
    """Looks at whole photographs as the clinic does. Safe to call from several threads."""

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the logits."""

    @property
    def positive(self) -> int:
        """Index of the label that is asked for."""

    @property
    def rules(self) -> DecisionRules:
        """What the decision rests on."""

    def look(self, photos: Sequence[Photo]) -> Seen:
        """Return what is said of photographs, in their order."""


class Decider(Protocol):
    """Judges photographs and decides, as the clinic would without a history. Safe to call from several threads."""

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the logits."""

    @property
    def positive(self) -> int:
        """Index of the label that is asked for."""

    def judge(self, pixels: Sequence[Pixels], keys: Sequence[str]) -> Judgement:
        """Return the judgement of photographs; `keys` are the sha256 of the files that they were made of."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is said of N photographs."""

    probability: Doubles  # [N] calibrated P(positive)
    called: Flags  # [N], at or above the operating point
    strange: Doubles  # [N] out-of-distribution score as a multiple of its threshold: above 1 is unfamiliar
    refused: Flags  # [N], by the gate
    decision: tuple[Decision, ...]  # [N]

    @property
    def cannot_tell(self) -> Flags:
        """For which [N] no decision is given."""
        return np.array([one is NO_DECISION for one in self.decision], dtype=bool)

    def take(self, rows: Rows) -> Judgement:
        """Return the judgement of some of the photographs, in the order of `rows`."""
        decision = tuple(self.decision[i] for i in rows)
        return Judgement(self.probability[rows], self.called[rows], self.strange[rows], self.refused[rows], decision)


@dataclass(frozen=True, eq=False)
class DecisionRules:
    """The numbers that a decision rests on."""

    positive: int  # column of the logits
    calibration: Calibration
    operating_point: float
    conformal: Conformal
    ood: OutOfDistribution

    def judgement(self, outputs: Outputs, pixels: Sequence[Pixels]) -> Judgement:
        """Decide on photographs by a network's outputs for them and the gate's rules."""
        p = self.calibration.probabilities(outputs.logits, self.positive)[:, self.positive]
        return self.decided(p, self.ood.score(outputs.embedding), [gate.check(_photo(one)) for one in pixels])

    def decided(
        self, probability: Doubles, score: Doubles, gates: Sequence[Gate], refuses: Flags | None = None
    ) -> Judgement:
        """Decide by probabilities [N], out-of-distribution scores [N], the gate, and where the model refuses [N]."""
        found = tuple(map(self._decision, probability.tolist(), score.tolist(), gates))
        if refuses is not None:
            found = tuple(NO_DECISION if no else one for one, no in zip(found, refuses.tolist(), strict=True))
        refused = np.array([not one.usable for one in gates], dtype=bool)
        called = probability >= self.operating_point
        return Judgement(probability, called, score / self.ood.threshold, refused, found)

    def _decision(self, p: float, score: float, found: Gate) -> Decision:
        odd = gate.strange(score, self.ood.threshold)
        numbers = Numbers(found, odd, p, p, Interval(p, p), 1.0, suspected_case=None, contact=None)
        return decide(numbers, self.conformal, self.operating_point).decision


class BundleJudge:
    """A bundle as a judge. Load it with `threads=1`: here, photographs are judged in several threads."""

    def __init__(self, bundle: Bundle) -> None:
        spec = bundle.spec
        self.bundle = bundle
        self.labels: tuple[str, ...] = spec.labels
        self.positive: int = spec.labels.index(spec.positive)
        self.rules = DecisionRules(self.positive, spec.calibration, spec.operating_point, spec.conformal, spec.ood)

    def __call__(self, pixels: Sequence[Pixels]) -> Outputs:
        """Return the network's outputs; BundleError when they are not finite."""
        inputs = [self.bundle.spec.preprocess(one) for one in pixels]
        parts = [classify_inputs(self.bundle, inputs[i : i + CHUNK]) for i in range(0, len(inputs), CHUNK)]
        found = [one for part in parts for one in part]
        columns = ([c.logits for c in found], [c.cam for c in found], [c.embedding for c in found])
        return Outputs(*(np.stack(column) for column in columns))

    def look(self, photos: Sequence[Photo]) -> Seen:
        """Return what the network says of photographs; BundleError when it is not finite."""
        found = classify_inputs(self.bundle, [self.bundle.spec.preprocess(photo.pixels) for photo in photos])
        score = np.array([one.ood_score for one in found])
        return Seen(np.stack([one.logits for one in found]), score, np.zeros(len(found), dtype=bool))

    def probability(self, outputs: Outputs) -> Doubles:
        """Return the calibrated probability [N] of the positive label."""
        return self.rules.calibration.probabilities(outputs.logits, self.positive)[:, self.positive]

    def called(self, outputs: Outputs) -> Flags:
        """Return which [N] are at or above the operating point."""
        return np.asarray(self.probability(outputs) >= self.rules.operating_point)

    def decision(self, outputs: Outputs, pixels: Sequence[Pixels]) -> tuple[Decision, ...]:
        """Return the clinic's decisions [N], the gate's refusals and strangeness included."""
        return self.rules.judgement(outputs, pixels).decision

    def judge(self, pixels: Sequence[Pixels], _keys: Sequence[str]) -> Judgement:
        """Return the judgement of photographs."""
        return self.rules.judgement(self(pixels), pixels)


@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs to test a judge with."""

    pixels: Sequence[Pixels]  # [N] of [H, W, 3]
    positive: Flags  # [N]
    cluster: tuple[str, ...]  # [N]
    key: tuple[str, ...]  # [N] sha256 of each file

    def __post_init__(self) -> None:
        if not len(self.pixels) == len(self.positive) == len(self.cluster) == len(self.key) > 0:
            raise DataError("photographs", "none, or columns of different length", "name a data set with photographs")

    @classmethod
    def of(
        cls, records: Sequence[ImageRecord], pixels: Sequence[Pixels], positive: str, without: Sequence[str] = ()
    ) -> Photographs:
        """Return the photographs of a manifest's records [N], but for those of labels left out."""
        rows = [i for i, record in enumerate(records) if record.label not in without]
        flags = np.array([records[i].label == positive for i in rows], dtype=bool)
        clusters, keys = tuple(records[i].group for i in rows), tuple(records[i].sha256 for i in rows)
        return cls([pixels[i] for i in rows], flags, clusters, keys)


def judged(
    judge: Decider,
    photographs: Photographs,
    alter: Alter | None = None,
    tell: Tell = silent,
    stage: str = "whole photographs",
) -> tuple[Rows, Judgement]:
    """Alter photographs and judge them, in several threads.

    Args:
        judge: who judges.
        photographs: N of them.
        alter: gives an altered copy, from a generator that depends on the photograph alone; None alters nothing.
        tell: told how far it is.
        stage: what is told.

    Returns:
        The rows [M] of the photographs in which there was something to alter, and the judgement [M] of the copies.
    """
    n = len(photographs.pixels)
    starts = range(0, n, CHUNK)
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="judge") as pool:
        parts = []
        for done, part in enumerate(pool.map(lambda i: _chunk(judge, photographs, alter, i), starts), 1):
            tell(stage, min(done * CHUNK, n), n)
            parts.append(part)
    rows = [row for found, _ in parts for row in found]
    return np.array(rows, dtype=np.int64), _joined([j for _, j in parts if j is not None])


def _chunk(judge: Decider, photographs: Photographs, alter: Alter | None, start: int) -> tuple[Rows, Judgement | None]:
    copies = list(_copies(photographs, alter, range(start, min(start + CHUNK, len(photographs.pixels)))))
    rows = np.array([row for row, _ in copies], dtype=np.int64)
    if not copies:
        return rows, None
    return rows, judge.judge([copy for _, copy in copies], [photographs.key[i] for i in rows])


def _copies(photographs: Photographs, alter: Alter | None, rows: range) -> Iterator[tuple[int, Pixels]]:
    for i in rows:
        rng = np.random.default_rng(zlib.crc32(photographs.key[i].encode()))
        copy = alter(photographs.pixels[i], rng) if alter else photographs.pixels[i]
        if copy is not None:
            yield i, copy


def _joined(parts: Sequence[Judgement]) -> Judgement:
    if not parts:
        none, no = np.zeros(0), np.zeros(0, dtype=bool)
        return Judgement(none, no, none, no, ())
    columns = zip(*((p.probability, p.called, p.strange, p.refused) for p in parts), strict=True)
    probability, called, strange, refused = (np.concatenate(column) for column in columns)
    return Judgement(probability, called, strange, refused, tuple(d for p in parts for d in p.decision))


def _photo(pixels: Pixels) -> Photo:
    height, width = pixels.shape[:2]
    return Photo(pixels, "", "", width, height)
