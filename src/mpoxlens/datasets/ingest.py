"""Read labelled folders into a manifest: every file decoded once, copies of the same file told from photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pyarrow as pa

from mpoxlens.datasets.manifest import CONFLICT, Manifest
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.sources import Labelled, read_source
from mpoxlens.datasets.sources.tree import absolute, require_folder
from mpoxlens.datasets.tables import Row, fill
from mpoxlens.errors import DataError, MissingExtraError, MpoxlensError
from mpoxlens.photo import decode_photo, read_bytes
from mpoxlens.schema import ImageRecord

_FILES = pa.schema(
    [
        ("file", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("bytes", pa.int64()),
        ("what", pa.string()),
        ("problem", pa.string()),
        ("mend", pa.string()),
    ]
)


def collect(
    roots: Sequence[Path], *, layout: str | None = None, cache: Path | None = None, tell: Tell = silent
) -> Manifest:
    """Read data sets into one manifest; reviewers' decisions and clusters come later, see `manifest.apply`.

    Args:
        roots: folders, each as its publisher ships it or as `sources` describes; several lie side by side in one
            folder, so that no path of this machine gets into the manifest.
        layout: how they are laid out, instead of by what is in them.
        cache: a Parquet file that remembers what was read, so that a stopped run goes on.
        tell: called with the stage, files done and files in all.

    Raises:
        DataError: nothing usable, or folders that lie in different places or in each other. What is wrong with
            single files is in the manifest's `problems`.
    """
    if cache is None:
        with TemporaryDirectory() as folder:
            return collect(roots, layout=layout, cache=Path(folder) / "files.parquet", tell=tell)
    top, places = _side_by_side(roots)
    found = _Found(top)
    items: dict[str, Labelled] = {}
    for place, root in places.items():
        source = read_source(root, layout)
        found.problems += source.problems
        items |= {PurePosixPath(place, one.path).as_posix(): one for one in source.labelled}
    rows = fill(
        cache, [_key(top, path) for path in items], lambda key: _row(top, key), _FILES, version="1", stage="reading",
        tell=tell,
    )  # fmt: skip
    for (path, item), row in zip(items.items(), rows.to_pylist(), strict=True):
        found.add(path, item, row)
    return found.manifest()


def _side_by_side(roots: Sequence[Path]) -> tuple[Path, dict[str, Path]]:
    """Return the folder that paths start from, and each root by its name in it; a root given twice is taken once."""
    once: dict[Path, Path] = {}
    for root in roots:
        require_folder(root)
        once.setdefault(root.resolve(), root)
    if len(once) == 1:
        return next((real, {"": root}) for real, root in once.items())
    for real, root in once.items():
        around = next((once[folder] for folder in real.parents if folder in once), None)
        if around is not None:
            raise DataError(str(root), f"it lies in {around}, which is given too", "give one of the two")
    first, *others = once.values()
    top = absolute(first).parent
    for root in others:
        if absolute(root).parent != top:
            mend = "put them, or links to them, side by side in one folder"
            raise DataError(f"{first} and {root}", "they lie in different folders", mend)
    return top, {absolute(root).name: root for root in once.values()}


def _key(top: Path, path: str) -> str:
    """A file that changed is another file; the path stands last, since it may hold anything."""
    try:
        stat = (top / path).stat()
    except OSError:
        return f"0 0 {path}"
    return f"{stat.st_size} {stat.st_mtime_ns} {path}"


def _row(top: Path, key: str) -> Row:
    path = key.split(" ", 2)[2]
    try:
        data = read_bytes(top / path)
        photo = decode_photo(data, path)
    except MpoxlensError as error:
        return {"file": key, "what": path, **_problem(error, top, path)}
    size = {"width": photo.width, "height": photo.height, "bytes": len(data)}
    return {"file": key, "sha256": photo.sha256, "problem": ""} | size


def _problem(error: MpoxlensError, top: Path, path: str) -> Row:
    """Return what is wrong and what mends it, for whom a file of a data set is, not a photograph of their own rash."""
    names = (" ".join(name.split()) for name in (str(top / path), path))  # as an error writes them
    fact = next((error.what.removeprefix(name) for name in names if error.what.startswith(name)), "").removeprefix(": ")
    if isinstance(error, MissingExtraError) or error.mend.startswith("check"):
        mend = error.mend
    elif error.why == "not a photo in a format that we read":
        mend = "save it as a JPEG or PNG"
    else:
        mend = "replace or remove it"
    return {"problem": f"{fact}, {error.why}" if fact else error.why, "mend": mend}


@dataclass
class _Found:
    """The photographs found so far."""

    top: Path

    def __post_init__(self) -> None:
        self.records: dict[str, ImageRecord] = {}
        self.copies: list[ImageRecord] = []
        self.flags: dict[str, frozenset[str]] = {}
        self.problems: list[MpoxlensError] = []

    def add(self, path: str, item: Labelled, row: Row) -> None:
        """Take one file in; what is wrong with it is noted."""
        if row["problem"]:
            self.problems.append(DataError(row["what"], row["problem"], row["mend"]))
            return
        record = ImageRecord(
            sha256=row["sha256"], path=path, label=item.label, source=item.source, patient=item.patient,
            width=row["width"], height=row["height"], group="", tone=item.tone, licence=item.licence,
            bytes=row["bytes"],
            fold=item.fold,
        )  # fmt: skip
        first = self.records.setdefault(record.sha256, record)
        if first is not record:
            self.copies.append(record)
            self._compare(first, record)
        if item.flags:
            self._flag(record.sha256, *item.flags)

    def _compare(self, first: ImageRecord, again: ImageRecord) -> None:
        """Note where two copies of one file are said to be different things."""
        if again.label != first.label:
            why = f"labelled {again.label}, and {first.label} as {first.path}, with the same content"
            self.problems.append(DataError(again.path, why, "say which one holds in the decisions file"))
            self._flag(first.sha256, CONFLICT)
        if again.source == first.source and again.patient and first.patient and again.patient != first.patient:
            why = f"of patient {again.patient}, and of {first.patient} as {first.path}, with the same content"
            self.problems.append(DataError(again.path, why, "both patients are kept in one group; correct the ids"))

    def _flag(self, sha256: str, *names: str) -> None:
        self.flags[sha256] = self.flags.get(sha256, frozenset()) | frozenset(names)

    def manifest(self) -> Manifest:
        """Return what was found, sorted by content."""
        if not self.records:
            why = str(self.problems[0]) if self.problems else "no photo in it"
            raise DataError(str(self.top), f"nothing that could be read ({why})", "check the folder")
        records = tuple(self.records[sha] for sha in sorted(self.records))
        return Manifest(self.top, records, tuple(self.copies), self.flags, tuple(self.problems))
