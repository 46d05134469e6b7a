"""Tables that long work fills row by row: what a stopped run had finished is not done again."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute, parquet

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.screening.output import write_whole

CHUNK = 256  # rows that are lost at most when a run is stopped
Row = Mapping[str, Any]


def write_table(table: pa.Table, path: Path, of: str = "") -> None:
    """Write a table as Parquet, whole or not at all; `of` names what it was made from, see `Workspace.fresh`."""
    if of:
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"of": of.encode()})
    write_whole(path, lambda part: parquet.write_table(table, part))


def made_of(path: Path) -> str:
    """Return what a table was made from, as `write_table` was told; "" when there is no such table or it is damaged."""
    return metadata(path).get(b"of", b"").decode()


def metadata(path: Path) -> dict[bytes, bytes]:
    """Return the metadata of a table's schema, without reading its rows; empty when there is no such table."""
    try:
        found: dict[bytes, bytes] = parquet.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return {}
    return found


def read_table(path: Path, mend: str) -> pa.Table:
    """Read a table.

    Args:
        path: a Parquet file.
        mend: the command that makes it, for whom it is missing or damaged.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    try:
        return parquet.read_table(path)
    except FileNotFoundError:
        raise DataError(str(path), "no such table yet", mend) from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(str(path), f"no readable table ({_first_line(error)})", f"remove it, then: {mend}") from None


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], path: Path) -> None:
    """Write a CSV for people and other tools, whole or not at all."""

    def write(part: Path) -> None:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)

    write_whole(path, write)


def fill(
    path: Path,
    keys: Sequence[str],
    row: Callable[[str], Row],
    schema: pa.Schema,
    *,
    version: str,
    stage: str,
    tell: Tell = silent,
    of: str = "",
) -> pa.Table:
    """Bring a table to hold one row a key: rows that are there stay, the others are computed, in threads.

    Args:
        path: the Parquet file; finished parts of an unfinished run lie beside it, in a folder that ends in `.parts`.
        keys: of the rows, all different, in the order that the table shall have.
        row: computes the row of a key; what is wrong with one key goes to the column `problem`, and is tried again
            by the next run.
        schema: of the table; its first column is the key, and it has a column `problem`.
        version: of whatever the rows depend on besides the key; rows of another version are computed anew.
        stage: what is being done, for the progress.
        tell: called with stage, rows done and rows in all.
        of: what the table is made from, see `write_table`.
    """
    schema = schema.with_metadata({"version": version})
    parts = path.with_name(f"{path.name}.parts")
    done = _kept([path, *sorted(parts.glob("*.parquet"))], schema, keys)
    known = set(done.column(0).to_pylist())
    missing = [key for key in keys if key not in known]
    tables = [done]
    if missing:
        parts.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for start in range(0, len(missing), CHUNK):
            found = pa.Table.from_pylist(list(pool.map(row, missing[start : start + CHUNK])), schema)
            write_table(found, parts / f"{_next(parts):06d}.parquet")
            tables.append(found)
            tell(stage, len(known) + min(start + CHUNK, len(missing)), len(keys))
    whole = _in_order(pa.concat_tables(tables), keys)
    write_table(whole, path, of)
    for part in parts.glob("*"):
        part.unlink()
    if parts.exists():
        parts.rmdir()
    return whole


def _kept(paths: Sequence[Path], schema: pa.Schema, keys: Sequence[str]) -> pa.Table:
    """The rows of these files that may stay: of this version, asked for, and without a problem."""
    wanted = pa.array(keys, pa.string())
    tables = [schema.empty_table()]
    for path in paths:
        try:
            table = parquet.read_table(path)
        except (pa.ArrowException, OSError):  # missing, or cut short by a kill
            continue
        if table.schema.equals(schema) and (table.schema.metadata or {}).get(b"version") == schema.metadata[b"version"]:
            table = table.cast(schema)  # Parquet names the items of lists its own way
            good = compute.and_(compute.is_in(table.column(0), wanted), compute.equal(table.column("problem"), ""))
            tables.append(table.filter(good))
    return pa.concat_tables(tables)


def _next(parts: Path) -> int:
    return max((int(part.stem) for part in parts.glob("*.parquet")), default=-1) + 1


def _in_order(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """One row a key, in the order of the keys."""
    place = {key: i for i, key in enumerate(table.column(0).to_pylist())}
    return table.take(pa.array([place[key] for key in keys], pa.int64())).combine_chunks()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
