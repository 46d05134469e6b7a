"""Choose a layout, read it, and check every entry: what cannot be used is told in a line, and the rest goes on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mpoxlens.datasets.sources import (
    ahsan2022,
    ddi,
    fitzpatrick17k,
    generic,
    ham10000,
    mcsi,
    msid,
    msld_v1,
    msld_v2,
    pad_ufes_20,
    scin,
)
from mpoxlens.datasets.sources.nouns import Entry, Found, Labelled, Layout, LeftOut, Source, fitzpatrick
from mpoxlens.datasets.sources.tables import said
from mpoxlens.datasets.sources.tree import Tree, absolute, walk
from mpoxlens.datasets.sources.unread import unread
from mpoxlens.errors import DataError

PUBLISHED = (ahsan2022, ddi, fitzpatrick17k, ham10000, mcsi, msid, msld_v1, msld_v2, pad_ufes_20, scin)
LAYOUTS = {
    layout.name: layout for layout in (generic.TABLE, generic.FOLDERS, *(adapter.LAYOUT for adapter in PUBLISHED))
}


def read_source(root: Path, layout: str | None = None) -> Source:
    """Return the labelled files of a data set, and a line for everything in it that cannot be used.

    Args:
        root: the data set's folder, as downloaded; or with `labels.csv` (columns `file` and `label`, optionally
            `source`, `patient`, `tone` and `licence`); or with one folder a class.
        layout: a name of `LAYOUTS`; None recognises it from what is in the folder.

    Raises:
        DataError: no such folder or layout, or not one photograph that can be used.
    """
    tree = walk(root)
    chosen, doubts = _choose(tree, layout)
    own, left_out = _without_copies(tree, chosen)
    labelled, refused = _settle(own, chosen)
    problems = (*tree.problems, *doubts, *left_out, *refused)
    if not labelled:
        raise _nothing(root, problems)
    found = tuple(sorted(labelled, key=lambda item: item.path))
    return Source(chosen.name, found, problems, chosen.licence, chosen.citation)


def _choose(tree: Tree, name: str | None) -> tuple[Layout, list[DataError]]:
    """Return the layout that was named, or that the folder has; class folders when none or several fit."""
    if name is not None:
        if name not in LAYOUTS:
            near = difflib.get_close_matches(name, LAYOUTS, n=1)
            mend = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(LAYOUTS))}"
            raise DataError(f"layout {name}", "no such layout", mend)
        return LAYOUTS[name], []
    if generic.TABLE.matches(tree):
        return generic.TABLE, []
    fitting = [adapter.LAYOUT for adapter in PUBLISHED if adapter.LAYOUT.matches(tree)]
    if len(fitting) == 1:
        return fitting[0], []
    names = " and ".join(layout.name for layout in fitting)
    doubt = DataError(str(tree.root), f"looks like {names}, so it is read as class folders", "name one with --layout")
    return generic.FOLDERS, [doubt] if fitting else []


def _without_copies(tree: Tree, layout: Layout) -> tuple[Tree, list[DataError]]:
    """Take out what the publisher made from other photographs of the set."""
    gone: dict[str, list[str]] = {}
    base = tree.root.resolve().name
    for path in tree.photos:
        within = f"{base}/{path}".casefold()
        why = next((why for pattern, why in layout.copies.items() if re.search(pattern, within)), None)
        if why:
            gone.setdefault(why, []).append(path)
    lost = {path for paths in gone.values() for path in paths}
    kept = replace(tree, files=tuple(path for path in tree.files if path not in lost))
    mend = "use the originals"
    return kept, [LeftOut(tuple(paths), why, mend).told(str(tree.root)) for why, paths in gone.items()]


def _settle(tree: Tree, layout: Layout) -> tuple[list[Labelled], list[DataError]]:
    """Check what the layout says of each file; photographs of which it says nothing are told in one line."""
    held: dict[str, tuple[Labelled, str]] = {}
    problems: list[DataError] = []
    mentioned: set[str] = set()
    for item in _until_broken(layout.read(tree)):
        if isinstance(item, DataError):
            problems.append(item)
        elif isinstance(item, LeftOut):
            mentioned.update(item.paths)
            problems.append(item.told(str(tree.root)))
        else:
            mentioned.add(item.path)
            entry = _said(item)
            checked = _checked(entry, tree, layout)
            if isinstance(checked, Labelled) and checked.path in held:
                checked = _again(entry, *held[checked.path])
            if isinstance(checked, Labelled):
                held[checked.path] = (checked, item.where)
            else:
                problems.append(checked)
    silent = tuple(path for path in tree.photos if path not in mentioned)
    if silent:
        left = LeftOut(silent, "nothing says what is on it", "add it to the table, or to a folder named by class")
        problems.append(left.told(str(tree.root)))
    problems += unread(tree, mentioned)
    return [item for item, _ in held.values()], problems


def _until_broken(found: Found) -> Iterator[Entry | LeftOut | DataError]:
    """Yield all, and in place of an error in the middle that error: what came before it stands."""
    try:
        yield from found
    except DataError as error:
        yield error


def _said(entry: Entry) -> Entry:
    """Words for "not known" say nothing."""
    return replace(
        entry,
        patient=said(entry.patient),
        tone=said(entry.tone),
        fold=said(entry.fold),
        source=said(entry.source),
        licence=said(entry.licence),
    )


def _checked(entry: Entry, tree: Tree, layout: Layout) -> Labelled | DataError:
    if entry.path not in tree.known:
        why = f"{entry.path} is not in {tree.root}" if entry.path else "it names no file"
        return DataError(entry.where, why, "correct or remove the line")
    if not entry.label:
        return DataError(entry.where, f"{entry.path} has no label", "fill the label or remove the line")
    if "\n" in entry.label:
        why = f"the label of {entry.path} goes over several lines"
        return DataError(entry.where, why, "look for a quotation mark that is not closed")
    label = layout.label(entry.label)
    if label is None:
        known = ", ".join(sorted(layout.labels or ()))
        why = f"{entry.path} has the label {entry.label!r}, which layout {layout.name} does not know"
        return DataError(entry.where, why, f"known are {known}")
    return Labelled(
        entry.path,
        label,
        entry.source or (layout.name if layout.citation else absolute(tree.root).name),
        entry.patient or None,
        entry.label,
        fitzpatrick(entry.tone),
        entry.fold or None,
        entry.licence or layout.licence,
        entry.flags,
    )


def _again(entry: Entry, held: Labelled, where: str) -> DataError:
    """A second entry of one file is never taken, whether it agrees or not: the first stands."""
    number = where.rpartition(":")[2]
    agrees = entry.label == held.published_label and (entry.patient or None) == held.patient
    why = f"{entry.path} stands in line {number} already, " + ("with the same label" if agrees else "with other words")
    return DataError(entry.where, why, "keep one of the two lines")


def _nothing(root: Path, problems: Sequence[DataError]) -> DataError:
    if not problems:
        return DataError(str(root), "no labelled photo in it", "add labels.csv (file,label) or one folder a class")
    first = problems[0]
    rest = f" (the first of {len(problems)} problems; no photo is left)" if len(problems) > 1 else ""
    return DataError(first.what, first.why, first.mend + rest)
