"""Reading photographs: every format comes out upright and RGB, and every bad file gets one line that says why."""

from __future__ import annotations

import io
import os
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mpoxlens import photo as photos
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import MissingExtraError, PhotoError
from mpoxlens.photo import decode_photo, read_photo

SKIN = draw(5, size=96).pixels


def encoded(image: Image.Image | np.ndarray, form: str, **options: object) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def corners() -> Image.Image:
    """96 wide, 64 high: red upper left, green upper right, blue lower left, white lower right."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :48], pixels[:32, 48:] = (255, 0, 0), (0, 255, 0)
    pixels[32:, :48], pixels[32:, 48:] = (0, 0, 255), (255, 255, 255)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_give_the_very_pixels(form: str) -> None:
    found = decode_photo(encoded(SKIN, form), "x")
    assert np.array_equal(found.pixels, SKIN)
    assert (found.width, found.height) == (96, 96)


@pytest.mark.parametrize(("form", "bound"), [("JPEG", 6), ("WEBP", 6), ("HEIF", 6)])
def test_lossy_formats_come_near(form: str, bound: float) -> None:
    if form == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    found = decode_photo(encoded(SKIN, form, quality=95), "x")
    assert np.abs(found.pixels.astype(int) - SKIN).mean() < bound


def test_heic_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError) as caught:
        decode_photo(b"\0\0\0\x18ftypheic" + bytes(40), "a.heic")
    assert str(caught.value) == (
        "a.heic: a HEIC photo: it needs the package pillow-heif; install it with: pip install 'mpoxlens[heic]'"
    )


# EXIF orientation: where the stored image's upper left, red corner is seen
UPRIGHT = {1: (8, 8), 2: (8, 88), 3: (56, 88), 4: (56, 8), 5: (8, 8), 6: (8, 56), 7: (88, 56), 8: (88, 8)}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_photo_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode_photo(encoded(corners(), "JPEG", quality=100, exif=exif, subsampling=0), "x")
    assert (found.width, found.height) == ((96, 64) if orientation <= 4 else (64, 96))
    row, column = UPRIGHT[orientation]
    assert found.pixels[row, column].tolist() == pytest.approx([255, 0, 0], abs=12)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "CMYK", "YCbCr"])
def test_any_colour_mode_becomes_rgb(mode: str) -> None:
    form = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    found = decode_photo(encoded(corners().convert(mode), form, **({"quality": 100} if form == "JPEG" else {})), "x")
    assert found.pixels.shape == (64, 96, 3)
    assert found.pixels[60, 90].tolist() == pytest.approx([255, 255, 255], abs=4)


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (64, 64), (10, 20, 30, 0))
    assert decode_photo(encoded(clear, "PNG"), "x").pixels[5, 5].tolist() == [255, 255, 255]


def test_sixteen_bits_are_scaled_not_cut() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    found = decode_photo(encoded(ramp, "PNG"), "x").pixels
    assert found[0, 0, 0] == 0
    assert found[0, -1, 0] == 255
    assert found[0, 32, 0] == int(int(ramp[0, 32]) * 255 / 65535)


def test_large_jpegs_are_decoded_at_a_reduced_scale_but_keep_their_size() -> None:
    found = decode_photo(encoded(Image.new("RGB", (4000, 3000), "peru"), "JPEG"), "x")
    assert (found.width, found.height) == (4000, 3000)
    assert photos.WORKING_SIDE <= min(found.pixels.shape[:2]) < 3000 // 2


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\x20IDAT"
    )


def animation(form: str) -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:])


AGAIN = "send another photo of the rash"
UNREADABLE = "not a photo in a format that we read; send a JPEG, PNG, WebP or HEIC file"
BAD = {
    "empty": (b"", f"x: 0 bytes: an empty file holds no photo; {AGAIN}"),
    "text": (b"not an image at all", f"x: {UNREADABLE}"),
    "html": (b"<!doctype html><title>404</title>" * 9, f"x: {UNREADABLE}"),
    "gif": (animation("GIF"), f"x: {UNREADABLE}"),
    "animated WebP": (animation("WEBP"), f"x: 2 frames: an animation is not a photo; {AGAIN}"),
    "animated PNG": (animation("PNG"), f"x: 2 frames: an animation is not a photo; {AGAIN}"),
    "one pixel": (
        encoded(Image.new("RGB", (1, 1)), "PNG"),
        f"x: 1 x 1 pixels: a photo has at least 32 a side; {AGAIN}",
    ),
    "bomb": (
        png_header(9000, 9000),
        "x: 9000 x 9000 pixels: the limit is 50 million pixels; send a smaller copy",
    ),
    "greater bomb": (
        png_header(60000, 60000),
        "x: more than 170 million pixels: the limit is 50 million pixels; send a smaller copy",
    ),
    "truncated JPEG": (
        encoded(SKIN, "JPEG")[:1500],
        "x: damaged or cut short (image file is truncated (33 bytes not processed)); send the photo again",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_in_one_line(kind: str) -> None:
    data, message = BAD[kind]
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, "x")
    assert str(caught.value) == message


def test_missing_file_folder_and_huge_file(tmp_path: Path) -> None:
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(65 * 2**20)  # sparse: takes no room
    expected = {
        tmp_path / "no.jpg": "no such file; check the name",
        tmp_path: "it is a folder here, not a photo; name the photos in it",
    }
    for path, message in expected.items():
        with pytest.raises(PhotoError) as caught:
            read_photo(path)
        assert str(caught.value) == f"{path}: {message}"
    with pytest.raises(PhotoError) as caught:
        read_photo(huge)
    assert str(caught.value) == f"{huge}: 65 MB: the limit is 64 MB; send a smaller copy"


@pytest.mark.skipif(os.name == "nt", reason="POSIX devices and pipes")
def test_devices_and_pipes_are_refused_unread(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    for path in (pipe, Path(os.devnull)):
        with pytest.raises(PhotoError) as caught:
            read_photo(path)
        assert str(caught.value) == f"{path}: a device or pipe, not a file; save the photo as a file, and name that"


def test_no_more_than_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "MAX_BYTES", 2**20)
    path = tmp_path / "grows.jpg"
    path.write_bytes(bytes(3 * 2**20))
    monkeypatch.setattr(Path, "stat", lambda _: os.stat_result((0o100644, *[0] * 9)))  # as it was, when it was empty
    with pytest.raises(PhotoError, match="the limit is 1 MB"):
        photos.read_bytes(path)


WHOLE = {form: encoded(SKIN, form) for form in ("JPEG", "PNG", "WEBP", "BMP", "TIFF")}


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(sorted(WHOLE)),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
    keep=st.floats(0.02, 1),
)
def test_damage_gives_a_photo_or_a_photo_error_and_nothing_else(
    form: str, edits: list[tuple[float, int]], keep: float
) -> None:
    data = bytearray(WHOLE[form][: int(len(WHOLE[form]) * keep)])
    for place, value in edits:
        data[int(place**3 * len(data))] = value  # mostly in the headers, where the parsers are
    try:
        found = decode_photo(bytes(data), "x")
    except PhotoError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert found.pixels.dtype == np.uint8
        assert found.pixels.shape[2] == 3


def test_threads_leave_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: decode_photo(WHOLE["PNG"], "x"), range(64)))
    assert list(warnings.filters) == before
