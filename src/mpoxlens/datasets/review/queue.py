"""What a reviewer is shown, in the order of need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

from mpoxlens.datasets.duplicates.groups import group
from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.manifest import CONFLICT, Manifest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

KINDS = {  # in the order of need
    "disagreement": "Disagreements",
    "conflict": "Label conflicts",
    "mislabel": "Probable mislabels",
    "group": "Near-duplicate groups",
    "flag": "Quality flags",
    "other": "Everything else",
}


@dataclass(frozen=True)
class Item:
    """One thing to decide: a photograph, or several that belong together."""

    kind: str  # of KINDS
    photographs: tuple[str, ...]  # sha256
    text: str = ""  # why it is shown


@dataclass(frozen=True, eq=False)
class Queue:
    """All there is to look at, and what is known of it."""

    manifest: Manifest
    items: tuple[Item, ...]
    links: Mapping[str, tuple[Link, ...]]  # of each photograph
    flags: Mapping[str, tuple[str, ...]]  # found by the quality step, or as published
    faces: Mapping[str, tuple[str, ...]]  # boxes found, each "left top width height" in shares of the sides
    notes: tuple[str, ...]  # which tables are missing or out of date, and how they are made

    @cached_property
    def records(self) -> Mapping[str, ImageRecord]:
        """All photographs, by sha256."""
        return {record.sha256: record for record in self.manifest.records}

    def within(self, item: Item) -> list[Link]:
        """The links between the photographs of an item."""
        inside = set(item.photographs)
        links = {link for sha in item.photographs for link in self.links.get(sha, ()) if {link.a, link.b} <= inside}
        return sorted(links, key=lambda link: (link.a, link.b))


@dataclass(frozen=True)
class Disputed:
    """A photograph of which two reviewers say different things."""

    sha256: str
    text: str


def read_queue(work: Workspace, disputed: Sequence[Disputed] = ()) -> Queue:
    """Read what there is to review; a step that was not done since photographs came leaves its part out and a note.

    Raises:
        DataError: no manifest.
    """
    manifest = work.manifest()
    known = {record.sha256 for record in manifest.records}
    notes: list[str] = []
    links = [x for x in _links(work, notes) if {x.a, x.b} <= known]
    quality = _rows(work, "quality", notes)
    labels = _rows(work, "labels", notes)
    flags = {sha: set(names) for sha, names in manifest.flags.items()}
    for row in quality:
        flags.setdefault(row["sha256"], set()).update(row["flags"])
    queue = Queue(
        manifest,
        (),
        _by_photograph(links),
        {sha: tuple(sorted(names)) for sha, names in flags.items() if names and sha in known},
        {row["sha256"]: tuple(row["faces"]) for row in quality if row["faces"]},
        tuple(notes),
    )
    return replace(queue, items=tuple(_items(queue, labels, disputed)))


def _items(queue: Queue, labels: Sequence[Mapping[str, Any]], disputed: Sequence[Disputed]) -> Iterable[Item]:
    """All items in the order of need; what was shown for one reason is not shown again for a lesser one."""
    known = {record.sha256 for record in queue.manifest.records}
    yield from (Item("disagreement", (one.sha256,), one.text) for one in disputed if one.sha256 in known)
    groups = _groups(queue)
    labels = [row for row in labels if row["sha256"] in known]
    shown: set[tuple[str, ...]] = set()
    seen: set[str] = set()
    for item in chain(_conflicts(queue, labels, groups), _mislabels(labels), _doubtful(queue, groups), _flagged(queue)):
        if item.photographs not in shown:
            shown.add(item.photographs)
            seen.update(item.photographs)
            yield item
    rest = (record for record in queue.manifest.records if record.sha256 not in seen)
    yield from (Item("other", (record.sha256,)) for record in sorted(rest, key=lambda record: record.path))


def _conflicts(queue: Queue, labels: Sequence[Mapping[str, Any]], groups: Iterable[tuple[str, ...]]) -> Iterable[Item]:
    """Files that came under two labels, then copies that carry another label, each with its whole group."""
    of = {sha: members for members in groups for sha in members}
    names: dict[str, set[str]] = {}
    for record in (*queue.manifest.records, *queue.manifest.copies):
        names.setdefault(record.sha256, set()).add(record.label)
    twice = [r.sha256 for r in queue.manifest.records if CONFLICT in queue.manifest.flags.get(r.sha256, ())]
    rows: list[tuple[str, list[str]]] = [(sha, []) for sha in twice]
    rows += [(row["sha256"], row["others"]) for row in _of_kind(labels, "conflict")]
    for sha, others in rows:
        members = of.get(sha, tuple(dict.fromkeys([sha, *(other for other in others if other in names)])))
        labelled = " and ".join(sorted({name for member in members for name in names[member]}))
        what = "One file" if len(members) == 1 else f"{len(members)} copies of one photograph"
        yield Item("conflict", members, f"{what}, labelled {labelled}")


def _mislabels(labels: Iterable[Mapping[str, Any]]) -> Iterable[Item]:
    for row in _of_kind(labels, "mislabel"):
        text = f"Labelled {row['given']}, looks like {row['suggested']} (score {row['score']:.2f})"
        yield Item("mislabel", (row["sha256"],), text)


def _doubtful(queue: Queue, groups: Iterable[tuple[str, ...]]) -> Iterable[Item]:
    """Groups, those first whose weakest link has the fewest inliers."""
    for members in sorted(groups, key=lambda members: _surety(queue, members)):
        yield Item("group", members, f"Do these {len(members)} show the same photograph?")


def _flagged(queue: Queue) -> Iterable[Item]:
    """Flagged photographs, faces first and then those with the most flags."""
    for sha, names in sorted(queue.flags.items(), key=lambda one: ("face" not in one[1], -len(one[1]), one[0])):
        yield Item("flag", (sha,), f"Flagged {', '.join(names)}")


def _of_kind(labels: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """The rows of a kind, the surest first."""
    return sorted((row for row in labels if row["kind"] == kind), key=lambda row: (-row["score"], row["sha256"]))


def _groups(queue: Queue) -> list[tuple[str, ...]]:
    """Photographs that links join, however indirectly, several each."""
    links = {link for links in queue.links.values() for link in links}
    members: dict[str, list[str]] = {}
    for record in group([r for r in queue.manifest.records if r.sha256 in queue.links], links):
        members.setdefault(record.group, []).append(record.sha256)
    return [tuple(shas) for shas in members.values()]


def _surety(queue: Queue, members: Sequence[str]) -> tuple[int, str]:
    """The weakest evidence that holds a group together, so that the doubtful ones come first."""
    links = (link for sha in members for link in queue.links[sha] if link.method != "identical")
    return min((link.inliers for link in links), default=10**9), members[0]


def _by_photograph(links: Iterable[Link]) -> dict[str, tuple[Link, ...]]:
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(link.a, []).append(link)
        found.setdefault(link.b, []).append(link)
    return {sha: tuple(of) for sha, of in found.items()}


def _links(work: Workspace, notes: list[str]) -> list[Link]:
    try:
        return work.links()
    except DataError as error:
        notes.append(str(error))
        return []


def _rows(work: Workspace, name: str, notes: list[str]) -> list[dict[str, Any]]:
    """The rows of a step's table; none and a note when it was not done, or not since photographs came."""
    try:
        table = work.fresh(name)
    except DataError as error:
        notes.append(str(error))
        return []
    if table is None:
        notes.append(str(DataError(str(work.table(name)), "no such table yet", work.mend(name))))
        return []
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
