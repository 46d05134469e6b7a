"""`mpoxlens vlm instructions`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mpoxlens.datasets.places import outside_photographs
from mpoxlens.datasets.progress import Tell, progress, silent
from mpoxlens.datasets.workspace import Workspace, alone, write_problems
from mpoxlens.errors import DataError
from mpoxlens.screening.output import unwritten
from mpoxlens.vlm.instructions.make import Made, Settings, instructions
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.instructions.write import write

PROBLEMS = "problems.csv"


def command(data: Path, out: Path, *, phantoms: int, per_photo: int, seed: int, profile: str) -> int:
    """Make the set of a workspace, say what is in it, and return the exit code: 1 when photographs were left out."""
    work = Workspace(data)
    with alone(work), progress() as tell:
        made, files = run(work, out, Settings(phantoms, per_photo, seed, profile), tell)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(_counts(made.records))
    console.print(f"written: {', '.join(str(path) for path in files)}")
    if made.problems:
        count = len(made.problems)
        Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print(
            f"mpoxlens: {count} photograph{'s' * (count > 1)} could not be read and {'were' if count > 1 else 'was'} "
            f"left out: {out / PROBLEMS}"
        )
    return 1 if made.problems else 0


def run(work: Workspace, out: Path, settings: Settings, tell: Tell = silent) -> tuple[Made, tuple[Path, ...]]:
    """Make the set of a workspace's cleaned photographs and write it into a folder.

    Returns:
        The set, and the files written.

    Raises:
        DataError: the decisions were not applied, the folder lies among the photographs, or nothing can be asked.
        MpoxlensError: a file cannot be written.
    """
    if not work.table("clean").exists():
        work.manifest()  # which says what is missing where there is no workspace at all
        raise DataError(str(work.path), "the decisions were not applied yet", f"first: {work.mend('clean')}")
    manifest = work.clean()
    outside_photographs(out, manifest.root, work)
    made = instructions(manifest, settings, tell=tell)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / PROBLEMS).unlink(missing_ok=True)
    except OSError as error:
        raise unwritten(out, error) from None
    files = write(made.records, out, work.state())
    if made.problems:
        write_problems(made.problems, out / PROBLEMS)
    return made, files


def _counts(records: Sequence[Instruction]) -> Table:
    table = Table("kind", "train", "template-test", title="questions", title_justify="left")
    found = Counter((one.kind, one.split) for one in records)
    for kind in sorted({one.kind for one in records}):
        table.add_row(kind, str(found[kind, "train"]), str(found[kind, "template-test"]))
    return table
