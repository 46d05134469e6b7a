"""Read a photograph safely: limits before decoding, upright, RGB, one frame, no metadata."""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from mpoxlens.errors import MissingExtraError, PhotoError
from mpoxlens.schema import Photo

MAX_BYTES = 64 * 2**20  # no phone writes a larger JPEG; read into memory whole
MAX_PIXELS = 120_000_000  # today's largest phone sensors in use give 108 million
MAX_RAW_PIXELS = 50_000_000  # for formats that cannot be decoded at a reduced scale (150 MB as RGB)
MIN_SIDE = 32  # below this no lesion is visible, whatever the gate would say
WORKING_SIDE = 640  # px of the shorter side that decoding keeps at least, when the format lets it choose
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "BMP", "TIFF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".heic", ".heif", ".bmp", ".tif", ".tiff"})
# What Pillow's parsers raise on damaged files, found by fuzzing; none of it may reach the user as a traceback.
_PARSERS_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
DRAWN = "phantom"  # what a PNG says under the key "mpoxlens" when `datasets.phantom` drew it
AGAIN = "send another photo of the rash"


def read_photo(path: str | Path) -> Photo:
    """Read and decode one photograph.

    Raises:
        PhotoError: missing, empty, too large, not an image, truncated, animated, or a decompression bomb.
        MissingExtraError: a HEIC photograph without the `heic` extra.
    """
    path = Path(path)
    return decode_photo(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Return the file's bytes, refusing what is missing, no regular file (a folder, device or pipe) or too large."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise PhotoError(str(path), "it is a folder here, not a photo", "name the photos in it")
        if not stat.S_ISREG(found.st_mode):
            raise PhotoError(str(path), "a device or pipe, not a file", "save the photo as a file, and name that")
        _check_bytes(found.st_size, str(path))
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # it may have grown, or lie about its size
    except FileNotFoundError:
        raise PhotoError(str(path), "no such file", "check the name") from None
    except OSError as error:
        raise PhotoError(str(path), f"cannot be read ({error.strerror})", "check the file's permissions") from None
    _check_bytes(len(data), str(path))
    return data


def decode_photo(data: bytes, name: str) -> Photo:
    """Decode the bytes of one photograph; `name` is used in messages only."""
    if not data:
        raise PhotoError(f"{name}: 0 bytes", "an empty file holds no photo", AGAIN)
    _check_bytes(len(data), name)
    with _quiet:
        try:
            image = _open(data, name)
            width, height = _checked_size(image, name)
            rgb = _decode(image)
        except _PARSERS_ERRORS as error:
            raise _damaged(name, error) from None
    return Photo(rgb, name, hashlib.sha256(data).hexdigest(), width, height, image.info.get("mpoxlens") == DRAWN)


def _check_bytes(size: int, name: str) -> None:
    if size > MAX_BYTES:
        limit = f"the limit is {MAX_BYTES / 2**20:.0f} MB"
        raise PhotoError(f"{name}: {size / 2**20:.0f} MB", limit, "send a smaller copy")


class _Quiet:
    """Silences warnings while any thread decodes: Pillow warns of odd metadata and big images; our own limits decide.

    `warnings.catch_warnings` alone is not safe in threads: filters are global, and the thread that leaves last would
    restore those that another had silenced.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught = warnings.catch_warnings(action="ignore")
                self._caught.__enter__()
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


_quiet = _Quiet()


def _open(data: bytes, name: str) -> ImageFile.ImageFile:
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypheim", b"ftypmsf1"):
        _register_heif(name)
    try:
        return Image.open(io.BytesIO(data), formats=_known_formats())
    except UnidentifiedImageError:
        raise PhotoError(name, "not a photo in a format that we read", "send a JPEG, PNG, WebP or HEIC file") from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(name, "more than 170 million pixels") from None


def _register_heif(name: str) -> None:
    try:
        import pillow_heif
    except ImportError:
        raise MissingExtraError(f"{name}: a HEIC photo", "heic", "pillow-heif") from None
    pillow_heif.register_heif_opener(thumbnails=False)


def _known_formats() -> list[str]:
    Image.init()
    return [f for f in FORMATS if f in Image.OPEN]


def _checked_size(image: Image.Image, name: str) -> tuple[int, int]:
    """Return the size as turned upright, refusing animations, specks and bombs before anything is decoded."""
    width, height = image.size
    if getattr(image, "n_frames", 1) > 1 and image.format in ("WEBP", "PNG"):
        raise PhotoError(f"{name}: {getattr(image, 'n_frames', 2)} frames", "an animation is not a photo", AGAIN)
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"{name}: {width} x {height} pixels", f"a photo has at least {MIN_SIDE} a side", AGAIN)
    limit = MAX_PIXELS if image.format in ("JPEG", "MPO") else MAX_RAW_PIXELS  # MPO: a JPEG with a second picture
    if width * height > limit:
        raise _too_many_pixels(name, f"{width} x {height} pixels", limit)
    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return (height, width) if turned else (width, height)


def _too_many_pixels(name: str, size: str, limit: int = MAX_RAW_PIXELS) -> PhotoError:
    return PhotoError(f"{name}: {size}", f"the limit is {limit // 10**6} million pixels", "send a smaller copy")


def _damaged(name: str, error: Exception) -> PhotoError:
    return PhotoError(name, f"damaged or cut short ({error or type(error).__name__})", "send the photo again")


def _decode(image: ImageFile.ImageFile) -> np.ndarray:  # [H, W, 3] uint8
    image.draft("RGB", _draft_size(image))  # JPEG alone: decodes at 1/2, 1/4 or 1/8, in a fraction of the time
    image.load()
    return np.asarray(_rgb(ImageOps.exif_transpose(image)))


def _draft_size(image: Image.Image) -> tuple[int, int]:
    scale = max(1.0, min(image.size) / WORKING_SIDE)
    return int(image.width / scale), int(image.height / scale)


def _rgb(image: Image.Image) -> Image.Image:
    """Any colour mode to sRGB: 16 bits scaled down, transparency on white, colours by their profile."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float32)
        top = 65535.0 if values.max() > 255 else 255.0
        image = Image.fromarray((values.clip(0, top) * (255.0 / top)).astype(np.uint8))
    if image.mode in ("CMYK", "RGB"):
        image = _by_profile(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")


def _by_profile(image: Image.Image) -> Image.Image:
    """Turn a wide-gamut or CMYK photograph to sRGB, as every browser does; an unusable profile is passed over."""
    profile = image.info.get("icc_profile")
    if not profile or b"sRGB" in profile or b"s\0R\0G\0B" in profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError):
        return image
