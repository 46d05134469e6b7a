"""What the page shows and what it may ask for, as plain objects; no HTTP in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mpoxlens.datasets.duplicates.links import Link
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
        self.records = {record.sha256: record for record in queue.manifest.records}
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
            "labels": sorted({record.label for record in self.records.values()}),
            "reasons": REASONS,
            "flags": list(dict.fromkeys([*FLAGS, *sorted(found | given)])),
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
        kind, label = _text(asked, "kind"), _text(asked, "label")
        with self.session.lock:
            if _text(asked, "revision") != self.session.revision:
                raise StaleError("this page", "something was decided in another tab meanwhile", "look at it anew")
            at = _whole(asked, "at")
            action = _text(asked, "do")
            if action not in self._actions:
                raise DataError(f"action {action!r}", "unknown", f"use {', '.join(self._actions)}")
            change = self._actions[action](self, asked)
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
                and (not label or any(self.records[sha].label == label for sha in item.photographs))
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
        links, cut = _within(self.queue, item), self.session.cut(item.photographs)
        return {
            "number": number,
            "kind": item.kind,
            "title": KINDS[item.kind],
            "text": item.text,
            "decided": self._decided(item),
            "photographs": [self._photograph(sha, links, cut) for sha in item.photographs],
        }

    def _photograph(self, sha: str, links: Sequence[Link], cut: set[frozenset[str]]) -> Shown:
        record, mine = self.records[sha], self.session.of(sha)
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

    def _shas(self, asked: Mapping[str, Any]) -> list[str]:
        """The photographs that an action is about."""
        given = asked.get("photographs")
        if not isinstance(given, list) or not given or not all(isinstance(sha, str) for sha in given):
            raise DataError("photographs", "none is named", "choose a photograph")
        unknown = next((sha for sha in given if sha not in self.records), None)
        if unknown is not None:
            raise DataError(f"photograph {unknown[:12]}", "not in this data set", "choose one that is shown")
        return list(dict.fromkeys(given))

    def _shown_item(self, asked: Mapping[str, Any]) -> Item:
        number = _whole(asked, "item")
        if not 0 <= number < len(self.queue.items):
            raise DataError(f"item {number}", "there is none", "look at the page anew")
        return self.queue.items[number]

    def _accept(self, asked: Mapping[str, Any]) -> Change | None:
        open_ = [sha for sha in self._shown_item(asked).photographs if sha not in self.session.judged]
        return self.session.judge(open_, "keep")

    def _relabel(self, asked: Mapping[str, Any]) -> Change | None:
        return self.session.judge(self._shas(asked), "relabel", _needed(asked, "value"))

    def _drop(self, asked: Mapping[str, Any]) -> Change | None:
        return self.session.judge(self._shas(asked), "drop", "", _needed(asked, "reason"))

    def _apart(self, asked: Mapping[str, Any]) -> Change | None:
        links = _within(self.queue, self._shown_item(asked))
        change = self.session.apart(self._shas(asked), links)
        if change is None:
            raise DataError("split", "no link joins it to the others, or it was split already", "choose another")
        return change

    def _hide(self, asked: Mapping[str, Any]) -> Change | None:
        boxes = asked.get("boxes")
        if not isinstance(boxes, list) or not all(isinstance(one, str) for one in boxes):
            raise DataError("hide", "no box is given", "draw one")
        (sha,) = self._shas(asked)[:1]
        return self.session.hide(sha, boxes)

    def _remove(self, asked: Mapping[str, Any]) -> Change | None:
        (sha,) = self._shas(asked)[:1]
        return self.session.remove(sha, *(_text(asked, name) for name in ("action", "value", "reason")))

    _actions: Mapping[str, Callable[[Desk, Mapping[str, Any]], Change | None]] = {
        "accept": _accept,
        "keep": lambda self, asked: self.session.judge(self._shas(asked), "keep"),
        "drop": _drop,
        "relabel": _relabel,
        "flag": lambda self, asked: self.session.flag(self._shas(asked), _needed(asked, "reason")),
        "group": lambda self, asked: self.session.together(self._shas(asked)),
        "apart": _apart,
        "hide": _hide,
        "remove": _remove,
        "undo": lambda self, asked: self.session.undo(),
        "redo": lambda self, asked: self.session.redo(),
    }


def _within(queue: Queue, item: Item) -> list[Link]:
    """The links between the photographs of an item."""
    inside = set(item.photographs)
    links = {link for sha in item.photographs for link in queue.links.get(sha, ()) if {link.a, link.b} <= inside}
    return sorted(links, key=lambda link: (link.a, link.b))


def _shown(review: Review) -> Shown:
    return {"action": review.action, "value": review.value, "reason": review.reason, "date": review.date}


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str) or len(value) > 200:
        raise DataError(name, "a short text is needed", "look at the page anew")
    return value


def _needed(asked: Mapping[str, Any], name: str) -> str:
    value = " ".join(_text(asked, name).split())
    if not value:
        raise DataError(name, "it is empty", "choose one")
    return value


def _whole(asked: Mapping[str, Any], name: str) -> int:
    value = asked.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(name, "a whole number is needed", "look at the page anew")
    return value
