"""Make the question-answer set of a data set: photographs, damaged copies of them, phantoms, and other drawings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError, MpoxlensError, PhotoError
from mpoxlens.photo import read_photo
from mpoxlens.schema import ImageRecord
from mpoxlens.vlm.frequencies import Frequencies, load_frequencies
from mpoxlens.vlm.instructions.drawn import described, no_skin
from mpoxlens.vlm.instructions.histories import Source
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.instructions.photographs import advised, judged, learned, seen


@dataclass(frozen=True)
class Settings:
    """What may be chosen."""

    phantoms: int = 300  # and half as many drawings of other things
    per_photo: int = 4  # questions after the diagnosis, each with a history of its own
    seed: int = 7
    profile: str = "2022"  # of the frequencies


@dataclass(frozen=True)
class Made:
    """The set, and which photographs could not be asked about."""

    records: tuple[Instruction, ...]
    problems: tuple[MpoxlensError, ...]


def instructions(
    manifest: Manifest,
    settings: Settings | None = None,
    frequencies: Frequencies | None = None,
    tell: Tell = silent,
) -> Made:
    """Ask about every photograph whose label nobody doubts, and about what is drawn.

    What is asked of one picture depends on the picture and the seed alone, not on the other pictures, except that
    `posterior` and effects are among the labels that are present.

    Args:
        manifest: of the cleaned data set.
        settings: how much is asked.
        frequencies: of the histories; the shipped table unless given.
        tell: told how far it is.

    Raises:
        DataError: no photograph is left to be asked about, or the profile is unknown.
    """
    settings, frequencies = settings or Settings(), frequencies or load_frequencies()
    if settings.profile not in frequencies.profiles:
        known = ", ".join(frequencies.profiles)
        raise DataError(f"profile {settings.profile!r}", "not in the table of frequencies", f"give one of {known}")
    source = Source.of(manifest, frequencies, settings.profile)
    photographs = learned(manifest)
    if not photographs:
        raise DataError(str(manifest.root), "no photograph has a label that nobody doubts", "review the labels first")
    records: list[Instruction] = []
    problems: list[MpoxlensError] = []
    paths = manifest.paths
    for number, record in enumerate(photographs, 1):
        try:
            records.extend(_asked(record, paths, source, settings))
        except PhotoError as error:
            problems.append(error)
        tell("asking about photographs", number, len(photographs))
    records.extend(_drawn(source, settings, tell))
    return Made(tuple(records), tuple(problems))


def _asked(record: ImageRecord, paths: Mapping[str, Path], source: Source, settings: Settings) -> Iterator[Instruction]:
    pixels = read_photo(paths[record.sha256]).pixels  # first: of an unreadable photograph nothing is asked
    rng = np.random.default_rng((settings.seed, int(record.sha256[:15], 16)))
    yield from judged(record, source, rng, settings.per_photo)
    yield from advised(record, rng)
    yield from seen(record, pixels, source, rng)


def _drawn(source: Source, settings: Settings, tell: Tell) -> Iterator[Instruction]:
    first = settings.seed * 1_000_000  # so that another seed draws other phantoms
    for number in range(settings.phantoms):
        yield from described(first + number, source)
        if number % 2:
            yield from no_skin(first + number // 2, source)
        tell("asking about drawings", number + 1, settings.phantoms)
