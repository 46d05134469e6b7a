"""Read a publisher's table line by line: CSV with any common separator, or Parquet in batches."""

from __future__ import annotations

import codecs
import csv
import math
import posixpath
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from mpoxlens.errors import DataError, MissingExtraError

Rows = Iterator[tuple[int, Mapping[str, object]]]
BATCH = 10_000  # rows of Parquet in memory at a time
NOTHING = frozenset({"", "nan", "na", "<na>", "n/a", "#n/a", "none", "null", "unknown", "-", "?"})  # in lower case
_NOT_UTF8 = "mpoxlens-cp1252"


def rows(table: Path | None, needs: Collection[str], layout: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (table:line, cells by column name in lower case); an empty cell is an empty string.

    Raises:
        DataError: no such table, one that cannot be read, a column that is missing, or, after the lines before it, a
            line that cannot be told from the next.
    """
    if table is None:
        raise DataError(f"layout {layout}", "its table is not in this folder", "name the folder that was downloaded")
    read = _parquet if table.suffix.lower() == ".parquet" else _csv
    for number, row in read(table, needs):
        yield f"{table}:{number}", {_name(key): _cell(value) for key, value in row.items() if key}


def said(cell: str) -> str:
    """Return the cell, or "" when it is a word for nothing: all patients "nan" would be one person."""
    return "" if cell.strip().casefold() in NOTHING else cell


def inside(path: str) -> str:
    r"""Return a table's path in the form of `Tree`: `.\mpox\1.png` is mpox/1.png."""
    return posixpath.normpath(path.replace("\\", "/")) if path else ""


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a column of whole numbers with a gap in it
    return str(value).strip()


def _name(column: str) -> str:
    return column.strip().casefold()


def _require(table: Path, columns: Collection[str], needs: Collection[str]) -> None:
    missing = sorted(set(needs) - {_name(column) for column in columns})
    if missing:
        raise DataError(str(table), f"column {', '.join(missing)} is missing", "add it to the first line")


def _csv(table: Path, needs: Collection[str]) -> Rows:
    try:
        codecs.register_error(_NOT_UTF8, _as_cp1252)
        with table.open(newline="", encoding=_encoding(table), errors=_NOT_UTF8) as lines:
            separator = max(",;\t", key=lines.readline(100_000).count)
            lines.seek(0)
            reader = csv.DictReader(lines, delimiter=separator)
            _require(table, reader.fieldnames or (), needs)
            for row in reader:
                yield reader.line_num, row
    except csv.Error as error:
        where = f"{table}:{reader.line_num}"
        why = f"what follows this line is no table ({error}) and is not read"
        raise DataError(where, why, "look for a quotation mark that is not closed") from None
    except OSError as error:
        raise DataError(str(table), f"cannot be read ({error.strerror})", "check its permissions") from None


def _encoding(table: Path) -> str:
    """UTF-16 as spreadsheets save "Unicode text", told by its mark or by the zeros of its first letter; else UTF-8."""
    with table.open("rb") as file:
        head = file.read(2)
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if b"\0" in head:
        return "utf-16-be" if head.startswith(b"\0") else "utf-16-le"
    return "utf-8-sig"  # with or without a mark


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Read bytes that are not UTF-8 as Western spreadsheets write them, keeping different bytes different."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "backslashreplace"), error.end


def _parquet(table: Path, needs: Collection[str]) -> Rows:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtraError("reading Parquet", "train", "pyarrow") from None
    try:
        file = parquet.ParquetFile(table)
        _require(table, file.schema_arrow.names, needs)
        start = 1
        for batch in file.iter_batches(BATCH):
            yield from enumerate(batch.to_pylist(), start)
            start += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise DataError(str(table), f"cannot be read as Parquet ({error})", "write it anew") from None
