"""What a table's cells say: words for nothing, numbers with gaps, and the encodings that spreadsheets write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from mpoxlens.datasets.sources import read_source
from mpoxlens.errors import DataError

Put = Callable[..., None]


@pytest.mark.parametrize(
    "nothing", ["", "nan", "NaN", " NA ", "n/a", "None", "NULL", "Unknown", "-", "?", "<NA>", "#N/A"]
)
def test_words_for_nothing_are_nothing(root: Path, put: Put, nothing: str) -> None:
    put("1.png")
    (root / "labels.csv").write_text(
        "file,label,patient,tone,source,fold,licence\n" + ",".join(["1.png", "unknown", *[nothing] * 5]) + "\n"
    )
    (item,) = read_source(root).labelled
    assert (item.patient, item.tone, item.source, item.fold, item.licence) == (None, None, "data", None, "")
    assert item.label == "unknown"  # a label is taken as it is written


def test_words_that_only_contain_one_of_them_are_kept(root: Path, put: Put) -> None:
    put("1.png", "2.png")
    (root / "labels.csv").write_text("file,label,patient\n1.png,mpox,Nana\n2.png,mpox,0\n")
    assert [item.patient for item in read_source(root).labelled] == ["Nana", "0"]


def test_a_parquet_column_of_numbers_with_gaps(root: Path, put: Put) -> None:
    put("1.png", "2.png", "3.png", "4.png")
    columns = {
        "file": ["1.png", "2.png", "3.png", "4.png"],
        "label": ["mpox"] * 4,
        "patient": pa.array([7.0, float("nan"), None, 7.5], pa.float64(), from_pandas=False),
    }
    parquet.write_table(pa.table(columns), root / "labels.parquet")
    assert [item.patient for item in read_source(root).labelled] == ["7", None, None, "7.5"]


def test_a_published_set_gets_no_giant_patient(root: Path, put: Put) -> None:
    put("imgs/PAT_1_1_1.png", "imgs/PAT_2_1_2.png", "imgs/PAT_3_1_3.png")
    (root / "metadata.csv").write_text(
        "patient_id,img_id,diagnostic,fitspatrick\nnan,PAT_1_1_1.png,MEL,nan\n"
        "None,PAT_2_1_2.png,MEL,2.0\nPAT_3,PAT_3_1_3.png,MEL,\n"
    )
    found = read_source(root)
    assert found.layout == "pad_ufes_20"
    assert [(item.patient, item.tone) for item in found.labelled] == [(None, None), (None, "2"), ("PAT_3", None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_common_encoding_is_read(root: Path, put: Put, encoding: str, end: str) -> None:
    put("Läsion/é1.png", "2.png")
    lines = ["file;label;patient", "Läsion/é1.png;mpox;Müller", "2.png;zoster;Ça"]
    (root / "labels.csv").write_bytes(end.join([*lines, ""]).encode(encoding))
    found = read_source(root)
    assert found.problems == ()
    assert [(item.path, item.patient) for item in found.labelled] == [("2.png", "Ça"), ("Läsion/é1.png", "Müller")]


def test_one_letter_in_another_encoding_spoils_no_other(root: Path, put: Put) -> None:
    put("ü.png", "2.png", "3.png")
    rows = ["file,label,patient\nü.png,mpox,é\n".encode(), b"2.png,mpox,\xe9\n", b"3.png,mpox,\x81\n"]
    (root / "labels.csv").write_bytes(b"".join(rows))
    assert {item.path: item.patient for item in read_source(root).labelled} == {
        "ü.png": "é",
        "2.png": "é",
        "3.png": r"\x81",  # no letter of cp1252: kept apart from other bytes
    }


def test_a_spreadsheet_that_is_no_text_gives_one_line(root: Path, put: Put) -> None:
    put("1.png")
    (root / "labels.csv").write_bytes(b"PK\x03\x04\x14\x00\x08\x08" + bytes(range(256)))
    with pytest.raises(DataError, match=r"labels\.csv: column file, label is missing"):
        read_source(root)


def test_a_short_quotation_that_is_not_closed_makes_no_label(root: Path, put: Put) -> None:
    put("1.png", "2.png", "3.png")
    (root / "labels.csv").write_text('file,label\n1.png,mpox\n2.png,"mpox\n3.png,zoster\n')
    found = read_source(root)
    assert [item.path for item in found.labelled] == ["1.png"]
    assert str(found.problems[0]).endswith(
        "labels.csv:4: the label of 2.png goes over several lines; look for a quotation mark that is not closed"
    )
    assert "1 photo is left out (3.png)" in str(found.problems[1])
