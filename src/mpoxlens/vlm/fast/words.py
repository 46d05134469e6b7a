"""The embedding of words, looked up in the file of the language model: a row is read where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mpoxlens.schema import Floats
from mpoxlens.vlm.fast.files import LANGUAGE, Table


class Words:
    """The embedding of a folder; nothing of it is kept in memory."""

    def __init__(self, folder: Path, table: Table) -> None:
        self._table, self._path = table, folder / f"{LANGUAGE}.data"
        if table.bits == 32:
            self._whole = self._mapped("float32", table.offset, (table.width, table.rows))
            return
        blocks = -(-table.width // table.block)
        self._scale = self._mapped("float32", table.scale_offset, (table.rows, blocks))
        self._whole = self._mapped("uint8", table.offset, (table.rows, blocks, table.block))

    def __call__(self, ids: ArrayLike) -> Floats:
        """Return embeddings [L, W] of token ids [L]."""
        rows = np.asarray(ids)
        if self._table.bits == 32:
            return np.array(self._whole[:, rows].T, order="C")
        blocks = (self._whole[rows].astype(np.float32) - 128) * self._scale[rows][..., None]
        return np.array(blocks.reshape(len(rows), -1)[:, : self._table.width], order="C")

    def _mapped(self, kind: str, offset: int, shape: tuple[int, ...]) -> Any:
        return np.memmap(self._path, kind, "r", offset, shape)
