"""Answers and drawings as tables, by neutral ids alone: readers r1, r2, cases c001, c002, arms map1, map2."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from mpoxlens.datasets.tables import write_csv, write_table
from mpoxlens.errors import DataError
from mpoxlens.explain.study.folder import Key, Study
from mpoxlens.explain.study.rows import Row, read_rows

ANSWERS = pa.schema(
    [
        ("reader", pa.string()),
        ("session", pa.int32()),
        ("place", pa.int32()),  # from 1, in its session
        ("case", pa.string()),
        ("arm", pa.string()),
        ("confidence", pa.int8()),  # 1 surely not mpox, to 5 surely mpox
        ("on_lesions", pa.string()),  # null without a map
        ("changes", pa.string()),
        ("seconds", pa.float64()),  # to the last needed answer
        ("revised", pa.int32()),  # how often the answer was altered later
        ("shapes", pa.int32()),  # drawn
    ]
)
OPENED = [("method", pa.string()), ("mpox", pa.bool_()), ("label", pa.string())]  # what the key adds
DRAWINGS = pa.schema(
    [
        ("reader", pa.string()),
        ("session", pa.int32()),
        ("case", pa.string()),
        ("shape", pa.int32()),  # from 1, in its drawing
        ("kind", pa.string()),  # area or stroke
        ("radius", pa.float64()),  # of a stroke, as a share of the longer side
        ("x", pa.list_(pa.float64())),  # shares of the width
        ("y", pa.list_(pa.float64())),
    ]
)


def export(study: Study, out: Path, *, form: str = "parquet", key: Key | None = None) -> tuple[Path, Path]:
    """Write answers and drawings and return where.

    Args:
        study: what was read.
        out: a folder, made when it is missing.
        form: "parquet" or "csv".
        key: adds method, truth and label to each answer. Without it the table stays blind.

    Raises:
        DataError: nobody has finished a reading yet.
        MpoxlensError: it cannot be written.
    """
    _, rows = read_rows(study)
    if not rows:
        raise DataError(str(study.folder), "no reading is finished yet", "read with: mpoxlens explain study serve")
    out.mkdir(parents=True, exist_ok=True)
    tables = {"answers": _answers(rows, key), "drawings": _drawings(rows)}
    paths = [out / f"{name}.{form}" for name in tables]
    for path, found in zip(paths, tables.values(), strict=True):
        _write_csv(found, path) if form == "csv" else write_table(found, path)
    return paths[0], paths[1]


def _answers(rows: Sequence[Row], key: Key | None) -> pa.Table:
    schema = pa.schema([*ANSWERS, *(OPENED if key else [])])
    return pa.Table.from_pylist([_answer(row) | (_opened(row, key) if key else {}) for row in rows], schema)


def _answer(row: Row) -> dict[str, object]:
    reading, answer = row.reading, row.answer
    return {
        "reader": row.reader,
        "session": reading.session,
        "place": row.place,
        "case": reading.case,
        "arm": reading.arm,
        "confidence": int(answer.choices["confidence"]),
        "on_lesions": answer.choices.get("on_lesions"),
        "changes": answer.choices.get("changes"),
        "seconds": answer.seconds,
        "revised": answer.revised,
        "shapes": len(answer.drawing),
    }


def _opened(row: Row, key: Key) -> dict[str, object]:
    truth = key.truths[row.reading.case]
    return {"method": key.methods.get(row.reading.arm), "mpox": truth.mpox, "label": truth.label}


def _drawings(rows: Sequence[Row]) -> pa.Table:
    found = [
        {
            "reader": row.reader,
            "session": row.reading.session,
            "case": row.reading.case,
            "shape": number,
            "kind": shape.kind,
            "radius": shape.radius,
            "x": [x for x, _ in shape.points],
            "y": [y for _, y in shape.points],
        }
        for row in rows
        for number, shape in enumerate(row.answer.drawing, 1)
    ]
    return pa.Table.from_pylist(found, DRAWINGS)


def _write_csv(found: pa.Table, path: Path) -> None:
    """Lists go in as JSON, and what was not asked as nothing."""
    names = found.schema.names
    rows = ([_cell(row[name]) for name in names] for row in found.to_pylist())
    write_csv(names, rows, path)


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, list) else "" if value is None else value
