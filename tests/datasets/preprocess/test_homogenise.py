"""Homogeneous copies: what is cut out, in which light, hidden, recorded, and the same every time."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

import hand_made
from mpoxlens.datasets.hide import unseen
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.preprocess import homogenise
from mpoxlens.datasets.preprocess.colour import illuminant, in_white_light, to_linear, to_srgb
from mpoxlens.datasets.preprocess.crops import propose, saliency, skin_mask
from mpoxlens.datasets.preprocess.homogenise import Settings, preprocess
from mpoxlens.datasets.reviews import Review
from mpoxlens.datasets.tables import write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.photo import read_photo
from mpoxlens.schema import ImageRecord, Pixels
from real import SHARED

GREY_WALL = (120, 120, 125)


@pytest.fixture
def records(tmp_path: Path) -> list[ImageRecord]:
    root = tmp_path / "photos"
    return [hand_made.photograph(root, f"mpox/{seed}.jpg", seed) for seed in (1, 2, 3)]


@pytest.fixture
def work(tmp_path: Path, records: list[ImageRecord]) -> Workspace:
    return hand_made.workspace(tmp_path / "ws", tmp_path / "photos", records)


def _sums(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*.png"))}


def _time(out: Path, record: ImageRecord) -> int:
    return (out / "images" / f"{record.sha256}.png").stat().st_mtime_ns


def _arm(left: int, top: int, width: int, height: int) -> Pixels:
    """Bare skin [200, 300, 3] in a rectangle before a grey wall."""
    pixels = np.full((200, 300, 3), GREY_WALL, np.uint8)
    pixels[top : top + height, left : left + width] = draw(1, count=0, size=300).pixels[:height, :width]
    return pixels


def test_the_light_of_a_grey_patch_is_the_light() -> None:
    red, green, blue = illuminant(np.full((8, 8, 3), (200, 100, 50), np.uint8))
    linear = np.array([0.577580, 0.127438, 0.031896])  # of 200, 100 and 50 by IEC 61966-2-1
    assert (red, green, blue) == pytest.approx(linear / np.linalg.norm(linear), abs=1e-4)


def test_minkowski_six_lies_between_the_mean_and_the_brightest() -> None:
    pixels = np.zeros((1, 64, 3), np.uint8)
    pixels[..., 1:] = 255
    pixels[0, 0, 0] = 255  # one of 64 in the red channel: (1/64)^(1/6) = 1/2
    assert illuminant(pixels) == pytest.approx(np.array([0.5, 1, 1]) / 1.5, abs=1e-6)


def test_a_tint_is_taken_off_but_for_rounding() -> None:
    rng = np.random.default_rng(1)
    white = rng.integers(40, 140, (64, 64, 3), dtype=np.uint8)
    white[:2, :2] = 160  # what is brightest is grey
    tinted = to_srgb(to_linear(white) * np.array([1.4, 1.0, 0.7], np.float32))
    back = [in_white_light(p, illuminant(p)).astype(int) for p in (white, tinted)]
    ratio = to_linear(back[1].astype(np.uint8)).mean(axis=(0, 1)) / to_linear(back[0].astype(np.uint8)).mean(
        axis=(0, 1)
    )
    assert ratio == pytest.approx([ratio[1]] * 3, rel=0.01)  # the same hue, of another strength at most
    assert not np.allclose(tinted.mean(axis=(0, 1)) / white.mean(axis=(0, 1)), 1, atol=0.1)


def test_white_light_and_black_pixels_change_nothing() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(in_white_light(grey, illuminant(grey)), grey)
    black = np.zeros((8, 8, 3), np.uint8)
    assert np.array_equal(in_white_light(black, illuminant(black)), black)


def test_the_skin_crop_is_the_square_of_the_largest_skin() -> None:
    pixels = _arm(180, 40, 100, 80)
    pixels[10:30, 10:40] = draw(2, count=0, size=64).pixels[:20, :30]  # a smaller patch elsewhere
    left, top, width, height = propose(pixels, "skin").box
    assert (width * 300, height * 200) == pytest.approx((100, 100), abs=4)  # square in pixels, as long as the skin
    assert left * 300 == pytest.approx(180, abs=6)
    assert top * 200 <= 42
    assert (top + height) * 200 >= 118


def test_a_crop_is_never_larger_than_the_photograph() -> None:
    left, _, width, height = propose(_arm(0, 50, 300, 60), "skin").box
    assert (width * 300, height) == pytest.approx((200, 1.0), abs=1)
    assert left == pytest.approx(50 / 300, abs=0.01)  # in the middle, where all squares hold as much


@pytest.mark.parametrize("kind", ["skin", "lesion"])
def test_without_skin_the_largest_square_is_taken(kind: str) -> None:
    found = propose(np.full((200, 300, 3), GREY_WALL, np.uint8), kind)  # type: ignore[arg-type]
    assert found.box == pytest.approx((1 / 6, 0, 2 / 3, 1), abs=0.01)
    assert found.score == 0


def test_no_crop_is_the_whole_photograph() -> None:
    assert propose(_arm(0, 0, 50, 50), "none").box == (0.0, 0.0, 1.0, 1.0)


def test_a_crust_is_part_of_the_skin_around_it() -> None:
    pixels = draw(1, count=0, size=200).pixels.copy()
    cv2.circle(pixels, (100, 100), 12, (25, 18, 20), -1)
    assert skin_mask(pixels)[100, 100]


def test_lesions_stand_out_and_letters_and_bars_do_not() -> None:
    phantom = draw(3, size=256, count=6)
    found = saliency(phantom.pixels, skin_mask(phantom.pixels))
    assert found[phantom.mask].mean() > 5 * found[~phantom.mask].mean()
    bare = draw(3, size=256, count=0).pixels.copy()
    bare[100:130, 60:200] = 0
    bare[180:190, 60:66] = 255
    assert saliency(bare, skin_mask(bare))[98:132, 58:202].mean() < 0.05


def _scene(seed: int) -> tuple[Pixels, np.ndarray]:
    """A corner of rash on bare skin [320, 320, 3], and where its lesions are."""
    pixels, rash = draw(seed, count=0, size=320).pixels.copy(), draw(seed + 500, count=5, size=160)
    y, x = (8, 8) if seed % 2 else (150, 140)
    area = cv2.dilate(rash.mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    pixels[y : y + 160, x : x + 160][area] = rash.pixels[area]
    mask = np.zeros((320, 320), np.bool_)
    mask[y : y + 160, x : x + 160] = rash.mask
    return pixels, mask


def test_the_lesion_crop_holds_the_lesions_and_leaves_bare_skin_out() -> None:
    held, areas = [], []
    for seed in range(12):
        pixels, mask = _scene(seed)
        left, top, width, height = (round(share * 320) for share in propose(pixels, "lesion").box)
        held.append(mask[top : top + height, left : left + width].sum() / mask.sum())
        areas.append(width * height / 320**2)
    assert min(held) >= 0.9
    assert np.mean(areas) < 0.8


def test_lesions_are_not_looked_for_where_a_face_is_hidden() -> None:
    pixels, mask = _scene(5)  # all lesions in the upper left quarter
    assert mask[:176, :176].sum() == mask.sum()
    there = propose(pixels, "lesion")
    assert there.box[:2] == pytest.approx((0, 0), abs=0.15)
    assert there.box[2] < 0.95
    assert propose(pixels, "lesion", [(0.0, 0.0, 0.55, 0.55)]).box[2] > there.box[2]  # nothing stands out any more


def test_copies_are_alike_recorded_and_the_same_every_time(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    settings = Settings(size=64, crop="lesion", colour="shades-of-grey")
    tables = [preprocess(work, tmp_path / name, settings) for name in ("a", "b")]
    assert _sums(tmp_path / "a") == _sums(tmp_path / "b")
    assert tables[0].equals(tables[1])
    assert sorted(_sums(tmp_path / "a")) == sorted(f"{r.sha256}.png" for r in records)
    for row in tables[0].to_pylist():
        with Image.open(tmp_path / "a" / row["file"]) as copy:
            assert (copy.size, copy.mode, dict(copy.info)) == ((64, 64), "RGB", {})
        share = float(row["crop"].split()[2])
        assert row["scale"] == pytest.approx(64 / (share * 128), rel=1e-3)
        assert row["red"] ** 2 + row["green"] ** 2 + row["blue"] ** 2 == pytest.approx(1, abs=1e-3)
    said = json.loads((tmp_path / "a" / "settings.json").read_text())
    assert (said["size"], said["crop"], said["colour"], said["minkowski_norm"]) == (64, "lesion", "shades-of-grey", 6)
    assert set(tables[0]["settings"].to_pylist()) == {said["sha256"]}
    assert [hashlib.sha256((tmp_path / "photos" / r.path).read_bytes()).hexdigest() for r in records] == [
        r.sha256 for r in records
    ]


def test_a_photograph_turned_by_its_metadata_is_turned_upright(tmp_path: Path) -> None:
    pixels = draw(1, size=128).pixels.copy()
    pixels[:64] = (200, 30, 30)
    image = Image.fromarray(np.rot90(pixels))  # as a camera stores it that is held on its side
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    root = tmp_path / "photos"
    (root / "mpox").mkdir(parents=True)
    image.save(root / "mpox" / "1.png", exif=exif)
    sha = hashlib.sha256((root / "mpox" / "1.png").read_bytes()).hexdigest()
    record = ImageRecord(sha, "mpox/1.png", "mpox", "s", None, 128, 128, sha)
    preprocess(hand_made.workspace(tmp_path / "ws", root, [record]), tmp_path / "out", Settings(size=128))
    with Image.open(tmp_path / "out" / "images" / f"{sha}.png") as copy:
        assert np.array_equal(np.asarray(copy), pixels)


def test_what_is_there_is_not_made_again_and_what_is_lost_is(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    out = tmp_path / "out"
    preprocess(work, out, Settings(size=64))
    before = _sums(out)
    kept, lost = (out / "images" / f"{r.sha256}.png" for r in records[:2])
    time = kept.stat().st_mtime_ns
    lost.unlink()
    preprocess(work, out, Settings(size=64))
    assert _sums(out) == before
    assert kept.stat().st_mtime_ns == time
    (out / "preprocess.parquet").write_bytes(b"damaged")
    preprocess(work, out, Settings(size=64))
    assert kept.stat().st_mtime_ns > time
    assert _sums(out) == before


def test_new_decisions_and_settings_make_the_copies_anew(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    out, sha = tmp_path / "out", records[0].sha256
    preprocess(work, out, Settings(size=64))
    before = np.asarray(Image.open(out / "images" / f"{sha}.png").convert("RGB")).astype(int)
    times = {record.sha256: _time(out, record) for record in records}
    hidden = [Review(sha, "hide", "0.5 0.5 0.4 0.4", "", "reviewer-1", "2026-01-01")]
    table = preprocess(work, out, Settings(size=64), hidden)
    after = np.asarray(Image.open(out / "images" / f"{sha}.png").convert("RGB")).astype(int)
    assert {row["sha256"]: row["hidden"] for row in table.to_pylist()}[sha] == 1
    assert [r.sha256 for r in records if times[r.sha256] != _time(out, r)] == [sha]  # only its copy was made anew
    assert np.array_equal(before[:24], after[:24])
    assert np.abs(before - after)[36:56, 36:56].mean() > 1
    preprocess(work, out, Settings(size=32), hidden)
    with Image.open(out / "images" / f"{sha}.png") as copy:
        assert copy.size == (32, 32)
    rest = hand_made.workspace(tmp_path / "ws2", tmp_path / "photos", records[1:])
    preprocess(rest, out, Settings(size=32))
    assert sha not in {name.removesuffix(".png") for name in _sums(out)}  # what review left out stays nowhere


def test_a_face_that_was_marked_after_a_run_was_stopped_is_hidden(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    out, sha = tmp_path / "out", records[0].sha256
    preprocess(work, out, Settings(size=64))
    (out / "preprocess.parquet.parts").mkdir()
    (out / "preprocess.parquet").rename(out / "preprocess.parquet.parts" / "000000.parquet")  # as a stopped run leaves
    table = preprocess(work, out, Settings(size=64), [Review(sha, "hide", "0.5 0.5 0.4 0.4", "", "r", "2026-01-01")])
    assert {row["sha256"]: row["hidden"] for row in table.to_pylist()} == {
        r.sha256: int(r is records[0]) for r in records
    }


def test_faces_that_were_detected_are_hidden_and_it_is_told_where_none_were_looked_for(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    out = tmp_path / "out"
    table = preprocess(work, out, Settings(size=64))
    assert unseen(work, table["sha256"]) == 3
    assert json.loads((out / "settings.json").read_text())["photographs_not_looked_at_for_faces"] == 3
    a, b, _ = (record.sha256 for record in records)
    columns = {"sha256": [a, b], "faces": [["0.1 0.1 0.5 0.5"], []], "problem": ["", "no such file"]}
    write_table(pa.table(columns), work.table("quality"), work.state("quality"))
    table = preprocess(work, out, Settings(size=64))
    assert {row["sha256"]: row["hidden"] for row in table.to_pylist()} == {
        r.sha256: int(r.sha256 == a) for r in records
    }
    assert json.loads((out / "settings.json").read_text())["photographs_not_looked_at_for_faces"] == 2
    write_table(pa.table(columns), work.table("quality"), "another state")
    with pytest.raises(DataError, match=r"quality\.parquet: made before the last photographs or decisions came"):
        preprocess(work, out, Settings(size=64))


def test_what_cannot_be_read_says_why_and_the_rest_goes_on(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    (tmp_path / "photos" / "mpox" / "1.jpg").unlink()
    (tmp_path / "photos" / "mpox" / "2.jpg").write_bytes(b"no picture")
    rows = {row["sha256"]: row for row in preprocess(work, tmp_path / "out").to_pylist()}
    assert [rows[r.sha256]["problem"].partition(";")[0] for r in records] == [
        "mpox/1.jpg: no such file",
        "mpox/2.jpg: not a photo in a format that we read",
        "",
    ]
    assert list(_sums(tmp_path / "out")) == [f"{records[2].sha256}.png"]
    hand_made.photograph(tmp_path / "photos", "mpox/1.jpg", 1)  # it is back
    preprocess(work, tmp_path / "out")
    assert parquet.read_table(tmp_path / "out" / "preprocess.parquet")["problem"].to_pylist().count("") == 2


def test_a_changed_photograph_is_not_taken_for_the_one_that_was_ingested(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    shutil.copy(tmp_path / "photos" / records[1].path, tmp_path / "photos" / records[0].path)
    rows = {row["sha256"]: row["problem"] for row in preprocess(work, tmp_path / "out").to_pylist()}
    assert rows[records[0].sha256] == "mpox/1.jpg: its content changed since it was ingested; ingest it again"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"size": 8}, r"--size 8: out of range; use 32 to 2048 pixels"),
        ({"crop": "face"}, r"--crop face: unknown; use none, skin, lesion"),
        ({"colour": "sepia"}, r"--colour sepia: unknown; use none, shades-of-grey"),
    ],
)
def test_impossible_settings_are_told_by_their_flag(bad: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Settings(**bad)  # type: ignore[arg-type]


def test_a_wrong_place_is_refused_before_any_work(work: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it lies among the photographs in "):
        preprocess(work, tmp_path / "photos" / "out")
    with pytest.raises(DataError, match=r"it holds something that is not ours \(clean\.parquet\)"):
        preprocess(work, work.path)
    (tmp_path / "file").write_text("")
    with pytest.raises(MpoxlensError, match=r"file: it is no folder"):
        preprocess(work, tmp_path / "file")
    with pytest.raises(MpoxlensError, match=r"out: cannot be written \(Not a directory\)"):
        preprocess(work, tmp_path / "file" / "out")
    assert not (tmp_path / "photos" / "out").exists()


def test_the_hash_of_settings_changes_with_each_of_them_and_with_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [Settings(), Settings(size=225), Settings(crop="skin"), Settings(colour="shades-of-grey")]
    hashes = {one.sha256 for one in some}
    monkeypatch.setattr(homogenise, "METHOD", "other")
    assert len(hashes | {Settings().sha256}) == 5


@pytest.mark.real_data
def test_crops_of_photographs_are_squares_inside_them() -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared photographs are not on this machine")
    files = sorted(SHARED.rglob("*.jpg"))[::15]
    assert files
    for file in files:
        pixels = read_photo(file).pixels
        height, width = pixels.shape[:2]
        for kind in ("skin", "lesion"):
            left, top, w, h = propose(pixels, kind).box  # type: ignore[arg-type]
            assert left >= 0 <= top, file
            assert max(left + w, top + h) <= 1 + 1e-9, file
            assert w * width == pytest.approx(h * height, rel=0.03), file
            assert kind == "skin" or w * width >= 0.2 * min(width, height), file
