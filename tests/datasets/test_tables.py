"""What a stopped run had finished is not done again, and nothing half-written is left."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.datasets import tables
from mpoxlens.datasets.tables import Row, fill, read_table, write_csv
from mpoxlens.errors import DataError, MpoxlensError

SCHEMA = pa.schema([("sha256", pa.string()), ("length", pa.int64()), ("problem", pa.string())])


class Counting:
    """Measures names by their length, remembers which, and stops or fails where it is told to."""

    def __init__(self, stop_at: str = "", fail_at: str = "") -> None:
        self.asked: list[str] = []
        self.stop_at, self.fail_at = stop_at, fail_at

    def __call__(self, key: str) -> Row:
        if key == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(key)
        return {"sha256": key, "length": len(key), "problem": "unreadable" if key == self.fail_at else ""}


def _fill(path: Path, keys: list[str], row: Counting, version: str = "1") -> list[dict[str, object]]:
    found: list[dict[str, object]] = fill(path, keys, row, SCHEMA, version=version, stage="measuring").to_pylist()
    return found


def test_a_table_has_one_row_a_key_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    rows = _fill(path, ["ccc", "a", "bb"], Counting())
    assert [(row["sha256"], row["length"]) for row in rows] == [("ccc", 3), ("a", 1), ("bb", 2)]
    assert read_table(path, "").to_pylist() == rows
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_there_is_not_computed_again_and_what_is_not_asked_for_goes(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    _fill(path, ["a", "bb"], Counting())
    again = Counting()
    assert [row["sha256"] for row in _fill(path, ["bb", "ccc"], again)] == ["bb", "ccc"]
    assert again.asked == ["ccc"]


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK", 2)
    path, keys = tmp_path / "t.parquet", ["a", "bb", "ccc", "dddd", "eeeee"]
    with pytest.raises(KeyboardInterrupt):
        _fill(path, keys, Counting(stop_at="eeeee"))
    assert not path.exists()
    again = Counting()
    assert len(_fill(path, keys, again)) == 5
    assert again.asked == ["eeeee"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_part_that_was_cut_short_is_computed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK", 1)
    path = tmp_path / "t.parquet"
    with pytest.raises(KeyboardInterrupt):
        _fill(path, ["a", "bb", "ccc"], Counting(stop_at="ccc"))
    first, _ = sorted(Path(f"{path}.parts").iterdir())
    first.write_bytes(first.read_bytes()[:50])
    again = Counting()
    assert [row["sha256"] for row in _fill(path, ["a", "bb", "ccc"], again)] == ["a", "bb", "ccc"]
    assert again.asked == ["a", "ccc"]


def test_a_problem_is_kept_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    assert [row["problem"] for row in _fill(path, ["a", "bb"], Counting(fail_at="bb"))] == ["", "unreadable"]
    again = Counting()
    assert [row["problem"] for row in _fill(path, ["a", "bb"], again)] == ["", ""]
    assert again.asked == ["bb"]


def test_another_version_of_the_measure_computes_every_row(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    _fill(path, ["a"], Counting())
    again = Counting()
    _fill(path, ["a"], again, version="2")
    assert again.asked == ["a"]


@given(before=st.lists(st.text(min_size=1, max_size=3), unique=True), now=st.lists(st.text(min_size=1), unique=True))
def test_the_table_is_the_same_however_it_came_about(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], now: list[str]
) -> None:
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    _fill(path, before, Counting())
    assert _fill(path, now, Counting()) == [{"sha256": key, "length": len(key), "problem": ""} for key in now]


def test_a_column_of_lists_is_kept_too(tmp_path: Path) -> None:
    schema = pa.schema([*SCHEMA, ("flags", pa.list_(pa.string()))])
    asked: list[str] = []

    def row(key: str) -> Row:
        asked.append(key)
        return {"sha256": key, "length": 1, "problem": "", "flags": ["face"]}

    for keys in (["a"], ["a", "b"]):
        found = fill(tmp_path / "t.parquet", keys, row, schema, version="1", stage="measuring")
    assert found["flags"].to_pylist() == [["face"], ["face"]]
    assert asked == ["a", "b"]


def test_a_table_that_is_missing_or_damaged_names_the_command_that_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(DataError, match=r"t\.parquet: no such table yet; mpoxlens data ingest WORK DIR"):
        read_table(path, "mpoxlens data ingest WORK DIR")
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(DataError, match=r"t\.parquet: no readable table .*; remove it, then: mpoxlens data quality W"):
        read_table(path, "mpoxlens data quality W")


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(MpoxlensError, match=r"missing/t\.csv: cannot be written"):
        write_csv(("a",), [("1",)], tmp_path / "missing" / "t.csv")
