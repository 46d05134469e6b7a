"""The code that a person takes along: a result in one line of text, small enough for a QR code, that can be checked.

    MPOXLENS:1:SOFTWARE:DECISION:CHANCE:LOW:HIGH:BUNDLE:TIME:CHECK

DECISION is L, U or C (likely, unlikely, cannot tell); chances are in hundredths of a per cent; BUNDLE is the first 16
digits of the bundle's SHA-256; TIME is in UTC; CHECK is the first 16 digits of the SHA-256 of all before its colon. It
shows that nothing was changed by mistake. It is no signature: whoever can compute a SHA-256 can write such a line. Only
signs of QR's alphanumeric mode occur (ISO/IEC 18004). `web/src/takeaway/qr.ts` is the page's half.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from mpoxlens.errors import DataError
from mpoxlens.schema import Decision, Interval, Screening

DIGITS = 16  # of the checksums, 64 bits
LETTERS = {Decision.LIKELY: "L", Decision.UNLIKELY: "U", Decision.CANNOT_TELL: "C"}
TIME = "%Y%m%dT%H%M%SZ"
FORM = re.compile(
    r"MPOXLENS:1:([0-9A-Z.+-]{1,24}):([LUC]):([0-9]{1,5}):([0-9]{1,5}):([0-9]{1,5})"
    r":([0-9A-F]{16}):([0-9]{8}T[0-9]{6}Z):([0-9A-F]{16})"
)
AGAIN = "ask for the code again, and copy it from MPOXLENS to the last sign"


@dataclass(frozen=True)
class Code:
    """What a code says."""

    software: str  # version of mpoxlens
    decision: Decision
    probability: float  # of mpox, photo and history together
    interval: Interval
    bundle: str  # first 16 hexadecimal digits of the bundle's SHA-256
    made: datetime  # UTC, whole seconds


def write_code(found: Screening, made: datetime) -> str:
    """Return the code of a screening made at a time that knows its zone."""
    chances = (found.probability, found.interval.low, found.interval.high)
    parts = (
        "MPOXLENS:1",
        found.provenance.mpoxlens,
        LETTERS[found.decision],
        *(str(int(10_000 * chance + 0.5)) for chance in chances),  # halves go up, as in the page
        found.provenance.bundle_sha256[:DIGITS],
        made.astimezone(UTC).strftime(TIME),
    )
    said = ":".join(parts).upper()
    return f"{said}:{_check(said)}"


def read_code(text: str) -> Code:
    """Read and verify a code; spaces and line ends come from typing and are passed over.

    Raises:
        DataError: no such code, of a newer version, or damaged.
    """
    line = "".join(text.split()).upper()
    version = re.match(r"MPOXLENS:([0-9]{1,4}):", line)
    if version is None:
        raise DataError("code", "this is not a code of mpoxlens", "give the text that begins with MPOXLENS")
    if int(version[1]) > 1:
        raise DataError("code", f"its version {version[1]} is newer than this mpoxlens reads", "update mpoxlens")
    parts = FORM.fullmatch(line)
    if parts is None or _check(line[: -DIGITS - 1]) != parts[8]:
        raise DataError("code", "it is damaged or was changed", AGAIN)
    return _told(parts)


def same_bundle(code: Code, bundle_sha256: str) -> bool:
    """Say whether the code was made with this bundle, as far as its 64 bits can tell."""
    return bundle_sha256.lower().startswith(code.bundle)


def _told(parts: re.Match[str]) -> Code:
    chance, low, high = (int(parts[n]) / 10_000 for n in (3, 4, 5))
    letters = {letter: decision for decision, letter in LETTERS.items()}
    try:
        made = datetime.strptime(parts[7], TIME).replace(tzinfo=UTC)
    except ValueError:
        raise DataError("code", f"it names the time {parts[7]}, which there is not", AGAIN) from None
    if not low <= chance <= high <= 1:
        raise DataError("code", "its chance lies outside its own interval", AGAIN)
    return Code(parts[1].lower(), letters[parts[2]], chance, Interval(low, high), parts[6].lower(), made)


def _check(said: str) -> str:
    return sha256(said.encode("ascii", "replace")).hexdigest()[:DIGITS].upper()
