"""The question-answer set as files: Parquet, LLaVA's JSON for other trainers, Croissant for catalogues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from mpoxlens.datasets.tables import write_table
from mpoxlens.screening.output import write_whole
from mpoxlens.vlm.instructions.croissant import croissant
from mpoxlens.vlm.instructions.nouns import Instruction, Split, as_table

PARQUET, CROISSANT = "instructions.parquet", "croissant.json"


def write(records: Sequence[Instruction], folder: Path, of: str = "") -> tuple[Path, ...]:
    """Write all files into a folder that exists, each whole or not at all, the Croissant file last.

    Args:
        records: the set.
        folder: for the files; those of an earlier set are replaced.
        of: names the data set that it was made from.

    Returns:
        The files.

    Raises:
        MpoxlensError: one cannot be written.
    """
    table = folder / PARQUET
    write_table(as_table(records), table, of)
    splits: tuple[Split, ...] = get_args(Split)
    chats = tuple(folder / f"llava-{split}.json" for split in splits)
    for split, path in zip(splits, chats, strict=True):
        _write_json([llava(one) for one in records if one.split == split], path)
    about = folder / CROISSANT
    _write_json(croissant(records, (table, *chats)), about)
    return (table, *chats, about)


def llava(one: Instruction) -> dict[str, Any]:
    """Return a record as LLaVA's trainers read it (arXiv 2304.08485), with keys of ours that they pass over.

    `image` is the reference of the picture, followed by "#" and the alteration where there is one: a reader that knows
    no alterations finds no such picture, rather than showing it unaltered.
    """
    asked = "\n".join(line for line in ("<image>", one.history, one.question) if line)
    turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": one.answer}]
    image = f"{one.sha256}#{one.altered}" if one.altered else one.sha256
    rest = {"kind": one.kind, "cluster": one.cluster, "label": one.label, "simulated_history": one.simulated}
    return {"id": one.id, "image": image, "conversations": turns, **rest}


def _write_json(value: object, path: Path) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"

    def put(part: Path) -> None:
        part.write_text(text, encoding="utf-8", newline="\n")

    write_whole(path, put)
