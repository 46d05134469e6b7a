"""The table that metrics read: what is written is read again, and what is no such table is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mpoxlens.errors import DataError
from mpoxlens.evaluation.predictions import Predictions


def _predictions(**changed: object) -> Predictions:
    columns: dict[str, object] = {
        "labels": ("measles", "mpox", "healthy"),
        "sha256": ("a", "b", "c", "a", "b", "c"),
        "target": np.array([1, 0, 2, 1, 0, 2]),
        "cluster": ("p", "p", "q", "p", "p", "q"),
        "fold": np.array([0, 0, 1, 1, 1, 0]),
        "repeat": np.array([0, 0, 0, 1, 1, 1]),
        "logits": np.arange(18, dtype=np.float32).reshape(6, 3) / 7,
        "strange": np.linspace(0, 1, 6),
        "positive": 1,
    }
    return Predictions(**(columns | changed))  # type: ignore[arg-type]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    p = _predictions()
    p.write(tmp_path / "p.parquet")
    found = Predictions.read(tmp_path / "p.parquet")
    for name, value in vars(p).items():
        np.testing.assert_array_equal(getattr(found, name), value)
    assert (found.logits.dtype, found.fold.dtype) == (np.float32, np.int64)


def test_who_is_asked_about_has_a_rash() -> None:
    assert _predictions().asked().tolist() == [True, True, False] * 2
    assert _predictions().asked(without=()).all()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"fold": np.array([0, 1, 1, 1, 1, 0])}, "a cluster lies in two folds of a repeat"),
        ({"repeat": np.zeros(6, dtype=np.int64)}, "a photograph comes twice in a repeat"),
        ({"target": np.array([1, 0, 3, 1, 0, 2])}, "a label that is not among its labels"),
        ({"logits": np.full((6, 3), np.nan, dtype=np.float32)}, "a logit is not finite"),
        ({"cluster": ("p",) * 5}, "columns differ in length"),
        ({"positive": 3}, "two different labels"),
    ],
)
def test_a_table_that_metrics_would_be_wrong_on_is_refused(changed: dict[str, object], why: str) -> None:
    with pytest.raises(DataError, match=why):
        _predictions(**changed)


def test_rows_are_taken_by_index_or_flag() -> None:
    p = _predictions()
    by_flag, by_index = p.take(p.repeat == 1), p.take(np.array([3, 4, 5]))
    assert by_flag.sha256 == by_index.sha256 == ("a", "b", "c")
    np.testing.assert_array_equal(by_flag.logits, p.logits[3:])


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such table yet; mpoxlens crossval"):
        Predictions.read(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("not Parquet")
    with pytest.raises(DataError, match="no readable table"):
        Predictions.read(tmp_path / "text.parquet")
    parquet.write_table(pa.table({"sha256": ["a"], "label": ["mpox"]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="no table of predictions of this version"):
        Predictions.read(tmp_path / "other.parquet")


def test_a_column_that_was_taken_away_or_emptied_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    _predictions().write(path)
    table = parquet.read_table(path)
    parquet.write_table(table.drop_columns(["logit_healthy"]), path)
    with pytest.raises(DataError, match="no table of predictions of this version"):
        Predictions.read(path)
    holed = table.set_column(4, "repeat", pa.array([0, None, 0, 1, 1, 1], pa.int64()))
    parquet.write_table(holed, path)
    with pytest.raises(DataError, match="no table of predictions of this version"):
        Predictions.read(path)


def test_a_leak_in_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    _predictions().write(path)
    table = parquet.read_table(path)
    parquet.write_table(table.set_column(3, "fold", pa.array([0, 1, 1, 1, 1, 0], pa.int64())), path)
    with pytest.raises(DataError, match=r"p\.parquet: a cluster lies in two folds"):
        Predictions.read(path)
