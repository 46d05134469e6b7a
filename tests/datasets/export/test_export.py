"""The export: whole, checkable, loadable, without metadata, and never over anything else."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from tables_by_hand import look

import hand_made
from mpoxlens.datasets.export.export import check_whole, export
from mpoxlens.datasets.export.names import file_names, split_names
from mpoxlens.datasets.export.shards import Shards
from mpoxlens.datasets.places import outside_photographs
from mpoxlens.datasets.tables import write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.schema import ImageRecord

pytest.importorskip("datasets")


def test_the_sums_are_accepted_by_the_real_tool(work: Workspace, tmp_path: Path) -> None:
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("sha256sum is not on this machine")
    export(work, tmp_path / "out", images=True, sheets=True)
    done = subprocess.run([tool, "-c", "--strict", "SHA256SUMS"], cwd=tmp_path / "out", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert {line.partition(": ")[0] for line in done.stdout.splitlines()} == files - {"SHA256SUMS"}
    (tmp_path / "out" / "README.md").write_text("other")
    again = subprocess.run([tool, "-c", "SHA256SUMS"], cwd=tmp_path / "out", capture_output=True, check=False)
    assert again.returncode == 1


def test_without_images_only_what_is_known_of_them_goes_out(work: Workspace, tmp_path: Path) -> None:
    export(work, tmp_path / "out")
    (shard,) = (tmp_path / "out" / "data").iterdir()
    assert shard.name == "train-00000-of-00001.parquet"
    table = parquet.read_table(shard)
    assert "image" not in table.schema.names
    assert sorted(table["path"].to_pylist()) == ["healthy/1.jpg", "mpox/2.jpg", "mpox/3.jpg"]
    assert not list((tmp_path / "out").rglob("*.jpg"))


def test_a_split_that_lacks_a_photograph_is_refused_by_its_file(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    hand_made.split(work, {records[0].sha256: "0", records[1].sha256: "1"})
    with pytest.raises(DataError, match=r"mpox/3\.jpg: the split has no place for it; mpoxlens data split"):
        export(work, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos", "ws"]  # nothing half done stays


def test_what_cannot_be_read_is_listed_and_the_rest_goes_out(work: Workspace, tmp_path: Path) -> None:
    (tmp_path / "photos" / "mpox" / "2.jpg").unlink()
    shutil.copy(tmp_path / "photos" / "healthy" / "1.jpg", tmp_path / "photos" / "mpox" / "3.jpg")
    done = export(work, tmp_path / "out", images=True, sheets=True)
    assert parquet.read_table(tmp_path / "out" / "data")["path"].to_pylist() == ["healthy/1.jpg"]
    assert sorted(map(str, done.problems)) == [
        "mpox/2.jpg: no such file; check the name",
        "mpox/3.jpg: its content changed since it was ingested; ingest it again",
    ]
    assert len((tmp_path / "out" / "problems.csv").read_text().splitlines()) == 3
    for photo in (tmp_path / "photos").rglob("*.jpg"):
        photo.unlink()
    look(work, {})
    with pytest.raises(DataError, match=r"nothing to export \(healthy/1\.jpg|nothing to export \(mpox"):
        export(work, tmp_path / "none", images=True)
    assert not (tmp_path / "none").exists()


def test_contact_sheets_hold_neutral_names_and_no_metadata(work: Workspace, tmp_path: Path) -> None:
    export(work, tmp_path / "out", sheets=True)
    sheets = {p.name: Image.open(io.BytesIO(p.read_bytes())) for p in (tmp_path / "out" / "sheets").iterdir()}
    assert sorted(sheets) == ["clusters-000.jpg", "healthy-000.jpg", "mpox-000.jpg"]
    assert all(sheet.size == (8 * 184, 196) and not sheet.getexif() for sheet in sheets.values())
    shown = np.asarray(sheets["clusters-000.jpg"].convert("L")).astype(int)
    assert [bool((shown[:180, x : x + 180] < 200).any()) for x in range(0, 8 * 184, 184)] == [True, True, *[False] * 6]


def test_sheets_of_labels_that_read_alike_do_not_overwrite_each_other() -> None:
    labels = ["Mpox!", "clusters", "mpox?", "pocks/é"]
    assert file_names(labels, ["clusters"]) == ["mpox_", "clusters_2", "mpox__2", "pocks__"]


def test_an_earlier_export_is_replaced_and_nothing_else_is(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    export(work, out, sheets=True)  # an empty folder may be used
    export(work, out)
    assert not (out / "sheets").exists()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"it holds something that is no export of ours \(notes\.txt\)"):
        export(work, out)
    (out / "notes.txt").unlink()
    (shard,) = (out / "data").iterdir()
    exported = shard.read_bytes()
    shard.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"\.parquet: it was edited since it was exported, and would be lost"):
        export(work, out)
    shard.write_bytes(exported)
    card = out / "data-card.md"
    card.write_text(card.read_text(encoding="utf-8").replace("**[to be filled", "**[was filled"), encoding="utf-8")
    with pytest.raises(DataError, match=r"data-card\.md: it was edited since it was exported, and would be lost"):
        export(work, out)
    assert "**[was filled" in card.read_text(encoding="utf-8")


def test_photographs_are_no_place_for_an_export(work: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it lies among the photographs in "):
        export(work, tmp_path / "photos" / "mpox" / "out")
    with pytest.raises(DataError, match=r"it holds something that is no export of ours"):
        export(work, tmp_path)
    with pytest.raises(DataError, match=r"1\.jpg: it lies among|1\.jpg: it is no folder"):
        export(work, tmp_path / "photos" / "healthy" / "1.jpg")


def test_data_sets_side_by_side_hold_no_results_and_leave_room_beside_them(tmp_path: Path) -> None:
    records = [hand_made.photograph(tmp_path, f"{name}/mpox/{k}.jpg", k) for k, name in enumerate(("ours", "theirs"))]
    work = hand_made.workspace(tmp_path / "ws", tmp_path, records[:1], records[1:])  # the root is what they share
    outside_photographs(tmp_path / "out", tmp_path, work)
    for wrong in ("ours", "ours/out", "theirs/mpox/out"):
        with pytest.raises(DataError, match=r"it lies among the photographs in .*(ours|theirs); name another folder"):
            outside_photographs(tmp_path / wrong, tmp_path, work)


def test_a_place_that_cannot_be_written_is_one_line(work: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MpoxlensError, match=r"out: cannot be written \((Not a directory|File exists)\)"):
        export(work, tmp_path / "file" / "out")


def test_review_comes_before_export(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"clean\.parquet: no such table yet; mpoxlens data apply "):
        export(Workspace(tmp_path / "ws"), tmp_path / "out")
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "clean.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"clean\.parquet: no readable table "):
        export(Workspace(tmp_path / "ws"), tmp_path / "out")


def test_shards_stay_below_their_limit_and_say_how_many_they_are(tmp_path: Path) -> None:
    table = pa.table({"noise": np.random.default_rng(1).bytes(1000) and np.random.default_rng(1).random(1000)})
    with Shards(tmp_path, "train", table.schema, max_bytes=20_000) as shards:
        for _ in range(5):  # 8 kB each, which do not shrink
            shards.write(table)
    names = [p.name for p in sorted(tmp_path.iterdir())]
    assert names == [f"train-{n:05d}-of-00003.parquet" for n in range(3)]
    assert all(p.stat().st_size < 20_000 for p in tmp_path.iterdir())
    assert parquet.read_table(tmp_path).num_rows == 5000


def test_parts_become_names_that_files_may_have_and_no_two_the_same() -> None:
    parts = ["0", "fold_0", "train", "PAD-UFES 20", "pad_ufes_20", "皮肤", "皮疹", "all"]
    assert list(split_names(parts).items()) == [
        ("0", "fold_0"), ("fold_0", "fold_0_2"), ("train", "train"), ("PAD-UFES 20", "PAD_UFES_20"),
        ("pad_ufes_20", "pad_ufes_20_2"), ("皮肤", "part"), ("皮疹", "part_2"), ("all", "all_2"),
    ]  # fmt: skip


def test_parts_that_read_alike_do_not_overwrite_each_other(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    parts = dict(zip((r.sha256 for r in records), ("MSLD v1", "MSLD-v1", "皮肤"), strict=True))
    hand_made.split(work, parts)
    export(work, tmp_path / "out")
    written = {p.name: parquet.read_table(p)["part"].to_pylist() for p in (tmp_path / "out" / "data").iterdir()}
    assert written == {
        "MSLD_v1-00000-of-00001.parquet": ["MSLD v1"],
        "MSLD_v1_2-00000-of-00001.parquet": ["MSLD-v1"],
        "part-00000-of-00001.parquet": ["皮肤"],
    }
    readme = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "The splits are the parts MSLD v1 (`MSLD_v1`), MSLD-v1 (`MSLD_v1_2`), 皮肤 (`part`)." in readme.splitlines()


def test_rows_that_vanished_are_noticed(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"sha256": ["a", "b"]}), tmp_path / "train-00000-of-00001.parquet")
    check_whole(tmp_path, 2)
    with pytest.raises(DataError, match=r"2 rows were written in place of 3"):
        check_whole(tmp_path, 3)


def test_the_same_workspace_gives_the_same_bytes(work: Workspace, tmp_path: Path, records: list[ImageRecord]) -> None:
    for name in ("a", "b"):
        export(work, tmp_path / name, images=True, sheets=True)
    assert (tmp_path / "a" / "SHA256SUMS").read_bytes() == (tmp_path / "b" / "SHA256SUMS").read_bytes()
    assert hashlib.sha256((tmp_path / "photos" / records[0].path).read_bytes()).hexdigest() == records[0].sha256
    assert (
        replace(records[0]) == work.clean().records[[r.sha256 for r in work.clean().records].index(records[0].sha256)]
    )


def test_what_was_found_before_the_last_photographs_came_is_refused(work: Workspace, tmp_path: Path) -> None:
    for name in ("quality", "split", "labels", "audit"):
        write_table(pa.table({"sha256": ["a"]}), work.table(name), "another state")
        with pytest.raises(DataError, match=rf"{name}\.parquet: made before .*; mpoxlens data {name} "):
            export(work, tmp_path / "out")
        work.table(name).unlink()
