"""Parts that no cluster crosses, each label spread as evenly as whole clusters allow: folds, a hold-out, or by source.

Clusters are handed out largest first, each to the part that has least of its label (the greedy of scikit-learn's
StratifiedGroupKFold). What that one lacks: parts of unequal size, and an earlier split that is kept when photographs
come to the data set.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

SHOWN = 10  # cut clusters in a message
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """A part for every photograph, and which photographs an earlier split had elsewhere."""

    parts: tuple[str, ...]  # names
    part: Rows  # [N] index into `parts`
    moved: tuple[str, ...] = ()  # sha256; a link found later joined clusters of two parts

    def names(self) -> list[str]:
        """The part of every photograph."""
        return [self.parts[k] for k in self.part.tolist()]


def folds(records: Sequence[ImageRecord], count: int, seed: int, before: Mapping[str, str] | None = None) -> Split:
    """Split into parts "0" to "count - 1" of equal size, stratified by label, grouped by cluster.

    Args:
        records: of a manifest, with clusters.
        count: how many parts.
        seed: of the order in which clusters of one size are handed out.
        before: part of each sha256 in an earlier split, which is kept.

    Raises:
        DataError: a label has fewer clusters than there are parts.
    """
    check_enough(records, count, f"{count} folds")
    return _handed_out(records, {str(k): 1 / count for k in range(count)}, seed, before or {})


def hold_out(records: Sequence[ImageRecord], share: float, seed: int, before: Mapping[str, str] | None = None) -> Split:
    """Split into "train" and "test", the latter with about this share of every label; see `folds`.

    Raises:
        DataError: a share that is not between 0 and 1, or a label with a single cluster.
    """
    if not 0 < share < 1:
        raise DataError(f"share {share:g}", "it leaves one side empty", "give a number between 0 and 1")
    check_enough(records, 2, "two sides")
    return _handed_out(records, {"train": 1 - share, "test": share}, seed, before or {})


def by_source(records: Sequence[ImageRecord]) -> Split:
    """Make every source a part, for leaving one out. Clusters may cross sources: `sides` keeps them out of training.

    Raises:
        DataError: there is one source only.
    """
    names = sorted({record.source for record in records})
    if len(names) < 2:
        raise DataError(f"source {names[0]}", "there is no other source", "split with folds instead")
    index = {name: i for i, name in enumerate(names)}
    return Split(tuple(names), np.array([index[record.source] for record in records]))


def published(records: Sequence[ImageRecord]) -> Split:
    """Take the publisher's own folds; check them with `check_no_leak` before they are used.

    Raises:
        DataError: a photograph has none.
    """
    for record in records:
        if record.fold is None:
            raise DataError(record.path, "its publisher ships no fold for it", "split with folds instead")
    names = sorted({str(record.fold) for record in records})
    return Split(tuple(names), np.array([names.index(str(record.fold)) for record in records]))


def sides(records: Sequence[ImageRecord], split: Split, tested: int) -> tuple[Rows, Rows]:
    """Return the rows to learn from and the rows to test on: what shares a cluster with the tested is in neither."""
    test = split.part == tested
    clusters = {record.group for record, tested_on in zip(records, test.tolist(), strict=True) if tested_on}
    apart = np.array([record.group not in clusters for record in records])
    return np.flatnonzero(apart & ~test), np.flatnonzero(test)


def check_no_leak(records: Sequence[ImageRecord], parts: Sequence[str]) -> None:
    """Refuse parts that cut a cluster.

    Raises:
        DataError: names the files, two a cluster, up to `SHOWN` clusters.
    """
    first: dict[str, tuple[str, str]] = {}
    cut: dict[str, str] = {}
    for record, part in zip(records, parts, strict=True):
        seen, path = first.setdefault(record.group, (part, record.path))
        if seen != part:
            cut.setdefault(record.group, f"{record.path} ({part}) and {path} ({seen})")
    if cut:
        named = "; ".join(list(cut.values())[:SHOWN]) + ("; ..." if len(cut) > SHOWN else "")
        clusters = "1 cluster is" if len(cut) == 1 else f"{len(cut)} clusters are"
        why = f"{clusters} cut: the same person or photograph is in two parts: {named}"
        raise DataError("the split", why, "split by cluster")


def _handed_out(
    records: Sequence[ImageRecord], sizes: Mapping[str, float], seed: int, before: Mapping[str, str]
) -> Split:
    names = tuple(sizes)
    before = {sha: part for sha, part in before.items() if part in sizes}
    clusters: dict[str, list[int]] = defaultdict(list)
    for row, record in enumerate(records):
        clusters[record.group].append(row)
    labels = {label: i for i, label in enumerate(sorted({record.label for record in records}))}
    label = np.array([labels[record.label] for record in records])
    room = np.outer(list(sizes.values()), np.bincount(label, minlength=len(labels)))  # [P, L] photographs
    filled = np.zeros_like(room)
    part = np.empty(len(records), np.int64)
    moved: list[str] = []
    for rows, kept in _in_turn(records, clusters, names, before, seed):
        found = np.bincount(label[rows], minlength=len(labels))
        k = kept if kept is not None else int(np.argmin((filled / room) @ found))
        filled[k] += found
        part[rows] = k
        moved += [records[i].sha256 for i in rows if before.get(records[i].sha256, names[k]) != names[k]]
    return Split(names, part, tuple(sorted(moved)))


def _in_turn(
    records: Sequence[ImageRecord],
    clusters: Mapping[str, list[int]],
    names: Sequence[str],
    before: Mapping[str, str],
    seed: int,
) -> Iterator[tuple[list[int], int | None]]:
    """Clusters with their earlier part, if any: those that have one first, then by size, in a random order."""
    turn = []
    random = np.random.default_rng(seed).permutation(len(clusters)).tolist()
    for order, name in zip(random, sorted(clusters), strict=True):
        rows = clusters[name]
        votes = Counter(p for i in rows if (p := before.get(records[i].sha256)))
        kept = max(votes, key=lambda p: (votes[p], p)) if votes else None
        turn.append((kept is None, -len(rows), order, rows, kept))
    for *_, rows, kept in sorted(turn, key=lambda one: one[:3]):
        yield rows, None if kept is None else names.index(kept)


def check_enough(records: Sequence[ImageRecord], count: int, parts: str, setting: str = "") -> None:
    """Refuse a label that cannot lie in every part.

    Args:
        records: with clusters.
        count: how many parts are asked for.
        parts: what they are called.
        setting: that asks for them, if one does, such as "train.folds".

    Raises:
        DataError: a label has fewer clusters than there are parts.
    """
    clusters = Counter(label for label, _ in {(r.label, r.group) for r in records})
    for n, label in sorted((n, label) for label, n in clusters.items() if n < count):
        have = "1 cluster is" if n == 1 else f"{n} clusters are"
        ask = f"set {setting} to {n} at most" if setting else "ask for fewer parts"
        alone = "add photographs of other people, since a label needs two clusters at least"
        mend = alone if n == 1 else f"add photographs, or {ask}"
        raise DataError(f"label {label}", f"{have} too few for {parts}", mend)
