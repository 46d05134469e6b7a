"""What is asked of the model of each fold, all of it a function of the photographs and the seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mpoxlens.errors import HistoryError
from mpoxlens.photo import read_photo
from mpoxlens.schema import ClinicalInfo, ImageRecord
from mpoxlens.screening.history import check_consistent
from mpoxlens.vlm.evaluate.histories import MATTERS
from mpoxlens.vlm.evaluate.nouns import Asked, Test
from mpoxlens.vlm.evaluate.phantoms import TOPICS, truth
from mpoxlens.vlm.frequencies import Frequencies
from mpoxlens.vlm.instructions.histories import POSITIVE
from mpoxlens.vlm.instructions.pictures import DAMAGE, MADE, damaged, gate, phantom_of
from mpoxlens.vlm.instructions.templates import topics
from mpoxlens.vlm.posterior import log_likelihoods
from mpoxlens.vlm.talk import DIAGNOSIS
from mpoxlens.vlm.vignettes import from_seed
from mpoxlens.vlm.words import answers

FIRST = 2 * 10**12  # seed of the first drawing; `instructions` draws from seeds below 10**12 + 10**5
WORDED = ("diagnosis.mpox", "diagnosis.differential")


@dataclass(frozen=True)
class Settings:
    """How much is asked."""

    seed: int = 11  # of the histories, and of which photographs are taken where not all are
    unknown: float = 0.4  # chance that an answer of a history is left out
    profile: str = "2022"  # of the frequencies
    worded: int = 150  # photographs that are asked about in every wording
    spoilt: int = 120  # photographs of which a damaged copy is shown
    drawn: int = 120  # phantoms and pictures of no skin, half of each
    described: int = 60  # phantoms that are described


@dataclass(frozen=True)
class Photographs:
    """Who is asked about, and by the model of which fold."""

    records: Sequence[ImageRecord]
    fold: Sequence[int]
    paths: Mapping[str, Path]

    def some(self, count: int, seed: int) -> Iterator[tuple[ImageRecord, int]]:
        """Yield photographs in an order of the seed, `count` at most."""
        pairs = zip(self.records, self.fold, strict=True)
        ranked = sorted(pairs, key=lambda pair: hashlib.sha256(f"{seed} {pair[0].sha256}".encode()).digest())
        yield from ranked[:count]


def asked_of(photographs: Photographs, frequencies: Frequencies, settings: Settings) -> list[Asked]:
    """Return every question.

    Raises:
        DataError: a profile that the table of frequencies lacks.
        PhotoError: a photograph that is to be damaged cannot be read.
    """
    found = [_of("alone", record, fold) for record, fold in zip(photographs.records, photographs.fold, strict=True)]
    for record, fold in zip(photographs.records, photographs.fold, strict=True):
        if record.label in frequencies.diseases:
            found += _histories(record, fold, frequencies, settings)
    for record, fold in photographs.some(settings.worded, settings.seed):
        found += _worded(record, fold)
    found += _spoilt(photographs, settings)
    return found + list(_drawn(sorted(set(photographs.fold)), settings))


def _histories(record: ImageRecord, fold: int, frequencies: Frequencies, settings: Settings) -> Iterator[Asked]:
    """Yield the question with a history of the photograph's label, and with one answer of it flipped."""
    number = int(record.sha256[:15], 16)
    seed = int(np.random.default_rng((settings.seed, number)).integers(2**31))
    drawn = from_seed(record.label, seed, frequencies, profile=settings.profile, unknown=settings.unknown)
    yield replace(_of("history", record, fold), info=_json(drawn.info))
    possible = [one for one in flipped(drawn.info) if matters(drawn.info, one[1], frequencies, settings.profile)]
    if possible:
        field, info = possible[int(np.random.default_rng((settings.seed, number, 1)).integers(len(possible)))]
        yield replace(_of("flipped", record, fold), info=_json(info), about=field)


def flipped(info: ClinicalInfo) -> Iterator[tuple[str, ClinicalInfo]]:
    """Yield each yes or no of a history with the history in which it is turned round, where that is consistent."""
    for field, value in answers(info):
        if isinstance(value, bool):
            turned = replace(info, **{field: not value})
            try:
                check_consistent(turned)
            except HistoryError:
                continue
            yield field, turned


def matters(before: ClinicalInfo, after: ClinicalInfo, frequencies: Frequencies, profile: str) -> bool:
    """Whether the odds of mpox by the history, all diseases being as likely before, change by `MATTERS` or more."""
    odds = [_odds(log_likelihoods(info, frequencies, profile)) for info in (before, after)]
    return bool(np.isfinite(odds).all() and abs(odds[1] - odds[0]) >= MATTERS)


def _odds(logs: Mapping[str, float]) -> float:
    others = [value for disease, value in logs.items() if disease != POSITIVE]
    rest = float(np.logaddexp.reduce(others))
    return logs[POSITIVE] - rest if np.isfinite([logs[POSITIVE], rest]).all() else float("nan")


def _worded(record: ImageRecord, fold: int) -> Iterator[Asked]:
    for name in WORDED:
        for one in topics()[name].questions:
            yield replace(_of("held-out" if one.held_out else "trained", record, fold), question=one.text)


def _spoilt(photographs: Photographs, settings: Settings) -> Iterator[Asked]:
    """Yield damaged copies, each kind of damage as often; photographs that the gate refuses as they are come not."""
    cases = list(DAMAGE)
    for number, (record, fold) in enumerate(photographs.some(settings.spoilt, settings.seed + 1)):
        pixels = read_photo(photographs.paths[record.sha256]).pixels
        case = cases[number % len(cases)]
        altered = damaged(pixels, case) if gate(pixels).usable else ""
        if altered:
            yield replace(_of("refuse", record, fold), altered=altered, about=case)


def _drawn(folds: Sequence[int], settings: Settings) -> Iterator[Asked]:
    """Yield phantoms and pictures of no skin, the models of all folds in turn."""
    names = list(MADE)
    for i in range(settings.drawn):
        name, seed = names[(i // 2) % len(names)], FIRST + i
        reference, about = (f"made:{name}:{seed}", name) if i % 2 else (f"phantom:{seed}", "phantom")
        yield Asked("refuse", reference, "", "", reference, folds[i % len(folds)], DIAGNOSIS, about=about)
    for i in range(settings.described):
        yield from _described(FIRST + i, folds[i % len(folds)])


def _described(seed: int, fold: int) -> Iterator[Asked]:
    phantom, reference = phantom_of(seed), f"phantom:{seed}"
    rng = np.random.default_rng((seed, 2))
    for topic in TOPICS:
        known = truth(phantom, topic)
        wordings = [one.text for one in topics()[f"description.{topic}"].questions if not one.held_out]
        question = wordings[int(rng.integers(len(wordings)))]
        if known:
            yield Asked("describe", reference, "", "", reference, fold, question, about=topic, truth=known)


def _of(test: Test, record: ImageRecord, fold: int) -> Asked:
    return Asked(test, record.sha256, "", record.label, record.group, fold, DIAGNOSIS)


def _json(info: ClinicalInfo) -> str:
    return json.dumps(dict(answers(info)))
