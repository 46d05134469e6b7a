"""Parquet files of limited size, named as the Hugging Face hub names them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

MAX_BYTES = 450 * 2**20  # a shard is closed before it passes this; the hub asks for at most 500 MB


class Shards:
    """Writes the tables of one part to `data/{part}-00000-of-00001.parquet` and as many more as it takes.

    The names say how many shards there are, so that they are only given when the last one is written.
    """

    def __init__(self, folder: Path, part: str, schema: pa.Schema, max_bytes: int = MAX_BYTES) -> None:
        self._folder, self._part, self._schema, self._max = folder, part, schema, max_bytes
        self._paths: list[Path] = []
        self._open: tuple[BinaryIO, Any] | None = None

    def __enter__(self) -> Shards:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._close()
        if kind is None:
            for n, path in enumerate(self._paths):
                path.replace(self._folder / f"{self._part}-{n:05d}-of-{len(self._paths):05d}.parquet")

    def write(self, table: pa.Table) -> None:
        """Append rows, which become one row group."""
        if self._open and self._open[0].tell() + table.nbytes > self._max:
            self._close()
        if self._open is None:
            self._paths.append(self._folder / f"{self._part}-{len(self._paths):05d}.part")
            file = self._paths[-1].open("wb")
            self._open = file, parquet.ParquetWriter(file, self._schema)
        self._open[1].write_table(table)

    def _close(self) -> None:
        if self._open:
            file, writer = self._open
            writer.close()
            file.close()
            self._open = None
