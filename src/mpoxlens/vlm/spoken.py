"""What the language model writes, sentence by sentence, and of it only what it was taught to say of a picture.

The decision and its number are said by `answer.compose`. Of the model's own words only sentences stay that belong to a
closed set: those of the templates on how good a photograph is and on what is seen in it. No list of forbidden words
would do: "It is heat rash." and "Go to work as usual." hold none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from mpoxlens.datasets.phantom import STAGES
from mpoxlens.evaluation.tone import TONE_BANDS
from mpoxlens.vlm.instructions.drawn import BANDS, QUARTERS
from mpoxlens.vlm.instructions.templates import topics

SENTENCE = re.compile(r"(?<=[.!?])\s+")
KINDS = ("quality", "description")
DENIED = "none"  # the case of no spots; on skin with a rash it would contradict the number
DRAWN = re.compile(r"\bdraw", re.IGNORECASE)  # what is said of drawings alone

TREATMENT_REFUSED = "Treatment is for a clinician to decide, not for this tool."
# Questions about treatments and doses are refused.
TREATMENT = re.compile(
    r"""\b(treat\w*|medic\w*|remed(y|ies)|drugs?|dos(e[sd]?|age|ing)|tablets?|pills?|antibiotics?|antivirals?|creams?|
    ointments?|tecovirimat|tpoxx|\w*cidofovir|\w*cyclovir|\w*ciclovir|ibuprofen|paracetamol|acetaminophen|aspirin|
    steroids?|cortisone|inject\w*|prescri\w*|cur(e[sd]?|ing)|heal(s|ing)?|mg|ml|µg|mcg|bleach|alcohol)\b|\d(mg|ml|g)\b""",
    re.IGNORECASE | re.VERBOSE,
)


def fit_sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Yield each sentence of a text that comes in pieces once it is whole and if it may be shown, none twice."""
    said: set[str] = set()
    for sentence in _sentences(pieces):
        one = " ".join(sentence.split())
        if one.casefold() not in said and _known().fullmatch(one):
            said.add(one.casefold())
            yield one


@cache
def _known() -> re.Pattern[str]:
    """Return what matches a sentence of the templates, whatever stands in its braces."""
    wordings = (
        wording
        for topic in topics().values()
        if topic.kind in KINDS
        for case, answers in topic.answers.items()
        if case != DENIED
        for wording in answers
    )
    sentences = {one for wording in wordings for one in SENTENCE.split(wording) if not DRAWN.search(one)}
    return re.compile("|".join(_filled(one) for one in sorted(sentences)), re.IGNORECASE)


def _filled(sentence: str) -> str:
    quarter = _either(QUARTERS)
    words = {
        "count": _either([name for _, name in BANDS]),
        "stage": f"{_either(STAGES)}s?",
        "places": f"{quarter}(?:(?:, {quarter})* and {quarter})? quarters?",
        "tone": _either(TONE_BANDS),
    }
    parts = re.split(r"\{(\w+)\}", sentence)
    return "".join(words[part] if place % 2 else re.escape(part) for place, part in enumerate(parts))


def _either(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(re.escape(word) for word in words)})"


def _sentences(pieces: Iterable[str]) -> Iterator[str]:
    rest = ""
    for piece in pieces:
        *whole, rest = SENTENCE.split(rest + piece)
        yield from whole
    yield rest
