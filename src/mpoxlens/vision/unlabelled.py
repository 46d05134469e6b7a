"""Images without a label, which a student learns from its teacher alone: drawings, and photographs of anywhere.

No photograph is taken that shows what the student is judged on, in whole or in part. That another one shows the same
person cannot be found by looking at pixels: keep to photographs of other people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mpoxlens.datasets.duplicates.groups import group
from mpoxlens.datasets.duplicates.search import find_links
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.sources.tree import walk
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.photo import decode_photo, read_bytes
from mpoxlens.schema import ImageRecord, Pixels
from mpoxlens.vision.data import UNLABELLED, TrainingSet, load_pixels

SIDE = 256  # px of a drawing
BARE = 0.25  # share of the drawings that show no lesion
MOST = 60  # lesions


@dataclass(frozen=True, eq=False)
class Pool:
    """Unlabelled photographs, and what each shows of a manifest's."""

    pixels: list[Pixels]
    shows: list[frozenset[str]]  # clusters of the manifest
    problems: tuple[MpoxlensError, ...] = ()  # what could not be used, while the rest went on

    def without(self, held_out: Set[str]) -> list[Pixels]:
        """Return the photographs that show nothing of the held-out clusters."""
        return [pixels for pixels, shown in zip(self.pixels, self.shows, strict=True) if not shown & held_out]


def phantoms(count: int, seed: int) -> list[Pixels]:
    """Draw `count` phantoms of every tone and stage, a quarter without any lesion; see `datasets.phantom`."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        number, tone = int(rng.integers(2**32)), float(rng.uniform(-60, 70))
        lesions, stage = int(rng.integers(1, MOST + 1)), STAGES[int(rng.integers(len(STAGES)))]
        lesions = 0 if rng.random() < BARE else lesions
        drawn.append(draw(number, count=lesions, stage=stage, tone=tone, size=SIDE).pixels)
    return drawn


def photographs(folder: Path, manifest: Manifest, cache: Path | None = None, tell: Tell = silent) -> Pool:
    """Read a folder of photographs whose labels are unknown or not believed.

    Args:
        folder: with photographs, in folders of any names.
        manifest: all photographs that students learn from or are judged on, with clusters.
        cache: folder that keeps what duplicates are found by.
        tell: shows how far the search for duplicates is.

    Raises:
        DataError: no such folder, or no usable photograph in it.
    """
    found, problems = _read(folder)
    if not found:
        raise DataError(str(folder), "no usable photograph in it", "name a folder of photographs")
    new = [_record(sha, path) for sha, path in found.items() if sha not in manifest.paths]
    links = find_links(
        manifest.paths | {record.sha256: found[record.sha256] for record in new},
        cache=cache,
        progress=lambda done, of: tell("looking for copies", done, of),
    )
    # The manifest's own clusters count as one "patient" each, so that a photograph between two of them meets both.
    known = [replace(record, source="", patient=record.group) for record in manifest.records]
    joined = group([*known, *new], links)
    shown: dict[str, set[str]] = {}
    for record in joined[: len(known)]:
        shown.setdefault(record.group, set()).add(str(record.patient))
    own = {record.sha256: frozenset({record.group}) for record in manifest.records}
    shows = own | {r.sha256: frozenset(shown.get(r.group, ())) for r in joined[len(known) :]}
    records = [_record(sha, path) for sha, path in found.items()]
    pixels = load_pixels(Path(), records)
    return Pool(pixels, [shows[record.sha256] for record in records], tuple(problems))


def with_unlabelled(data: TrainingSet, pixels: Sequence[Pixels]) -> TrainingSet:
    """Return a training set to which photographs without a label were added, each a cluster of its own."""
    if not pixels:
        return data
    digest = hashlib.sha256(data.identity.encode())
    for one in pixels:
        digest.update(one.tobytes())
    return replace(
        data,
        pixels=[*data.pixels, *pixels],
        targets=[*data.targets, *[UNLABELLED] * len(pixels)],
        clusters=[*data.clusters, *(f"unlabelled {i}" for i in range(len(pixels)))],
        identity=digest.hexdigest(),
    )


def _read(folder: Path) -> tuple[dict[str, Path], list[MpoxlensError]]:
    """Return the file of each sha256, and what is no usable photograph."""
    tree = walk(folder)
    found: dict[str, Path] = {}
    problems: list[MpoxlensError] = list(tree.problems)
    for name in tree.photos:
        path = folder / name
        try:
            photo = decode_photo(read_bytes(path), str(path))
        except MpoxlensError as error:
            problems.append(error)
        else:
            found.setdefault(photo.sha256, path.resolve())
    return found, problems


def _record(sha256: str, path: Path) -> ImageRecord:
    return ImageRecord(sha256, str(path), "", "", None, 0, 0, "")
