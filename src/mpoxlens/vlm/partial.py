"""A history as far as it has been said: what is known after each answer, what it makes of P(mpox), where it stands.

Asked at the end of every answer what it knows by then, the model is told of each answer by itself what it is worth; at
the end of the history alone, some twenty answers would have to share one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.config import MpoxVlmConfig
from mpoxlens.vlm.frequencies import Frequencies
from mpoxlens.vlm.posterior import POSITIVE, posterior
from mpoxlens.vlm.prompts import Turn, places_in, prompt_ids
from mpoxlens.vlm.words import answers, history_text


@dataclass(frozen=True)
class Heard:
    """What is known once some of a history has been said."""

    end: int  # characters of the history's text up to there
    chance: float  # P(mpox) by the prior and these answers


@dataclass(frozen=True)
class Point:
    """A token at which P(yes) is learned; what text follows it is none of the model's business there."""

    place: int
    chance: float  # what P(yes) shall be
    share: float  # of an answer's weight


def heard(
    info: ClinicalInfo, wording: int, prior: Mapping[str, float], frequencies: Frequencies, profile: str
) -> list[Heard]:
    """Return what is known before the first answer, and after each.

    Args:
        info: the whole history.
        wording: in which `words.history_text` says it.
        prior: P(disease) before the first answer, such as what the photograph says.
        frequencies: the law of histories.
        profile: one of the table's.

    Raises:
        DataError: as `posterior`.
    """
    return [
        Heard(len(history_text(known, wording)), posterior(known, prior, frequencies, profile)[POSITIVE])
        for known in _growing(info)
    ]


def _growing(info: ClinicalInfo) -> Iterator[ClinicalInfo]:
    known = ClinicalInfo()
    yield known
    for field, value in answers(info):
        answer: dict[str, Any] = {field: value}
        known = replace(known, **answer)
        yield known


def points_of(
    turns: Sequence[Turn], text: str, said: Sequence[Heard], so_far: float, tokenizer: Any, config: MpoxVlmConfig
) -> tuple[Point, ...]:
    """Return where in a prompt P(yes) is learned: after each answer of the history, and where the model's begins.

    Args:
        turns: of the prompt.
        text: the history's, as it stands there; "" for none.
        said: of the history.
        so_far: what all points within the history count together, if the last of all counts 1.
        tokenizer: with place holders.
        config: of the model.
    """
    last = Point(len(prompt_ids(turns, tokenizer, config)) - 1, said[-1].chance, 1.0)
    if not text or not so_far:
        return (last,)
    places = places_in(turns, text, [one.end for one in said], tokenizer, config)
    within = [Point(place, one.chance, so_far / len(said)) for place, one in zip(places, said, strict=True)]
    return (*within, last)
