"""The table of quality: real networks, real files, and what goes wrong with single photographs."""

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from mpoxlens.datasets.phantom import draw, save
from mpoxlens.datasets.quality import quality as module
from mpoxlens.datasets.quality.checks import CHECKS, FLAGS, MEANINGS, Check, raised
from mpoxlens.datasets.quality.quality import MEASURES, SCHEMA, Inspector, quality, version
from mpoxlens.datasets.steps import ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import WeightsError
from mpoxlens.photo import decode_photo
from real import SHARED

FLAG_NAMES = {
    "drawing", "text", "watermark", "collage", "frame", "studio_white", "not_skin", "squashed", "lowres", "compressed",
    "face", "dark", "light", "blurry", "odd_aspect", "grey",
}  # fmt: skip
FINE = {check.measure: check.limit + (0.01 if check.below else -0.01) for check in CHECKS}


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    try:
        return Inspector()
    except WeightsError as error:
        pytest.skip(f"the weights of the face finder cannot be had here: {error}")


@pytest.fixture
def work(tmp_path: Path, inspector: Inspector) -> Workspace:
    """A workspace with two drawings."""
    (tmp_path / "data" / "mpox").mkdir(parents=True)
    for seed in (1, 2):
        save(draw(seed, size=160), tmp_path / "data" / "mpox" / f"{seed}.png")
    work = Workspace(tmp_path / "work")
    ingest(work, [tmp_path / "data"])
    return work


def _inspected(inspector: Inspector, image: Image.Image) -> dict[str, object]:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return dict(inspector.inspect(decode_photo(buffer.getvalue(), "made"), buffer.getvalue()))


