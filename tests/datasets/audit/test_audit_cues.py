"""Each cheap cue, worked out by hand."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from mpoxlens.datasets.audit.cues import CELLS, CUES, background, cues, pictures, ring
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import write_manifest
from mpoxlens.datasets.quality.encoding import table_quality
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.evaluation.tone import typology_angle

SKIN = (200, 150, 120)
BLUE = (40, 60, 200)


def _workspace(tmp_path: Path, **files: bytes) -> Workspace:
    """A workspace of one picture a label."""
    for name, data in files.items():
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.img.png").write_bytes(data)
    work = Workspace(tmp_path / "work")
    work.path.mkdir()
    write_manifest(collect([tmp_path / "data"]), work.table("manifest"))
    return work


def _encoded(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def _plain(colour: tuple[int, int, int], width: int = 100, height: int = 100) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def measure(data: bytes) -> dict[str, Any]:
        row: dict[str, Any] = cues(_workspace(tmp_path, mpox=data)).to_pylist()[0]
        assert row["problem"] == ""
        return row

    return measure


def test_size_and_encoding_of_a_png(measured: Callable[..., dict[str, Any]]) -> None:
    data = _encoded(_plain(SKIN, width=120, height=80))
    row = measured(data)
    assert (row["width"], row["height"], row["aspect"]) == (120, 80, 1.5)
    assert row["bytes_per_pixel"] == pytest.approx(len(data) / 9600)
    assert (row["png"], row["jpeg"], row["colour_type"]) == (1, 0, 2)  # 2: RGB
    assert (row["profile"], row["exif"]) == (0, 0)
    assert np.isnan(row["quality"])


@pytest.mark.parametrize(("asked", "subsampling", "product"), [(50, 2, 4), (75, 1, 2), (90, 0, 1)])
def test_the_quality_and_subsampling_of_a_jpeg_are_found(
    measured: Callable[..., dict[str, Any]], asked: int, subsampling: int, product: int
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    row = measured(_encoded(_plain(SKIN), "JPEG", quality=asked, subsampling=subsampling, progressive=True, exif=exif))
    assert row["quality"] == pytest.approx(asked, abs=1)
    assert (row["subsampling"], row["progressive"], row["exif"]) == (product, 1, 1)
    assert (row["jpeg"], row["png"]) == (1, 0)
    assert np.isnan(row["colour_type"])


def test_the_standard_table_has_quality_fifty() -> None:
    fifty = Image.open(io.BytesIO(_encoded(_plain(SKIN), "JPEG", quality=50))).quantization[0]  # type: ignore[attr-defined]
    assert table_quality(fifty) == 50
    assert table_quality([1] * 64) == pytest.approx(99.1, abs=0.1)  # 64 of 3685: 1.74 %, (200 - 1.74) / 2


def test_the_border_ring_alone_is_seen(measured: Callable[..., dict[str, Any]]) -> None:
    pixels = _plain((0, 0, 0))
    pixels[ring((100, 100))] = (250, 130, 10)
    row = measured(_encoded(pixels))
    assert ring((100, 100)).sum() == 100 * 100 - 90 * 90  # 5 pixels a side
    assert (row["border_red"], row["border_green"], row["border_blue"]) == (250, 130, 10)
    assert row["border_deviation"] == 0
    assert row["mean_red"] == pytest.approx(250 * 0.19)


def test_the_corners_are_ten_pixels_of_a_hundred(measured: Callable[..., dict[str, Any]]) -> None:
    pixels = _plain((100, 100, 100))
    pixels[:10, :10] = 200  # one corner of four
    row = measured(_encoded(pixels))
    assert row["corners_red"] == 125  # (200 + 3 * 100) / 4
    assert row["corners_spread"] == pytest.approx(np.std([200, 100, 100, 100]))


def test_the_background_is_what_is_no_skin(measured: Callable[..., dict[str, Any]]) -> None:
    pixels = _plain(SKIN)
    pixels[:, :30] = BLUE
    row = measured(_encoded(pixels))
    assert row["background_share"] == pytest.approx(0.3, abs=0.03)  # the closing shaves the edge
    assert [row[f"background_{c}"] for c in ("red", "green", "blue")] == list(BLUE)
    assert row["background_deviation"] == 0
    assert row["skin_share"] == pytest.approx(0.7)


def test_a_dark_lesion_amid_skin_is_no_background() -> None:
    pixels = _plain(SKIN)
    pixels[40:60, 40:60] = (5, 5, 5)
    assert not background(pixels).any()
    pixels[40:60, :60] = (5, 5, 5)  # the same colour from the edge on
    assert background(pixels).sum() == pytest.approx(20 * 60, rel=0.1)


def test_a_picture_full_of_skin_has_no_background(measured: Callable[..., dict[str, Any]]) -> None:
    row = measured(_encoded(_plain(SKIN)))
    assert row["background_share"] == 0
    assert np.isnan(row["background_red"])
    assert set(row["background_picture"]) == {128}


def test_the_background_picture_hides_the_skin(tmp_path: Path) -> None:
    pixels = _plain(SKIN, 160, 160)
    pixels[:, :40] = BLUE
    table = cues(_workspace(tmp_path, mpox=_encoded(pixels)))
    shown = pictures(table.column("background_picture"))
    assert shown.shape == (1, CELLS, CELLS, 3)
    assert np.array_equal(np.unique(shown.reshape(-1, 3), axis=0), [BLUE])  # the colour of skin is nowhere
    whole = pictures(table.column("picture"))
    assert whole[0, 0, 0].tolist() == list(BLUE)
    assert whole[0, 0, -1].tolist() == list(SKIN)


def test_tone_brightness_and_detail(measured: Callable[..., dict[str, Any]]) -> None:
    pixels = _plain((100, 100, 100))
    pixels[::2] = 140  # rows in turn
    row = measured(_encoded(pixels))
    assert row["brightness"] == 120
    assert row["contrast"] == 20
    assert row["detail"] == pytest.approx(80)  # every Laplacian is two steps of 40, up or down
    assert row["typology_angle"] == pytest.approx(typology_angle(pixels))


def test_pictures_of_a_part_of_a_column() -> None:
    values = [bytes([n]) * (CELLS * CELLS * 3) for n in range(5)]
    column = pa.chunked_array([pa.array(values, pa.binary(CELLS * CELLS * 3))])
    assert pictures(column.slice(2, 2))[:, 0, 0, 0].tolist() == [2, 3]
    assert pictures(column.filter(pa.array([True, False, False, False, True])))[:, 0, 0, 0].tolist() == [0, 4]


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    work = _workspace(tmp_path, mpox=_encoded(_plain(SKIN)), measles=_encoded(_plain(BLUE)))
    first = cues(work)
    for path in work.manifest().paths.values():
        path.unlink()
    again = cues(work)
    assert again["problem"].to_pylist() == ["", ""]
    assert all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(again.columns[1:-3], first.columns[1:-3], strict=True)
    )


def test_a_photograph_that_is_gone_has_a_problem(tmp_path: Path) -> None:
    work = _workspace(tmp_path, mpox=_encoded(_plain(SKIN)), measles=_encoded(_plain(BLUE)))
    gone = {r.label: r.sha256 for r in work.manifest().records}["mpox"]
    work.manifest().paths[gone].unlink()
    problem = {row["sha256"]: row["problem"] for row in cues(work).to_pylist()}
    assert "no such file" in problem[gone]
    assert min(problem.values()) == ""


def test_another_photograph_in_its_place_is_not_measured_as_the_one_that_was_ingested(tmp_path: Path) -> None:
    work = _workspace(tmp_path, mpox=_encoded(_plain(SKIN)), measles=_encoded(_plain(BLUE)))
    changed = {r.label: r.sha256 for r in work.manifest().records}["mpox"]
    original = work.manifest().paths[changed].read_bytes()
    work.manifest().paths[changed].write_bytes(_encoded(_plain((1, 2, 3))))
    row = {row["sha256"]: row for row in cues(work).to_pylist()}[changed]
    assert "its content changed since it was ingested; ingest it again" in row["problem"]
    assert row["mean_red"] is None

    work.manifest().paths[changed].write_bytes(original)
    assert {row["sha256"]: row for row in cues(work).to_pylist()}[changed]["mean_red"] == SKIN[0]


def test_every_cue_has_measures_of_its_own() -> None:
    names = [name for cue in CUES for name in cue.columns]
    assert len(names) == len(set(names))
