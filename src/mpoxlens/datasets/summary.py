"""What a step found, as a table on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.hide import unseen
from mpoxlens.datasets.labels import Doubt
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.parts import left_out
from mpoxlens.datasets.split import Split
from mpoxlens.datasets.tables import read_table
from mpoxlens.datasets.workspace import VERBS, Workspace
from mpoxlens.errors import DataError, MpoxlensError

if TYPE_CHECKING:
    from mpoxlens.datasets.audit.audit import Audit
    from mpoxlens.datasets.review.kappa import Agreement

SHOWN = 10  # problems; the rest is in the table that is named
STEPS = ("manifest", "links", "quality", "labels", "clean", "split", "audit")


def known(work: Workspace) -> frozenset[str]:
    """Return what the workspace held before, to tell what is no longer there."""
    return frozenset(work.manifest().paths) if work.table("manifest").exists() else frozenset()


def ingested(found: Manifest, before: frozenset[str] = frozenset()) -> None:
    """Show counts by source and label, and what could not be read."""
    _print(_counts("photographs", found))
    if found.copies:
        _say(f"{_several(len(found.copies), 'further file')} with the content of one of these")
    if gone := len(before - found.paths.keys()):
        _say(f"{_several(gone, 'photograph')} of before no longer there: an ingest names all folders of the data set")
    _problems(found.problems, "problems.csv")


def linked(work: Workspace, links: Sequence[Link]) -> None:
    """Show how many photographs there really are."""
    found = work.manifest()
    groups = work.groups()
    sizes = Counter(Counter(groups.values()).values())
    labels: dict[str, set[str]] = {}
    for record in (*found.records, *found.copies):
        labels.setdefault(groups[record.path], set()).add(record.label)
    table = Table(
        "photographs in the group", "groups", title="groups of one photograph or patient", title_justify="left"
    )
    for size, count in sorted(sizes.items()):
        table.add_row(str(size), str(count))
    _print(table)
    across = sum(len(names) > 1 for names in labels.values())
    pairs = len(links) + len(found.copies)
    _say(
        f"{len(groups)} files, {_several(pairs, 'link')}, {sum(sizes.values())} groups, {across} of them across labels"
    )


def flagged(table: pa.Table) -> bool:
    """Show how many photographs carry each flag; return whether some could not be measured."""
    counts = Counter(name for names in table["flags"].to_pylist() for name in names or ())
    _print(_two_columns("flag", "photographs", counts))
    return _unmeasured(table)


def doubted(work: Workspace, doubts: Sequence[Doubt]) -> None:
    """Show the labels to doubt, by what is given and what is suggested."""
    table = Table("why", "given", "suggested", "photographs", title="labels to doubt", title_justify="left")
    for (kind, given, suggested), count in Counter((d.kind, d.given, d.suggested) for d in doubts).most_common():
        table.add_row(kind, given, suggested or "-", str(count))
    _print(table)
    _say(f"decide with: mpoxlens data review {work.path} --reviewer NAME --decisions FILE")


def applied(work: Workspace, clean: Manifest, decisions: int) -> None:
    """Show counts before and after review."""
    _say(f"{_several(decisions, 'decision')} applied")
    before, after = Counter(r.label for r in work.manifest().records), Counter(r.label for r in clean.records)
    groups = Counter(label for label, _ in {(r.label, r.group) for r in clean.records})
    table = Table("label", "before", "after", "groups", title="after review", title_justify="left")
    for label in sorted(before | after):
        table.add_row(label, str(before[label]), str(after[label]), str(groups[label]))
    table.add_row("all", str(before.total()), str(after.total()), str(len({r.group for r in clean.records})))
    _print(table)
    _problems(clean.problems, "problems-apply.csv")


def parted(work: Workspace, found: Split) -> None:
    """Show the labels in each part."""
    records = work.clean().records
    labels = sorted({r.label for r in records})
    table = Table("part", *labels, "groups", title="split", title_justify="left")
    for k, name in enumerate(found.parts):
        rows = [r for r, part in zip(records, found.part.tolist(), strict=True) if part == k]
        counts = Counter(r.label for r in rows)
        table.add_row(name, *(str(counts[label]) for label in labels), str(len({r.group for r in rows})))
    _print(table)
    if found.moved:
        _say(f"{_several(len(found.moved), 'photograph')} moved: a link joined their cluster to one of another part")
    if out := left_out(records, found):
        files = ", ".join(sorted({file for _, file in out})[:SHOWN])
        _say(f"some clusters stand in several parts ({files}): when one part is tested, keep what split-left-out.csv")
        _say("names for it out of training")


def checked(path: Path, named: int, missing: int) -> None:
    """Say that a split is whole, and how much of the data set it does not name."""
    rest = f"; it does not name {_several(missing, 'photograph')} of the workspace" if missing else ""
    _say(f"{path}: {_several(named, 'file')}, no cluster is in two parts{rest}")


def audited(work: Workspace, found: Audit) -> None:
    """Show how well each cue alone tells the label."""
    table = Table("cue", "AUROC", "95 % interval", "by chance up to", title=found.question, title_justify="left")
    for row in found.rows:
        table.add_row(row.cue, f"{row.auroc:.3f}", f"{row.low:.3f}-{row.high:.3f}", f"{row.chance:.3f}")
    _print(table)
    for note in found.notes:
        _say(note)
    _say(f"page: {work.path / 'audit.html'}")


def agreed(found: Agreement) -> None:
    """Show how far two reviewers agree."""
    for line in found.lines():
        _say(line)


def written(work: Workspace, table: pa.Table, out: Path) -> bool:
    """Say how many photographs were written; return whether some could not be."""
    if blind := unseen(work, table["sha256"]):
        _say(f"nobody looked for faces in {_several(blind, 'photograph')}; first: {work.mend('quality')}")
    _say(f"{sum(not problem for problem in table['problem'].to_pylist())} photographs: {out}")
    return _unmeasured(table)


def told(problems: Sequence[MpoxlensError]) -> bool:
    """Say what could not be used; return whether there was anything."""
    _problems(problems, "the export's problems.csv")
    return bool(problems)


def status(work: Workspace) -> None:
    """Show which steps are done, how many rows they left, and what to do next.

    Raises:
        DataError: nothing was ingested.
    """
    work.manifest()
    table = Table("step", "table", "rows", "state", title=str(work.path), title_justify="left")
    following = ""
    for name in STEPS:
        rows, state = _state(work, name)
        table.add_row(VERBS.get(name, name), work.table(name).name, rows, state)
        following = following or ("" if state == "done" else work.mend(name))
    _print(table)
    if work.decisions.exists():
        _say(f"{_several(len(work.reviews()), 'decision')} applied: {work.decisions}")
    if following:
        _say(f"next: {following}")


def _state(work: Workspace, name: str) -> tuple[str, str]:
    if not work.table(name).exists():
        return "", "not done"
    try:
        if name == "links":
            rows = len(work.links())
        else:
            rows = read_table(work.table(name), work.mend(name)).num_rows
            if name != "manifest":
                work.check(name)
    except DataError as error:
        return "", error.why
    return str(rows), "done"


def _several(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _counts(title: str, found: Manifest) -> Table:
    labels = sorted({r.label for r in found.records})
    table = Table("source", *labels, "all", title=title, title_justify="left")
    counts = Counter((r.source, r.label) for r in found.records)
    for source in sorted({r.source for r in found.records}):
        row = [counts[source, label] for label in labels]
        table.add_row(source, *map(str, row), str(sum(row)))
    total = Counter(r.label for r in found.records)
    table.add_row("all", *(str(total[label]) for label in labels), str(total.total()))
    return table


def _two_columns(first: str, second: str, counts: Mapping[str, int]) -> Table:
    table = Table(first, second)
    for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        table.add_row(name, str(count))
    return table


def _unmeasured(table: pa.Table) -> bool:
    wrong = [problem for problem in table["problem"].to_pylist() if problem]
    _lines(wrong, "the table's column problem")
    return bool(wrong)


def _problems(problems: Sequence[MpoxlensError], where: str) -> None:
    _lines([str(one) for one in problems], where)


def _lines(lines: Iterable[str], where: str) -> None:
    every = list(lines)
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for line in every[:SHOWN]:
        errors.print(f"mpoxlens: {line}")
    if len(every) > SHOWN:
        errors.print(f"mpoxlens: and {len(every) - SHOWN} more, see {where}")


def _print(table: Table) -> None:
    # Labels may hold square brackets, which rich would take for its markup.
    Console(markup=False, highlight=False).print(table)


def _say(text: str) -> None:
    Console(highlight=False, markup=False, soft_wrap=True).print(text)
