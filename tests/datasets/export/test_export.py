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

import hand_made
from mpoxlens.datasets.export.about import About, read_about
from mpoxlens.datasets.export.export import export, split_name
from mpoxlens.datasets.export.licences import in_words, unknown
from mpoxlens.datasets.export.shards import Shards
from mpoxlens.datasets.export.sheets import file_names
from mpoxlens.datasets.hide import faces, hide
from mpoxlens.datasets.reviews import Review
from mpoxlens.datasets.tables import write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.schema import ImageRecord

pytest.importorskip("datasets")


@pytest.fixture
def records(tmp_path: Path) -> list[ImageRecord]:
    root = tmp_path / "photos"
    return [
        hand_made.photograph(root, "healthy/1.jpg", 1, licence=""),
        hand_made.photograph(root, "mpox/2.jpg", 2, tone="5", patient="p1", group="g"),
        hand_made.photograph(root, "mpox/3.jpg", 3, tone="5", patient="p1", group="g"),
    ]


@pytest.fixture
def work(tmp_path: Path, records: list[ImageRecord]) -> Workspace:
    dropped = hand_made.photograph(tmp_path / "photos", "mpox/4.jpg", 4)
    return hand_made.workspace(tmp_path / "ws", tmp_path / "photos", records, [dropped])


def _review(sha256: str, action: str, value: str = "", reason: str = "") -> Review:
    return Review(sha256, action, value, reason, "reviewer-1", "2026-01-01")


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data))).astype(float)


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


