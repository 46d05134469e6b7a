"""What each answer of a history is worth to the language-vision model, and by the exact combination beside it.

The worth of an answer is the log-odds of mpox with all answers, less those when this one is left out, in nats. Answers
overlap (a rash and its pustules), so their worths do not sum to what the whole history is worth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mpoxlens.rules import Calibration
from mpoxlens.schema import ClinicalInfo, Photo
from mpoxlens.screening.history import check_info
from mpoxlens.vlm.frequencies import Frequencies, load_frequencies
from mpoxlens.vlm.posterior import POSITIVE, log_likelihoods
from mpoxlens.vlm.prompts import conversation, prompt_ids
from mpoxlens.vlm.reader import Reader, enough_memory, openings
from mpoxlens.vlm.rules_file import POSITIVE as YES
from mpoxlens.vlm.talk import DIAGNOSIS
from mpoxlens.vlm.words import PLAIN, Known, answers, history_text, phrase

RAW = Calibration(1.0, 0.0, ())  # the model's own log-odds


@dataclass(frozen=True)
class AnswerWorth:
    """What one answer adds to the others."""

    field: str  # of `ClinicalInfo`
    answer: Known
    said: str  # as the model is told it
    model: float  # nats
    exact: float | None  # nats, by the table of frequencies; None where no disease of it can give these answers


@dataclass(frozen=True)
class HistoryWorth:
    """What a history is worth, together and answer by answer in the order in which they are asked."""

    answers: tuple[AnswerWorth, ...]
    photo: float  # the model's log-odds of mpox by the photograph alone, nats
    together: float  # by photograph and history
    exact: float | None  # what the history adds to the log-odds by the table
    profile: str  # of the table
    versions: Mapping[str, str]

    @property
    def model(self) -> float:
        """What the history adds to the model's log-odds, nats."""
        return self.together - self.photo


def worth_of(
    reader: Reader,
    photo: Photo,
    info: ClinicalInfo,
    *,
    calibration: Calibration = RAW,
    frequencies: Frequencies | None = None,
    profile: str = "2022",
) -> HistoryWorth:
    """Leave out each answer in turn; one pass for each, the photograph is looked at once.

    The exact worth shares out what is not mpox evenly, as `posterior.combine` does, and then does not depend on what
    the photograph shows.

    Args:
        reader: the model.
        photo: what the person shows.
        info: what the person answered.
        calibration: of the model's rules; by default its raw log-odds are taken.
        frequencies: the table of the exact combination; the shipped one when None.
        profile: one of the table's.

    Raises:
        HistoryError: an answer that no file may hold either.
        DataError: a profile that the table lacks.
        MpoxlensError: the memory does not suffice.
    """
    info, table = check_info(info), frequencies or load_frequencies()
    exact = exact_log_ratio(info, table, profile)  # first, as it may refuse the profile
    with enough_memory():
        seen = reader.see(photo)
        photo_alone, together = (log_odds(reader, seen, one, calibration) for one in (ClinicalInfo(), info))
        left = {field: log_odds(reader, seen, _without(info, field), calibration) for field, _ in answers(info)}
    each = tuple(
        AnswerWorth(
            field,
            answer,
            phrase(field, answer, PLAIN),
            together - left[field],
            _difference(exact, exact_log_ratio(_without(info, field), table, profile)),
        )
        for field, answer in answers(info)
    )
    return HistoryWorth(each, photo_alone, together, _difference(exact, 0.0), profile, reader.versions)


def log_odds(reader: Reader, seen: Any, info: ClinicalInfo, calibration: Calibration = RAW) -> float:
    """Return the model's log-odds of mpox in nats: of "Yes" against "No" as the first token of its answer."""
    ids = prompt_ids(conversation(DIAGNOSIS, history_text(info)), reader.tokenizer, reader.config)
    no, yes, _ = openings(reader.tokenizer, reader.config)
    logits = reader.first_logits(ids, seen)[[no, yes]]
    return float(calibration.log_odds(logits[None], YES)[0])


def exact_log_ratio(info: ClinicalInfo, frequencies: Frequencies, profile: str) -> float:
    """Return log P(the answers | mpox) less that of the other diseases in even shares, in nats; nan where both are 0.

    Raises:
        DataError: a profile that the table lacks.
    """
    logs = log_likelihoods(info, frequencies, profile)
    mpox = logs.pop(POSITIVE)
    others = math.fsum(math.exp(log) for log in logs.values()) / len(logs)
    if others > 0:
        return mpox - math.log(others)
    return math.nan if mpox == -math.inf else math.inf


def _without(info: ClinicalInfo, field: str) -> ClinicalInfo:
    return replace(info, **{field: None})


def _difference(one: float, other: float) -> float | None:
    return one - other if math.isfinite(one) and math.isfinite(other) else None
