"""Write a data set after review as a folder that others can check, cite and load.

data-card.md  croissant.json  README.md  SHA256SUMS  data/*.parquet  problems.csv  sheets/*.jpg
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pyarrow import dataset

from mpoxlens.datasets.export.about import About
from mpoxlens.datasets.export.croissant import croissant
from mpoxlens.datasets.export.data_card import data_card, readme
from mpoxlens.datasets.export.facts import Facts, gather
from mpoxlens.datasets.export.names import split_names
from mpoxlens.datasets.export.rows import METADATA, Rows
from mpoxlens.datasets.export.shards import Shards
from mpoxlens.datasets.export.sheets import write_sheets
from mpoxlens.datasets.hide import faces
from mpoxlens.datasets.places import outside_photographs
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.reviews import Review
from mpoxlens.datasets.workspace import Workspace, write_problems
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.screening.output import unwritten

SUMS = "SHA256SUMS"
PAGES = ("README.md", "croissant.json", "data-card.md")


@dataclass(frozen=True)
class Exported:
    """An export that was written."""

    folder: Path
    facts: Facts
    problems: tuple[MpoxlensError, ...]  # photographs that were left out


def export(
    work: Workspace,
    out: Path,
    *,
    images: bool = False,
    sheets: bool = False,
    unhidden: bool = False,
    reviews: Sequence[Review] = (),
    about: About | None = None,
    tell: Tell = silent,
) -> Exported:
    """Write the photographs after review, or what is known of them, into a folder, whole or not at all.

    Args:
        work: with decisions applied; what the other steps found goes into the card.
        out: a folder that does not exist, is empty, or is an earlier export that nobody edited.
        images: put the photographs in too, upright, re-encoded without metadata; licences rarely let you pass them on.
        sheets: also draw contact sheets, one series a label, and the clusters in rows.
        unhidden: let photographs or sheets go out although faces were not looked for; the card says so.
        reviews: the decisions that were applied; what they hide is hidden.
        about: what only the publisher knows.
        tell: called with the stage, photographs done and photographs in all.

    Raises:
        DataError: a step before is missing or was done before the last photographs came, the folder is in use, or no
            photograph could be read.
        MpoxlensError: the folder cannot be written.
    """
    rows = Rows(work, images, faces(work, reviews))
    _check_place(out, rows.root, work)
    if (images or sheets) and not unhidden and not work.table("quality").exists():
        raise DataError(str(work.path), "faces were not looked for", f"first: {work.mend('quality')}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".export-", dir=out.parent) as temporary:
            folder = Path(temporary) / "export"
            (folder / "data").mkdir(parents=True)
            _write_data(rows, folder / "data", tell)
            facts = gather(rows, folder / "data", reviews, sheets)
            _write_pages(rows, folder, facts, about or About())
            if sheets:
                rows.problems.extend(write_sheets(rows, folder / "sheets", tell))
            problems = tuple({str(one): one for one in rows.problems}.values())
            if problems:
                write_problems(problems, folder / "problems.csv")
            _write_sums(folder)
            _put(folder, out, Path(temporary) / "before")
    except OSError as error:
        raise unwritten(out, error) from None
    return Exported(out, facts, problems)


def _write_data(rows: Rows, folder: Path, tell: Tell) -> None:
    done = 0
    embedded = json.dumps({"info": {"features": rows.features}})  # so that a single shard, too, has its label names
    schema = rows.schema.with_metadata({"huggingface": embedded})
    with ExitStack() as stack:
        names = split_names(rows.parts).items()
        shards = {part: stack.enter_context(Shards(folder, name, schema)) for part, name in names}
        for part, table in rows.by_part():
            shards[part].write(table)
            done += table.num_rows
            tell("exporting", done, rows.count)
    if not done:
        why = str(rows.problems[0]) if rows.problems else "no photograph is left"
        raise DataError(
            str(rows.work.path), f"nothing to export ({why})", "check the photographs, and ingest them again"
        )
    check_whole(folder, rows.count - len(rows.problems))


def check_whole(folder: Path, count: int) -> None:
    """Read back how many rows the Parquet files of a folder hold. DataError when they are not as many as they must."""
    written = dataset.dataset(folder, format="parquet").count_rows()
    if written != count:
        why = f"{written} rows were written in place of {count}"
        raise DataError(folder.name, why, "this is our mistake, and nothing was exported: report it")


def _write_pages(rows: Rows, folder: Path, facts: Facts, about: About) -> None:
    columns = {name: "list" if name == "flags" else str(kind) for name, kind in METADATA.items()}
    shards = {f"data/{path.name}": _sha256(path) for path in sorted((folder / "data").iterdir())}
    splits = {part: name for part, name in split_names(rows.parts).items() if part in facts.parts}
    written = datetime.now(UTC).date().isoformat()
    _write(folder / "data-card.md", data_card(facts, about, written))
    _write(folder / "README.md", readme(facts, about, splits, rows.labels, columns))
    shown = {"image": "image", **columns} if rows.images else columns
    document = croissant(facts, about, written, shown, rows.labels, shards)
    _write(folder / "croissant.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_sums(folder: Path) -> None:
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in _files(folder)]
    _write(folder / SUMS, "".join(lines))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / SUMS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_place(out: Path, root: Path, work: Workspace) -> None:
    """Refuse to write among the photographs, or over anything but an export that nobody edited."""
    mend = "name another folder"
    outside_photographs(out, root, work)
    if not out.exists() or not any(out.iterdir()):
        return
    sums = _read_sums(out / SUMS)
    held = {path.relative_to(out).as_posix(): path for path in _files(out)}
    strange = next((name for name in held if name not in sums), None)
    if not set(PAGES) <= set(sums) or strange:
        name = f" ({strange})" if strange else ""
        raise DataError(str(out), f"it holds something that is no export of ours{name}", mend)
    pages_first = sorted(held, key=lambda name: (name not in PAGES, name))
    edited = next((held[name] for name in pages_first if _sha256(held[name]) != sums[name]), None)
    if edited:
        raise DataError(str(edited), "it was edited since it was exported, and would be lost", mend)


def _read_sums(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: sha for sha, _, name in (line.partition("  ") for line in lines)}


def _put(folder: Path, out: Path, before: Path) -> None:
    """Put the finished folder in its place; an earlier export goes only then, and comes back if that fails."""
    if out.exists():
        out.replace(before)
    try:
        folder.replace(out)
    except OSError:
        if before.exists():
            before.replace(out)
        raise
    shutil.rmtree(before, ignore_errors=True)
