"""The nouns of reading a data set: what its publisher says of each file, and what we make of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mpoxlens.datasets.sources.tree import Tree
from mpoxlens.errors import DataError

AUGMENTED = "augmented copies of other photos, which would stand on both sides of a split"
_TYPE = r"[1-6]|iii|ii|iv|vi|i|v"
_TONE = re.compile(rf"(?:fst|type)?[ _]*({_TYPE})(?:\.0)?(?: *[-–]? *({_TYPE})(?:\.0)?)?")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One file and what its publisher says of it."""

    path: str  # relative to the data set's root, with forward slashes
    label: str  # our word, see labels.toml
    source: str
    patient: str | None = None  # unique within the source
    published_label: str = ""  # the publisher's word
    tone: str | None = None  # Fitzpatrick type as published, "1" to "6" or a range such as "1-2"; None when unknown
    fold: str | None = None  # the publisher's fold in which the file is tested
    licence: str = ""  # as published; empty when that is not known
    flags: tuple[str, ...] = ()  # what else the publisher says that bears on its use


@dataclass(frozen=True, slots=True)
class Entry:
    """What a line of a table, or a folder's name, says of one file, before it is checked."""

    where: str  # table and line, or the file itself
    path: str  # relative to the root
    label: str  # the publisher's word
    patient: str = ""
    tone: str = ""
    fold: str = ""
    source: str = ""
    licence: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Photographs that are passed over on purpose, told in one line."""

    paths: tuple[str, ...]
    why: str
    mend: str
    noun: str = "photo"

    def told(self, root: str) -> DataError:
        """Return the line: how many, where, and why."""
        count, first = len(self.paths), self.paths[0]
        left = f"1 {self.noun} is left out ({first})"
        if count > 1:
            left = f"{count} {self.noun}s are left out ({first} the first)"
        return DataError(root, f"{left}: {self.why}", self.mend)


Found: TypeAlias = Iterator[Entry | LeftOut | DataError]


@dataclass(frozen=True)
class Layout:
    """How one published data set lies on disk. An adapter is one file that makes one of these."""

    name: str
    matches: Callable[[Tree], bool]
    read: Callable[[Tree], Found]
    licence: str = ""
    citation: str = ""
    labels: Mapping[str, str] | None = None  # `word` of the publisher's label to ours; None takes every label as it is
    open_words: bool = False  # a label that `labels` lacks becomes its own `word`: sets of more than a hundred diseases
    copies: Mapping[str, str] = field(default_factory=lambda: {r"augment[^/]*/": AUGMENTED})  # pattern of path: why

    def label(self, published: str) -> str | None:
        """Return our word for a publisher's label, or None when the layout does not know it."""
        if self.labels is None:
            return published
        return self.labels.get(word(published), word(published) if self.open_words else None)


@dataclass(frozen=True)
class Source:
    """A data set as it was found: what can be used, and one line for everything that cannot."""

    layout: str
    labelled: tuple[Labelled, ...]  # sorted by path
    problems: tuple[DataError, ...]  # by file and line; the rest went on
    licence: str
    citation: str


def word(published: str) -> str:
    """Return a label in lower case with underscores: "Hand, foot & mouth" is hand_foot_mouth."""
    return re.sub(r"\W+|_+", "_", published.casefold()).strip("_")


def fitzpatrick(published: str) -> str | None:
    """Return "1" to "6", or a range such as "1-2", from FST3, 3.0, 12, III or 1-2; None for anything else."""
    found = _TONE.fullmatch(published.strip().casefold())
    if not found:
        return None
    low, high = (_ROMAN.get(part, part) if part else None for part in found.groups())
    if high is None:
        return low
    return f"{low}-{high}" if str(low) < high else None