def _person() -> Image.Image:
    """A portrait in the public domain that matplotlib ships, 512 × 600 px."""
    return Image.open(Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg").convert("RGB")


def _beside_a_darker_one(image: Image.Image) -> Image.Image:
    both = Image.new("RGB", (2 * image.width, image.height))
    both.paste(image)
    both.paste(image.point(lambda value: value // 2), (image.width, 0))
    return both


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def test_the_flags_are_those_that_other_steps_know() -> None:
    assert set(FLAGS) == set(MEANINGS) == FLAG_NAMES
    assert SCHEMA.names == ["sha256", *MEASURES, "flags", "faces", "problem"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.flag}-{check.measure}")
def test_a_flag_is_raised_beyond_its_limit_alone(check: Check) -> None:
    assert raised(FINE) == []
    assert raised(FINE | {check.measure: check.limit - (0.01 if check.below else 0)}) == [check.flag]


def test_a_portrait_shows_a_face_in_the_right_place(inspector: Inspector) -> None:
    found = _inspected(inspector, _person())
    assert "face" in found["flags"]
    left, top, width, height = (float(edge) for edge in found["faces"][0].split())
    assert 0.3 < left + width / 2 < 0.7  # she looks into the camera from the upper middle
    assert 0.2 < top + height / 2 < 0.55
    assert height < 0.6


def test_a_drawing_has_no_face(inspector: Inspector) -> None:
    found = _inspected(inspector, Image.fromarray(draw(6, size=224).pixels))
    assert found["faces"] == []
    assert "face" not in found["flags"]
    assert "drawing" in found["flags"]


@pytest.mark.parametrize(
    ("text", "expected"), [("Day 5, left arm", {"text"}), ("shutterstock.com", {"text", "watermark"}), ("", set())]
)
def test_lettering_and_owners_are_read(inspector: Inspector, text: str, expected: set[str]) -> None:
    image = Image.fromarray(draw(7, size=320).pixels)
    font = ImageFont.load_default(size=22)
    ImageDraw.Draw(image).text((40, 250), text, "white", font, stroke_width=1, stroke_fill="black")
    assert set(_inspected(inspector, image)["flags"]) & {"text", "watermark"} == expected


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (lambda image: image.convert("L").convert("RGB"), "grey"),
        (lambda image: image.resize((90, 105)), "lowres"),
        (lambda image: image.resize((80, 94), Image.Resampling.BOX).resize(image.size), "lowres"),
        (lambda image: image.crop((0, 0, 512, 150)), "odd_aspect"),
        (lambda image: image.point(lambda value: value // 8), "dark"),
        (lambda image: image.point(lambda value: 250 + value // 51), "light"),
        (lambda image: image.filter(ImageFilter.GaussianBlur(60)), "blurry"),
        (lambda image: Image.new("RGB", image.size, (40, 160, 60)), "not_skin"),
        (lambda image: ImageOps.expand(image, 20, "white"), "frame"),
        (_beside_a_darker_one, "collage"),
        (lambda image: Image.open(io.BytesIO(_jpeg(image, 10))), "compressed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_change_raises_its_flag(
    inspector: Inspector, change: Callable[[Image.Image], Image.Image], flag: str
) -> None:
    assert flag in _inspected(inspector, change(_person()))["flags"]


def test_a_good_photograph_raises_no_flag_but_that_of_its_face(inspector: Inspector) -> None:
    found = _inspected(inspector, _person())["flags"]
    assert set(found) - {"drawing"} == {"face"}  # stars and stripes behind her are as vivid as an illustration


def test_a_hard_compressed_jpeg_is_known_by_its_table(inspector: Inspector) -> None:
    data = {quality: _jpeg(_person(), quality) for quality in (20, 90)}
    flags = {q: inspector.inspect(decode_photo(one, "made"), one)["flags"] for q, one in data.items()}
    assert "compressed" in flags[20]
    assert "compressed" not in flags[90]


def test_the_table_holds_every_photograph_in_the_order_of_the_manifest(work: Workspace) -> None:
    table = quality(work)
    assert table.schema.equals(SCHEMA)
    assert table["sha256"].to_pylist() == [record.sha256 for record in work.manifest().records]
    assert table["problem"].to_pylist() == ["", ""]
    assert all("drawing" in flags for flags in table["flags"].to_pylist())
    assert table["drawn"].to_pylist() == [1.0, 1.0]  # phantoms say so in their files


def test_a_photograph_that_breaks_is_named_and_looked_at_again_once_mended(work: Workspace) -> None:
    broken = work.manifest().records[0]
    path = work.manifest().paths[broken.sha256]
    whole = path.read_bytes()
    path.write_bytes(whole[:2000])
    first = quality(work).to_pylist()
    assert "damaged" in first[0]["problem"]
    assert (first[0]["flags"], first[0]["seam"], first[1]["problem"]) == ([], None, "")
    save(draw(99, size=160), path)
    assert "changed" in quality(work).to_pylist()[0]["problem"]
    path.unlink()
    assert "no such file" in quality(work).to_pylist()[0]["problem"]
    path.write_bytes(whole)
    assert quality(work)["problem"].to_pylist() == ["", ""]


def test_what_is_done_stays_and_a_new_version_is_measured_anew(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    row = module._row

    def counted(inspector: Inspector, sha256: str, path: Path) -> module.Row:
        seen.append(sha256)
        return row(inspector, sha256, path)

    monkeypatch.setattr(module, "_row", counted)
    first = quality(work)
    assert len(seen) == 2
    assert quality(work).equals(first)
    assert len(seen) == 2
    monkeypatch.setattr(module, "VERSION", "next")
    assert quality(work).equals(first)
    assert len(seen) == 4


def test_the_version_follows_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    before = version()
    monkeypatch.setattr(module, "CHECKS", CHECKS[:-1])
    assert version() != before


@pytest.mark.real_data
@pytest.mark.slow
def test_faces_of_real_people_are_found(inspector: Inspector) -> None:
    """No figure: benchmarks/quality.py has those. A check that channels and scale are what the network learned."""
    if not SHARED.is_dir():
        pytest.skip("the shared photographs are not on this machine")
    reviews = Path(__file__).parents[3] / "reviews" / "reviewer-1.csv"
    wanted = {line.split(",")[0] for line in reviews.read_text().splitlines() if ",flag,,face," in line}
    files = [path for path in sorted(SHARED.rglob("*.png")) if _sha(path) in wanted][:40]
    found = [bool(_inspected(inspector, Image.open(path).convert("RGB"))["faces"]) for path in files]
    assert np.mean(found) > 0.85


def _sha(path: Path) -> str:
    return decode_photo(path.read_bytes(), str(path)).sha256


def test_the_columns_are_numbers_lists_and_text() -> None:
    assert {SCHEMA.field(name).type for name in MEASURES} == {pa.float64()}
    assert SCHEMA.field("faces").type == pa.list_(pa.string())
