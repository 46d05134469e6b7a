"""What a licence's name says about passing photographs on, in words; whoever publishes reads the licence itself."""

from __future__ import annotations

import re

_WORDS = (  # the first that fits
    (r"belong|no rights|not stated", "the publisher could not or did not license the photographs: not to be passed on"),
    (r"cc0|public domain", "may be passed on without conditions"),
    (r"(?<![a-z])nd(?![a-z])|no.?deriv", "may be passed on unaltered only; hiding a face or encoding again alters it"),
    (r"cc.?by.?nc.?sa", "may be passed on for non-commercial use, with attribution, under the same licence"),
    (r"cc.?by.?nc", "may be passed on for non-commercial use, with attribution"),
    (r"cc.?by.?sa", "may be passed on with attribution, under the same licence"),
    (r"cc.?by", "may be passed on with attribution"),
    (r"non-?commercial|research|academic", "use is limited; ask before passing it on"),
    (r".", "read it before passing anything on"),
)
NONE_KNOWN = "no licence is known: not to be passed on"


def in_words(licence: str) -> str:
    """Return what a licence permits, as far as its name says."""
    return next((words for pattern, words in _WORDS if re.search(pattern, licence.lower())), NONE_KNOWN)


def unknown(licence: str) -> bool:
    """Whether the name of a licence does not say that a photograph may be passed on."""
    return not in_words(licence).startswith("may be passed on")
