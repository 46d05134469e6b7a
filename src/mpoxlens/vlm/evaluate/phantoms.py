"""Does the model say what is not there? Its descriptions of drawings against what was drawn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpoxlens.datasets.phantom import STAGES, Phantom
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.tone import TONE_BANDS, tone_band
from mpoxlens.vlm.instructions.drawn import BANDS, QUARTERS, count_band, quarters

TOPICS = ("count", "stage", "place", "tone")
NONE, ONE, ALL = "none", "one", "all four"
_BARE = re.compile(r"\bno spots\b|\bbare\b", re.IGNORECASE)
_FOUR = re.compile(r"\b(four quarters|every quarter)\b", re.IGNORECASE)
_BAND = {name: name.split(" (")[0] for _, name in BANDS}  # "several (5 to 9)" is told by "several"


def truth(phantom: Phantom, topic: str) -> str:
    """Return what is true of a drawing; "" where a lesion on a border leaves its place open."""
    lesions = phantom.lesions
    match topic:
        case "count":
            return (NONE, ONE)[len(lesions)] if len(lesions) < 2 else count_band(len(lesions))
        case "stage":
            return lesions[0].stage if lesions else NONE
        case "place":
            return _places(quarters(phantom)) if lesions else NONE
        case _:
            return tone_band(phantom.tone)


def stated(topic: str, answer: str) -> str:
    """Return what an answer says, in the words of `truth`; "" where it says nothing of it, or two things at once."""
    if topic == "tone":
        return _only(_named(TONE_BANDS, answer))
    found = [NONE] if _BARE.search(answer) else []
    match topic:
        case "count":
            found += [name for name, word in _BAND.items() if _has(word, answer)]
            found += [ONE] if _has("one spot", answer) else []
        case "stage":
            found += _named(STAGES, answer, "s?")
        case _:
            named = _places(_named(QUARTERS, answer))
            found += [ALL] if _FOUR.search(answer) else [named] if named else []
    return _only(found)


def hallucination(
    topics: Sequence[str], truths: Sequence[str], said: Sequence[str], clusters: Sequence[str]
) -> dict[str, Any]:
    """Return how often something wrong is stated, over all and by topic, and how often nothing plain.

    `wrong_by_commonest` is the share that would be wrong if the commonest truth of each topic were always told.

    Args:
        topics: [N] of `TOPICS`.
        truths: [N] of `truth`.
        said: [N] of `stated`.
        clusters: [N], the drawing of each.
    """
    topic, true, told = np.array(topics), np.array(truths), np.array(said)
    wrong, unclear = (told != true) & (told != ""), told == ""
    draws = Draws.of(clusters)
    guess = {name: Counter(true[topic == name].tolist()).most_common(1)[0][0] for name in np.unique(topic).tolist()}
    guessed_wrong = np.array([guess[name] != one for name, one in zip(topics, truths, strict=True)])
    groups: Mapping[str, np.ndarray] = {"all": topic != ""} | {name: topic == name for name in guess}
    return {
        name: {
            "answers": int(rows.sum()),
            "wrong": figure(draws.mean(wrong, rows)).to_dict(),
            "unclear": figure(draws.mean(unclear, rows)).to_dict(),
            "wrong_by_commonest": round(float(guessed_wrong[rows].mean()), 4),
        }
        for name, rows in groups.items()
    }


def _places(found: Sequence[str]) -> str:
    return ALL if len(found) == len(QUARTERS) else ", ".join(name for name in QUARTERS if name in found)


def _named(words: Sequence[str] | Mapping[str, Any], answer: str, end: str = "") -> list[str]:
    return [word for word in words if _has(word + end, answer)]


def _has(pattern: str, answer: str) -> bool:
    return re.search(rf"\b{pattern}\b", answer, re.IGNORECASE) is not None


def _only(found: Sequence[str]) -> str:
    return found[0] if len(found) == 1 else ""
