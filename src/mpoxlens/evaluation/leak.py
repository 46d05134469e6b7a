"""Photographs that a bundle has learned from must not judge it: found by content, by print, or by the full search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpoxlens.datasets.duplicates.feature_cache import FeatureCache, cached_features
from mpoxlens.datasets.duplicates.search import find_links
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.evaluation.fingerprint import METHOD, decode, encode, fingerprint, resembling, unpacked
from mpoxlens.schema import ImageRecord

SHA256, PRINT, SEARCH, CLUSTER = "sha256", "print", "local-features", "cluster"
NO_RECORD = (
    "The bundle has no record of the photographs that it learned from, so that a leak check by its own record was not "
    "possible."
)
NO_PRINTS = (
    "The bundle's prints of its training photographs are of another version or damaged; only copies of the same bytes "
    "were looked for."
)


@dataclass(frozen=True)
class Shared:
    """A photograph of the data set that the bundle has learned from, or whose cluster it has."""

    sha256: str
    file: str
    training: str  # sha256 of the photograph that was learned from; of its own cluster, for CLUSTER
    how: str
    alike: int  # keypoints that agree; 0 where none were compared


@dataclass(frozen=True)
class Leak:
    """What was looked for, and what was found."""

    checked: tuple[str, ...]  # ways that were possible
    shared: tuple[Shared, ...] = ()  # sorted by file, one a photograph
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "possible": bool(self.checked),
            "checked": list(self.checked),
            "shared": len(self.shared),
            "photographs": [vars(one) for one in self.shared],
            "notes": list(self.notes),
        }


def record(paths: Mapping[str, Path], cache: Path, tell: Tell = silent) -> dict[str, Any]:
    """Return what `bundle.json` holds of the training photographs under training["photographs"].

    Args:
        paths: the file of each sha256, as `Manifest.paths` has it.
        cache: folder of a workspace's `prints`, so that what the search for copies has measured is not measured again.
        tell: told how far it is.

    Raises:
        PhotoError: a file that is no usable photograph.
        DataError: a file whose content is another than its hash says.
    """
    prints = _prints(cached_features(paths, cache, 2, lambda done, of: tell("taking prints", done, of)))
    names = sorted(prints)
    return {"method": METHOD, "sha256": names, "prints": [encode(prints[name]) for name in names]}


def find(
    training: Mapping[str, Any], manifest: Manifest, cache: Path, against: Path | None = None, tell: Tell = silent
) -> Leak:
    """Find the photographs that a bundle has learned from.

    Args:
        training: the bundle's entry, with `photographs` as `record` makes it, if it was made so.
        manifest: of the data set, in its clusters.
        cache: folder for keypoints.
        against: the workspace that the bundle was trained on, or its photographs; searched as for duplicates.
        tell: told how far it is.

    Raises:
        DataError: `against` cannot be used.
    """
    known = training.get("photographs")
    checked, notes, found = [], [], dict[str, Shared]()
    if isinstance(known, Mapping) and known.get("sha256"):
        checked.append(SHA256)
        _add(found, _same(manifest.records, set(known["sha256"])))
        stored = _stored(known)
        if stored is None:
            notes.append(NO_PRINTS)
        else:
            checked.append(PRINT)
            _add(found, _by_print(manifest, stored, cache, tell))
    else:
        notes.append(NO_RECORD)
    if against is not None:
        learned = _learned(against, tell)
        checked += [way for way in (SHA256, SEARCH) if way not in checked]
        _add(found, _same(manifest.records, set(learned)))
        _add(found, _by_search(manifest, learned, cache, tell))
    _add(found, _kin(manifest.records, found))
    return Leak(tuple(checked), tuple(sorted(found.values(), key=lambda one: one.file)), tuple(notes))


def by_content(training: Mapping[str, Any], manifest: Manifest) -> Leak:
    """Find copies of the same bytes alone, before anything that takes time."""
    known = training.get("photographs")
    learned = set(known.get("sha256", ())) if isinstance(known, Mapping) else set()
    return Leak((SHA256,) if learned else (), tuple(_same(manifest.records, learned)))


def without(manifest: Manifest, leak: Leak) -> tuple[ImageRecord, ...]:
    """Return the photographs that may be judged.

    Raises:
        DataError: there is none.
    """
    gone = {one.sha256 for one in leak.shared}
    kept = tuple(record for record in manifest.records if record.sha256 not in gone)
    if not kept:
        first = leak.shared[0]
        why = f"the bundle has learned from all of its {len(gone)} photographs ({first.file} the first, by {first.how})"
        raise DataError(str(manifest.root), why, "name photographs that it has not seen")
    return kept


def _add(found: dict[str, Shared], more: Iterator[Shared]) -> None:
    """The first way that finds a photograph is the one that is told."""
    for one in list(more):
        found.setdefault(one.sha256, one)


def _same(records: Sequence[ImageRecord], learned: set[str]) -> Iterator[Shared]:
    for one in records:
        if one.sha256 in learned:
            yield Shared(one.sha256, one.path, one.sha256, SHA256, 0)


def _stored(known: Mapping[str, Any]) -> dict[str, bytes] | None:
    if known.get("method") != METHOD:
        return None
    try:
        return dict(zip(known["sha256"], map(decode, known["prints"]), strict=True))
    except (KeyError, TypeError, ValueError):
        return None


def _prints(features: FeatureCache) -> dict[str, bytes]:
    """The print of every photograph, by its own aspect."""
    try:
        return {name: fingerprint(features.features((i, 0))) for i, name in enumerate(features.names)}
    finally:
        features.close()


def _by_print(manifest: Manifest, stored: Mapping[str, bytes], cache: Path, tell: Tell) -> Iterator[Shared]:
    names, prints = list(stored), unpacked(list(stored.values()))
    features = cached_features(manifest.paths, cache, 2, lambda done, of: tell("looking for copies", done, of), [])
    try:
        row = {name: i for i, name in enumerate(features.names)}
        for n, one in enumerate(manifest.records):
            tell("comparing prints", n + 1, len(manifest.records))
            if one.sha256 not in row:  # unreadable by now; judging it will say so
                continue
            views = [features.features((row[one.sha256], k)) for k in range(features.views[row[one.sha256]])]
            alike = resembling(views, prints)
            if alike:
                best = max(alike, key=lambda photo: alike[photo])
                yield Shared(one.sha256, one.path, names[best], PRINT, alike[best])
    finally:
        features.close()


def _learned(against: Path, tell: Tell) -> dict[str, Path]:
    """The file of each photograph that was learned from."""
    work = Workspace(against)
    if work.table("clean").exists():
        found = work.clean()
    elif work.table("manifest").exists():
        found = work.manifest()
    else:
        found = collect([against], tell=tell)
    return found.paths


def _by_search(manifest: Manifest, learned: Mapping[str, Path], cache: Path, tell: Tell) -> Iterator[Shared]:
    files = {record.sha256: record.path for record in manifest.records}
    problems: list[MpoxlensError] = []
    links = find_links(
        {**learned, **manifest.paths},
        cache=cache,
        progress=lambda done, of: tell("looking for copies of training photographs", done, of),
        problems=problems,
    )
    if lost := next((one for one in problems if any(str(path) in one.what for path in learned.values())), None):
        raise DataError(lost.what, f"a training photograph, and {lost.why}", "name where the photographs are now")
    for link in links:
        for own, other in ((link.a, link.b), (link.b, link.a)):
            if own in files and other in learned:
                yield Shared(own, files[own], other, SEARCH, link.inliers)


def _kin(records: Sequence[ImageRecord], found: Mapping[str, Shared]) -> Iterator[Shared]:
    """What is in one cluster with a shared photograph shows a person that was learned from."""
    first = {one.group: one for one in reversed(records) if one.sha256 in found}
    for one in records:
        if one.group and one.group in first:
            yield Shared(one.sha256, one.path, first[one.group].sha256, CLUSTER, 0)
