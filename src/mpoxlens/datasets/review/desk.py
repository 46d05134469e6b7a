"""What the page shows and what it may ask for, as plain objects; no HTTP in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.manifest import CONFLICT
from mpoxlens.datasets.quality.checks import MEANINGS
from mpoxlens.datasets.review.actions import ACTIONS, text, whole
from mpoxlens.datasets.review.queue import KINDS, Item, Queue
from mpoxlens.datasets.review.session import Change, Session, StaleError
from mpoxlens.datasets.reviews import Review
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

Shown = dict[str, Any]  # what goes to the page as JSON

REASONS = {  # of a drop, by the letter that picks it
    "d": "drawing",
    "c": "collage",
    "t": "text",
    "s": "not_skin",
    "l": "not_label",
    "u": "unusable",
    "p": "privacy",
}
FLAGS = (
    "face", "eye_bar", "nudity", "hands", "feet", "studio_white", "doubtful_label", "faint_lesion", "treatment_marks",
    "little_skin", "watermark", "text_small", "overlay", "frame", "lowres",
)  # fmt: skip


class Desk:
    """One reviewer, the queue and the decisions so far."""

    def __init__(self, queue: Queue, session: Session) -> None:
        self.queue, self.session = queue, session
        self._copies: dict[str, list[ImageRecord]] = {}
        for copy in queue.manifest.copies:
            self._copies.setdefault(copy.sha256, []).append(copy)
        self._chosen: dict[tuple[str, str], list[int]] = {}

    def start(self) -> Shown:
        """What stays the same while the page is open."""
        found = {name for names in self.queue.flags.values() for name in names}
        given = {one.reason for one in self.session.reviews() if one.action == "flag"}
        return {
            "reviewer": self.session.reviewer,
            "file": self.session.path.name,
            "labels": sorted({record.label for record in self.queue.records.values()}),
            "reasons": REASONS,
            "flags": list(dict.fromkeys([*FLAGS, *sorted(found | given)])),
            "meanings": MEANINGS | {CONFLICT: "The same file came under two labels."},
            "notes": list(self.queue.notes),
        }

    def view(self, kind: str = "", label: str = "", at: int = 0) -> Shown:
        """One item of those of a kind and label ("" is any), with the progress; `at` counts among them from 0."""
        chosen = self._choice(kind, label)
        at = max(0, min(at, len(chosen) - 1))
        undo, redo = self.session.steps
        return {
            "kind": kind,
            "label": label,
            "at": at,
            "of": len(chosen),
            "decided": sum(self._decided(self.queue.items[i]) for i in chosen),
            "kinds": self._kinds(),
            "undo": undo,
            "redo": redo,
            "revision": self.session.revision,
            "item": self._item(chosen[at]) if chosen else None,
        }

    def seek(self, kind: str, label: str, at: int) -> Shown:
        """The next undecided item after `at`, from the beginning again when there is none; `at` when all are."""
        chosen = self._choice(kind, label)
        places = [*range(at + 1, len(chosen)), *range(min(at + 1, len(chosen)))]
        found = next((i for i in places if not self._decided(self.queue.items[chosen[i]])), at)
        return self.view(kind, label, found)

    def act(self, asked: Mapping[str, Any]) -> Shown:
        """Do what the page asks for, and return the view that follows.

        Raises:
            StaleError: the page does not show the decisions as they are.
            ChangedError: the file was changed by something else.
            DataError: it asks for something that makes no sense.
            MpoxlensError: it could not be written.
        """
        kind, label = text(asked, "kind"), text(asked, "label")
        with self.session.lock:
            if text(asked, "revision") != self.session.revision:
                raise StaleError("this page", "something was decided in another tab meanwhile", "look at it anew")
            at = whole(asked, "at")
            action = text(asked, "do")
            if action not in ACTIONS:
                raise DataError(f"action {action!r}", "unknown", f"use {', '.join(ACTIONS)}")
            change = ACTIONS[action](self.queue, self.session, asked)
            if action in ("undo", "redo") and change:
                return self._where(change, kind, label, at)
            return self.view(kind, label, at)

    def reload(self, kind: str, label: str, at: int) -> Shown:
        """Read the decisions file again."""
        with self.session.lock:
            self.session.reload()
            return self.view(kind, label, at)

    def _choice(self, kind: str, label: str) -> list[int]:
        """Which items of the queue are of this kind and label."""
        if (kind, label) not in self._chosen:
            self._chosen[kind, label] = [
                i
                for i, item in enumerate(self.queue.items)
                if kind in ("", item.kind)
                and (not label or any(self.queue.records[sha].label == label for sha in item.photographs))
            ]
        return self._chosen[kind, label]

    def _decided(self, item: Item) -> bool:
        return self.session.judged.issuperset(item.photographs)

    def _kinds(self) -> list[Shown]:
        count = dict.fromkeys(KINDS, 0)
        decided = dict.fromkeys(KINDS, 0)
        for item in self.queue.items:
            count[item.kind] += 1
            decided[item.kind] += self._decided(item)
        return [{"kind": k, "title": KINDS[k], "of": count[k], "decided": decided[k]} for k in KINDS if count[k]]

    def _where(self, change: Change, kind: str, label: str, at: int) -> Shown:
        """The item that an undone action was about: the one that is shown, or the first of those chosen, or of all."""
        for one in ((kind, label), ("", "")):
            places = [i for i, n in enumerate(self._choice(*one)) if change.sha256 in self.queue.items[n].photographs]
            if places:
                return self.view(*one, at if one == (kind, label) and at in places else places[0])
        return self.view(kind, label, at)

    def _item(self, number: int) -> Shown:
        item = self.queue.items[number]
        links, cut = self.queue.within(item), self.session.cut(item.photographs)
        return {
            "number": number,
            "kind": item.kind,
            "title": KINDS[item.kind],
            "text": item.text,
            "decided": self._decided(item),
            "photographs": [self._photograph(sha, links, cut) for sha in item.photographs],
        }

    def _photograph(self, sha: str, links: Sequence[Link], cut: set[frozenset[str]]) -> Shown:
        record, mine = self.queue.records[sha], self.session.of(sha)
        verdict = self.session.verdict(sha)
        return {
            "sha256": sha,
            "label": record.label,
            "source": record.source,
            "name": record.path,
            "width": record.width,
            "height": record.height,
            "bytes": record.bytes,
            "patient": record.patient,
            "copies": [{"name": copy.path, "label": copy.label} for copy in self._copies.get(sha, ())],
            "found": list(self.queue.flags.get(sha, ())),
            "faces": list(self.queue.faces.get(sha, ())),
            "verdict": verdict and _shown(verdict),
            "lines": [_shown(one) for one in mine],
            "links": [
                {"other": link.b if link.a == sha else link.a, "method": link.method, "inliers": link.inliers,
                 "overlap": link.overlap, "apart": frozenset((link.a, link.b)) in cut}
                for link in links if sha in (link.a, link.b)
            ],
        }  # fmt: skip


def _shown(review: Review) -> Shown:
    return {"action": review.action, "value": review.value, "reason": review.reason, "date": review.date}
