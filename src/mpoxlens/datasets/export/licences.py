"""What a licence's name says about passing photographs on, in words; whoever publishes reads the licence itself.

Only the name of a licence and nothing besides it is taken at its word: "not CC BY" permits nothing.
"""

from __future__ import annotations

import re

_VERSION = r"( \d(\.\d)?( [a-z]{2,3})?)?( international| unported| generic| deed)?( licen[cs]e)?"  # 3.0 IGO, 4.0 deed
_FREE = re.compile(r"(cc ?0|cc zero|public domain zero)( 1\.0)?( universal)?|public domain( dedication)?")
_COMMONS = re.compile(rf"cc by(?P<terms>( nc| sa| nd)*){_VERSION}")
_SPELT_OUT = (
    (r"^(https? )?(www\.)?creativecommons\.org (licenses )?", "cc "),
    (r"^cc publicdomain", "public domain"),
    (r"^creative commons( attribution)?", "cc by"),
    (r"\b(non ?commercial)\b", "nc"),
    (r"\b(share ?alike)\b", "sa"),
    (r"\b(no ?deriv(ative)?s?)\b", "nd"),
    (r" legalcode.*$", ""),
)

NONE_KNOWN = "no licence is known: not to be passed on"
NOT_THEIRS = "the publisher could not or did not license the photographs: not to be passed on"
LIMITED = "use is limited; ask before passing it on"
UNREAD = "read it before passing anything on"
UNALTERED = "may be passed on unaltered only; hiding a face or encoding again alters it"


def in_words(licence: str) -> str:
    """Return what a licence permits, as far as its name says."""
    name = _name(licence)
    if not name:
        return NONE_KNOWN
    if _FREE.fullmatch(name):
        return "may be passed on without conditions"
    if found := _COMMONS.fullmatch(name):
        return _commons(set(found["terms"].split()))
    if re.search(r"belong|no rights|not stated", name):
        return NOT_THEIRS
    return LIMITED if re.search(r"non ?commercial|\bnc\b|research|academic", name) else UNREAD


def unknown(licence: str, altered: bool = False) -> bool:
    """Whether the name of a licence does not say that a photograph may be passed on, `altered` as by encoding again."""
    words = in_words(licence)
    return not words.startswith("may be passed on") or (altered and words == UNALTERED)


def _name(licence: str) -> str:
    """In lower case and one spelling: https://creativecommons.org/licenses/by-nc/4.0/ is "cc by nc 4.0"."""
    name = " ".join(re.split(r"[\s_/:–-]+", licence.lower())).strip()
    for pattern, short in _SPELT_OUT:
        name = re.sub(pattern, short, name)
    return name.strip()


def _commons(terms: set[str]) -> str:
    if "nd" in terms:
        return UNALTERED
    conditions = [
        *["for non-commercial use"] * ("nc" in terms),
        "with attribution",
        *["under the same licence"] * ("sa" in terms),
    ]
    return f"may be passed on {', '.join(conditions)}"
