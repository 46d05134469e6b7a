"""What the language model writes, sentence by sentence, without what it must not say.

The decision and its number are said by `answer.compose`. Of the model's own words only whole sentences stay that pass
no judgement, name no disease and no treatment, deny nothing and lead nowhere: a small model that is asked to may write
anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mpoxlens.vlm.answer import SENTENCE, without_judgement

TREATMENT_REFUSED = "Treatment is for a clinician to decide, not for this tool."
# Treatments and doses are a clinician's to name.
TREATMENT = re.compile(
    r"""\b(treat\w*|medic\w*|remed(y|ies)|drugs?|dos(e[sd]?|age|ing)|tablets?|pills?|antibiotics?|antivirals?|creams?|
    ointments?|tecovirimat|tpoxx|\w*cidofovir|\w*cyclovir|\w*ciclovir|ibuprofen|paracetamol|acetaminophen|aspirin|
    steroids?|cortisone|inject\w*|prescri\w*|cur(e[sd]?|ing)|heal(s|ing)?|mg|ml|µg|mcg|bleach|alcohol)\b|\d(mg|ml|g)\b""",
    re.IGNORECASE | re.VERBOSE,
)
# What else the rash might be is a diagnosis, too.
DIAGNOSED = re.compile(
    r"""\b(\w*pox|mumps|rubella|syphilis|herpes|shingles|zoster|scabies|eczema|psoriasis|impetigo|acne|\w+itis|\w+oma|
    cancer|ringworm|warts?|allerg\w*|insect\s+bites?|hfmd|hand,?\s+foot|hiv|aids|flu|disease\w*|disorder\w*|illness\w*|
    syndrome\w*|infect\w*|contagious|virus\w*|viral|bacteri\w*|fung\w*)\b""",
    re.IGNORECASE | re.VERBOSE,
)
# A denial can turn good advice round, and an address or a sign of mark-up that a question planted must not come back.
UNFIT = re.compile(
    r"\b(none|nothing|nobody|neither|nor|cannot|without|avoid seeing|ignore)\b|n['’]t\b|://|www\.|@|[<>{}|\\`]",
    re.IGNORECASE,
)
WHOLE = re.compile(r"[.!?]$")


def fit_sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Yield each sentence of a text that comes in pieces once it is whole and if it may be shown, none twice."""
    said: set[str] = set()
    for sentence in _sentences(pieces):
        one = " ".join(sentence.split())
        if one not in said and _fit(one):
            said.add(one)
            yield one


def _fit(one: str) -> bool:
    unfit = (TREATMENT, DIAGNOSED, UNFIT)
    return bool(WHOLE.search(one) and without_judgement(one)) and not any(pattern.search(one) for pattern in unfit)


def _sentences(pieces: Iterable[str]) -> Iterator[str]:
    rest = ""
    for piece in pieces:
        *whole, rest = SENTENCE.split(rest + piece)
        yield from whole
    yield rest
