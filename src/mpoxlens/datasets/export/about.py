"""What only the publisher of a data set knows, as a TOML file gives it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from mpoxlens.errors import DataError


@dataclass(frozen=True)
class About:
    """What only the publisher knows, as Markdown; whatever is "" is marked in the card as to be filled in."""

    name: str = "Skin photographs"
    version: str = "1.0.0"
    licence: str = ""  # of the set as a whole, a licence's name or address
    creator: str = ""
    cite: str = ""  # BibTeX of the publication that describes the set
    url: str = ""
    date: str = ""  # year-month-day of publication
    maintenance: str = ""  # who answers questions and corrects errors
    purpose: str = ""  # why, by whom and with whose money the set was made
    consent: str = ""  # of the people shown
    collection: str = ""  # how, when, where and by whom the photographs were taken, and with what ethical review
    labelling: str = ""  # who labelled the photographs at their sources, and how it was confirmed
    used: str = ""  # in what the set has been used


def read_about(path: Path) -> About:
    """Read a TOML file with some of the fields of `About`.

    Raises:
        DataError: it cannot be read, or a field is unknown, no text, or no date.
    """
    known = ", ".join(field.name for field in fields(About))
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            str(path), f"is no TOML ({error})", f'write lines such as name = "..."; fields: {known}'
        ) from None
    given = {name: value.isoformat() if isinstance(value, date) else value for name, value in given.items()}
    for name, value in given.items():
        if name not in {field.name for field in fields(About)} or not isinstance(value, str):
            raise DataError(f"{path}: {name}", "no field of a card, or no text", f"fields: {known}")
    about = About(**given)
    try:
        date.fromisoformat(about.date or "2000-01-01")
    except ValueError:
        raise DataError(f"{path}: date", f"{about.date!r} is no date", "write year-month-day") from None
    return about
