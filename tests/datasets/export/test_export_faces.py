"""Faces on their way out: hidden where they are known, and told where nobody looked."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from tables_by_hand import look, review

from mpoxlens.datasets.export.export import export
from mpoxlens.datasets.hide import faces, hide, unseen
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

pytest.importorskip("datasets")


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data))).astype(float)


def test_images_carry_no_metadata_and_hidden_faces_cannot_be_seen(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    sha, other = records[0].sha256, records[1].sha256
    look(work, {other: ["0.500 0.500 0.250 0.250"]})
    export(work, tmp_path / "out", images=True, reviews=[review(sha, "hide", "0.25 0.25 0.5 0.5")])
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
    look(work, {sha: ["0.1 0.2 0.3 0.4"], "f" * 64: []})
    assert faces(work, [review(sha, "hide", "0.5 0.5 0.1 0.1"), review(sha, "keep")]) == {
        sha: ((0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 0.1, 0.1))
    }


def test_photographs_go_out_only_after_faces_were_looked_for(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    work.table("quality").unlink()
    for shown in ({"images": True}, {"sheets": True}):
        with pytest.raises(DataError, match=r"faces were not looked for; first: mpoxlens data quality .*ws"):
            export(work, tmp_path / "out", **shown)
    assert export(work, tmp_path / "known").facts.unseen == 3
    assert export(work, tmp_path / "out", images=True, unhidden=True).facts.unseen == 3
    card, page = ((tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("data-card.md", "README.md"))
    assert "> **Faces may be seen.** 3 of 3 photographs were not looked at for faces" in card
    assert "**Faces were not looked for in 3 of them.**" in page
    a, b, c = (record.sha256 for record in records)
    look(work, {a: (), b: ()}, problems={b: "the file has changed"})  # and c has no row
    assert unseen(work, pa.chunked_array([[a, b, c]])) == 2
    export(work, tmp_path / "out", images=True)
    card = (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")
    assert "> **Faces may be seen.** 2 of 3 photographs were not looked at for faces" in card
    look(work, dict.fromkeys((a, b, c), ()))
    export(work, tmp_path / "out", images=True)
    assert "Faces may be seen" not in (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")
