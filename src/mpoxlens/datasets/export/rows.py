"""The rows of an export, in batches: never more of the photographs in memory than are being written."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from PIL import Image
from pyarrow import compute, parquet

from mpoxlens.datasets.hide import Faces, hide, original
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.schema import Pixels

ROWS = 65_536  # of metadata that are read at once
UNSPLIT = "train"  # the only part where nothing was split
PHOTOS = 100  # that are encoded at once, and that one row group holds: readers fetch a row group whole
QUALITY = 95  # of JPEG, without subsampling of colour: redness is what is looked at

METADATA = {
    "sha256": pa.string(),
    "path": pa.string(),
    "label": pa.int64(),
    "source": pa.string(),
    "patient": pa.string(),
    "width": pa.int64(),
    "height": pa.int64(),
    "group": pa.string(),
    "tone": pa.string(),
    "licence": pa.string(),
    "bytes": pa.int64(),
    "flags": pa.list_(pa.string()),
    "part": pa.string(),
}


class Listed(NamedTuple):
    """A photograph, in short."""

    sha256: str
    path: str
    label: str
    group: str


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True)
class Rows:
    """The photographs of a workspace after review, as they are exported.

    Raises:
        DataError: review was not applied, another step was done before it, or the split does not cover what it left.
    """

    work: Workspace
    images: bool
    faces: Faces
    problems: list[MpoxlensError] = field(default_factory=list)  # photographs that were left out

    @cached_property
    def root(self) -> Path:
        """The folder that the paths are relative to."""
        return Path(self._file.schema_arrow.metadata[b"root"].decode())

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All labels; a row's label is its place among them."""
        found: set[str] = set()
        for batch in self._records(["label"]):
            found.update(compute.unique(batch["label"]).to_pylist())
        return tuple(sorted(found))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The parts of the split, or "train" where nothing was split."""
        return tuple(sorted(compute.unique(self._split["part"]).to_pylist())) if self._split else (UNSPLIT,)

    @cached_property
    def count(self) -> int:
        """How many photographs there are to write."""
        return sum(batch.num_rows for batch in self._records(["label"]))

    @property
    def features(self) -> dict[str, Any]:
        """The columns as `datasets.Features.from_dict` reads them."""
        value = {"int64": {"dtype": "int64", "_type": "Value"}, "string": {"dtype": "string", "_type": "Value"}}
        found: dict[str, Any] = {
            n: value.get(str(t), {"feature": value["string"], "_type": "List"}) for n, t in METADATA.items()
        }
        found["label"] = {"names": list(self.labels), "_type": "ClassLabel"}
        return {"image": {"_type": "Image"}, **found} if self.images else found

    @property
    def schema(self) -> pa.Schema:
        """Of each batch of a part."""
        return pa.schema({"image": IMAGE, **METADATA} if self.images else METADATA)

    def by_part(self) -> Iterator[tuple[str, pa.Table]]:
        """Give parts and some rows of each, by sha256; photographs that cannot be encoded are left out and noted."""
        flags = _Flags(self.work)
        for batch in self._records(None):
            rows = self._with_part(batch)
            label = compute.index_in(rows["label"], pa.array(self.labels))
            rows = rows.set_column(rows.schema.get_field_index("label"), "label", label.cast(pa.int64()))
            rows = rows.set_column(rows.schema.get_field_index("flags"), "flags", flags.joined(rows))
            rows = rows.select(list(METADATA))
            for part in self.parts:
                some = rows.filter(compute.equal(rows["part"], part))
                for table in self._with_images(some) if self.images else [some]:
                    if table.num_rows:
                        yield part, table

    def listed(self) -> Iterator[Listed]:
        """Give all photographs, by sha256."""
        for batch in self._records(Listed._fields):
            yield from map(Listed._make, zip(*(batch[name].to_pylist() for name in Listed._fields), strict=True))

    def clusters(self) -> list[list[Listed]]:
        """Return the clusters of more than one photograph, the largest first."""
        found = pa.concat_tables(self._records(Listed._fields)).sort_by(
            [("group", "ascending"), ("sha256", "ascending")]
        )
        counts = found.group_by("group").aggregate([([], "count_all")])
        several = counts.filter(compute.greater(counts["count_all"], 1))["group"]
        shown = found.filter(compute.is_in(found["group"], several)).select(Listed._fields).to_pylist()
        together = [list(g) for _, g in groupby((Listed(**one) for one in shown), key=lambda one: one.group)]
        return sorted(together, key=lambda one: (-len(one), one[0].sha256))

    def shown(self, sha256: str, path: str) -> Pixels:
        """Return a photograph [H, W, 3] upright, its faces hidden; errors as of `hide.original`."""
        return hide(original(self.root, path, sha256).pixels, self.faces.get(sha256, ()))

    @cached_property
    def _file(self) -> Any:
        path, mend = self.work.table("clean"), self.work.mend("clean")
        try:
            file = parquet.ParquetFile(path)
        except FileNotFoundError:
            raise DataError(str(path), "no such table yet", mend) from None
        except (pa.ArrowException, OSError) as error:
            raise DataError(str(path), f"no readable table ({str(error).splitlines()[0]})", mend) from None
        if b"root" not in (file.schema_arrow.metadata or {}) or not {"copy", "licence"} <= set(file.schema_arrow.names):
            raise DataError(str(path), "no manifest of this version of mpoxlens", mend)
        self.work.check("clean")
        return file

    def _records(self, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        """The photographs without further copies of the same file."""
        wanted = None if columns is None else [*columns, "copy"]
        for batch in self._file.iter_batches(ROWS, columns=wanted):
            yield pa.table(batch).filter(compute.invert(batch["copy"]))

    @cached_property
    def _split(self) -> pa.Table | None:
        table = self.work.fresh("split")
        return None if table is None else table.select(["sha256", "part"]).drop_null()

    def _with_part(self, rows: pa.Table) -> pa.Table:
        if self._split is None:
            return rows.append_column("part", pa.array([UNSPLIT] * rows.num_rows, pa.string()))
        place = compute.index_in(rows["sha256"], self._split["sha256"])
        if place.null_count:
            file = rows.filter(compute.is_null(place))["path"][0].as_py()
            raise DataError(file, "the split has no place for it", f"mpoxlens data split {self.work.path}")
        return rows.append_column("part", self._split["part"].take(place))

    def _with_images(self, rows: pa.Table) -> Iterator[pa.Table]:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            for start in range(0, rows.num_rows, PHOTOS):
                some = rows.slice(start, PHOTOS)
                found = list(pool.map(self._encoded, some["sha256"].to_pylist(), some["path"].to_pylist()))
                self.problems.extend(one for one in found if isinstance(one, MpoxlensError))
                good = some.filter(pa.array([isinstance(one, dict) for one in found], pa.bool_()))
                images = pa.array([one for one in found if isinstance(one, dict)], IMAGE)
                yield good.add_column(0, "image", images)

    def _encoded(self, sha256: str, path: str) -> dict[str, Any] | MpoxlensError:
        try:
            shown = self.shown(sha256, path)
        except MpoxlensError as error:
            return error
        return {"bytes": jpeg(shown), "path": f"{sha256}.jpg"}


def jpeg(pixels: Pixels, quality: int = QUALITY) -> bytes:
    """Encode pixels [H, W, 3] without any metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


class _Flags:
    """The flags of a photograph from all steps."""

    def __init__(self, work: Workspace) -> None:
        self._measured: dict[str, list[str]] = {}
        table = work.fresh("quality")
        if table is not None:
            flagged = table.filter(compute.greater(compute.list_value_length(table["flags"]), 0))
            self._measured = dict(zip(flagged["sha256"].to_pylist(), flagged["flags"].to_pylist(), strict=True))

    def joined(self, rows: pa.Table) -> pa.Array:
        """Those of the manifest and those that were measured."""
        pairs = zip(rows["sha256"].to_pylist(), rows["flags"].to_pylist(), strict=True)
        return pa.array([sorted({*given, *self._measured.get(sha, ())}) for sha, given in pairs], pa.list_(pa.string()))