def test_images_carry_no_metadata_and_hidden_faces_cannot_be_seen(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    sha, other = records[0].sha256, records[1].sha256
    quality = {"sha256": [other], "flags": [["face"]], "faces": [["0.500 0.500 0.250 0.250"]], "problem": [""]}
    write_table(pa.table(quality), work.table("quality"))
    export(work, tmp_path / "out", images=True, reviews=[_review(sha, "hide", "0.25 0.25 0.5 0.5")])
    rows = {r["sha256"]: r for r in parquet.read_table(tmp_path / "out" / "data").to_pylist()}
    data = rows[sha]["image"]["bytes"]
    assert b"Jane" in (tmp_path / "photos" / "healthy" / "1.jpg").read_bytes()
    assert b"Jane" not in data
    assert not Image.open(io.BytesIO(data)).getexif()
    before, after = _pixels((tmp_path / "photos" / "healthy" / "1.jpg").read_bytes()), _pixels(data)
    apart = np.abs(before - after).mean(axis=2)
    assert apart[32:96, 32:96].mean() > 3 * apart[:16].mean()  # the box, against what lies outside it
    assert rows[other]["flags"] == ["face"]
    assert rows[other]["image"]["path"] == f"{other}.jpg"


def test_a_hidden_box_is_a_mosaic_with_a_margin() -> None:
    ramp = np.tile(np.arange(100, dtype=np.uint8)[None, :, None], (100, 1, 3))
    hidden = hide(ramp, [(0.4, 0.4, 0.2, 0.2)])  # with 0.15 of 20 px on each side: 37 to 63
    assert np.array_equal(hidden[:37], ramp[:37])
    assert np.array_equal(hidden[63:], ramp[63:])
    assert len(np.unique(hidden[50, 37:63])) == 5
    assert hidden[50, 37:63].astype(float).mean() == pytest.approx(49.5, abs=0.5)  # of 37 to 62
    assert np.array_equal(ramp[0, :, 0], np.arange(100))  # the photograph itself is as it was


def test_a_box_at_the_edge_and_a_box_of_nothing_are_hidden_too() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    hidden = hide(noise, [(0.9, 0.9, 1.0, 1.0), (0.0, 0.0, 0.001, 0.001)])
    assert not np.array_equal(hidden[36:, 54:], noise[36:, 54:])
    assert np.array_equal(hidden[:30, 10:50], noise[:30, 10:50])


def test_boxes_come_from_reviewers_and_detection_alike(work: Workspace, records: list[ImageRecord]) -> None:
    sha = records[0].sha256
    table = {"sha256": [sha, "f" * 64], "flags": [[], []], "faces": [["0.1 0.2 0.3 0.4"], []], "problem": ["", ""]}
    write_table(pa.table(table), work.table("quality"))
    assert faces(work, [_review(sha, "hide", "0.5 0.5 0.1 0.1"), _review(sha, "keep")]) == {
        sha: ((0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 0.1, 0.1))
    }


def test_the_card_counts_and_marks_what_nobody_counted(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    dropped = next(r for r in work.manifest().records if r.path == "mpox/4.jpg")
    row = {"cue": "tone", "positives": "mpox", "against": ["measles", "other"], "photographs": 3}
    write_table(pa.Table.from_pylist([row | {"auroc": 0.69, "low": 0.6, "high": 0.78}]), work.table("audit"))
    reviews = [_review(dropped.sha256, "drop", reason="drawing"), _review(records[1].sha256, "relabel", "mpox")]
    facts = export(work, tmp_path / "out", reviews=reviews, about=About(name="Rash | set", licence="CC BY 4.0")).facts
    assert (facts.photographs, facts.ingested, facts.patients, facts.with_patient) == (3, 4, 1, 2)
    assert (facts.groups, facts.alone, facts.largest) == (2, 1, 2)
    assert facts.tones == {"5": 2, "": 1}
    assert facts.dropped == {"drawing": 1}
    assert facts.relabelled == {}  # it already had this label
    card = (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")
    for line in (
        "| mpox | 359814004 (Mpox) | 2 | 2 |",
        "| healthy | none verified | 1 | 1 |",
        "| drawing | 1 |",
        "| not published | 1 |",
        "| tone | mpox | measles, other | 3 | 0.69 (0.60 to 0.78) |",
        "| none known | no licence is known: not to be passed on | 1 |",
        "> **Not to be passed on as it is.** For 1 of 3 photographs no licence is known that permits",
        "- Did the people shown agree? **[to be filled in by the publisher]**",
        "- Licence of the set as a whole: CC BY 4.0",
        "- Repeated photographs were not looked for.",
    ):
        assert line in card.splitlines(), line


def test_a_cluster_in_two_parts_is_told_on_the_card(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    hand_made.split(work, {r.sha256: str(k % 2) for k, r in enumerate(records)})
    export(work, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out" / "data").iterdir()) == [
        "fold_0-00000-of-00001.parquet",
        "fold_1-00000-of-00001.parquet",
    ]
    assert "**1 clusters stand in several of them**" in (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")


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
    assert file_names(["Mpox!", "clusters", "mpox?", "pocks/é"]) == ["mpox_", "clusters_2", "mpox__2", "pocks__"]


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


@pytest.mark.parametrize(
    ("licence", "words", "doubtful"),
    [
        ("", "no licence is known: not to be passed on", True),
        ("CC0 1.0", "may be passed on without conditions", False),
        ("CC BY 4.0", "may be passed on with attribution", False),
        ("CC BY-NC-SA 4.0", "may be passed on for non-commercial use, with attribution, under the same licence", False),
        ("CC-BY-NC-4.0", "may be passed on for non-commercial use, with attribution", False),
        ("CC BY-NC-ND 4.0", "may be passed on unaltered only; hiding a face or encoding again alters it", False),
        ("for research and teaching", "use is limited; ask before passing it on", True),
        (
            "CC BY-NC-SA 3.0; photos belong to their atlases",
            "the publisher could not or did not license the photographs: not to be passed on",
            True,
        ),
        ("see website", "read it before passing anything on", True),
    ],
)
def test_licences_in_words(licence: str, words: str, doubtful: bool) -> None:
    assert (in_words(licence), unknown(licence)) == (words, doubtful)


def test_parts_become_names_that_files_may_have() -> None:
    assert [split_name(part) for part in ("0", "train", "PAD-UFES 20")] == ["fold_0", "train", "PAD_UFES_20"]


def test_the_same_workspace_gives_the_same_bytes(work: Workspace, tmp_path: Path, records: list[ImageRecord]) -> None:
    for name in ("a", "b"):
        export(work, tmp_path / name, images=True, sheets=True)
    assert (tmp_path / "a" / "SHA256SUMS").read_bytes() == (tmp_path / "b" / "SHA256SUMS").read_bytes()
    assert hashlib.sha256((tmp_path / "photos" / records[0].path).read_bytes()).hexdigest() == records[0].sha256
    assert (
        replace(records[0]) == work.clean().records[[r.sha256 for r in work.clean().records].index(records[0].sha256)]
    )


def test_what_the_publisher_knows_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "about.toml"
    path.write_text('name = "Rash 2024"\nlicence = "CC BY 4.0"\ndate = 2024-05-01\n', encoding="utf-8")
    assert read_about(path) == About(name="Rash 2024", licence="CC BY 4.0", date="2024-05-01")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", r"about\.toml: is no TOML \("),
        ('colour = "red"', r"about\.toml: colour: no field of a card, or no text; fields: name, version, licence, "),
        ("version = 2", r"about\.toml: version: no field of a card, or no text"),
        ('date = "May"', r"about\.toml: date: 'May' is no date; write year-month-day"),
    ],
)
def test_a_publishers_file_that_cannot_be_used_is_told_by_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "about.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_about(path)
    with pytest.raises(DataError, match=r"none\.toml: cannot be read"):
        read_about(tmp_path / "none.toml")
