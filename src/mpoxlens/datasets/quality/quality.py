"""Quality and junk: measures of every photograph, and the flags that they raise for the reviewer.

A flag orders the review and decides nothing. Every measure is kept in the table, so that a reader may draw the line
elsewhere; how often each flag is right was measured by benchmarks/quality.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from mpoxlens import weights
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.quality.composition import inside_bands, seam, white_studio
from mpoxlens.datasets.quality.encoding import blockiness, jpeg_quality, squash
from mpoxlens.datasets.quality.exposure import exposure
from mpoxlens.datasets.quality.faces import WEIGHTS, FaceFinder
from mpoxlens.datasets.quality.lettering import Reader, lettering, watermark
from mpoxlens.datasets.quality.texture import texture
from mpoxlens.datasets.tables import Row, fill
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import MpoxlensError
from mpoxlens.photo import decode_photo, read_bytes
from mpoxlens.schema import Photo, Pixels
from mpoxlens.screening.gate import MIN_SKIN, MIN_STORED_SIDE, is_skin

VERSION = "1"  # of how the measures are taken
COPY_SIDE = 448  # px of the longer side of the copy for what needs no full resolution
MIN_FACE = 0.35  # of CenterFace's heat; a missed face costs more than a second look
MIN_GRID = 3.5  # clarity of a JPEG's grid in both directions; see `encoding.grid`


@dataclass(frozen=True)
class Check:
    """A flag, the measure that raises it, and where."""

    flag: str
    measure: str
    limit: float
    below: bool = False  # raised by values below the limit instead of those at or above it

    def raised(self, measures: Mapping[str, float]) -> bool:
        """Whether the flag is raised."""
        value = measures[self.measure]
        return value < self.limit if self.below else value >= self.limit


# Limits without a source were set by hand on the shared photographs whose sha256 begins with an even digit, against a
# reader's flags, so that little is missed; benchmarks/quality.py judges them on the other half.
CHECKS = (
    Check("drawing", "drawn", 1.0),  # the file says so itself
    Check("drawing", "smooth", 4.4),  # phantoms lie above 5, 99 in 100 photographs below 4.1
    Check("drawing", "vivid", 2.7),  # 1 in 20 photographs lies above too: look before dropping
    Check("text", "lettering", 0.6),  # lesions read as letters with less confidence
    Check("watermark", "owner", 0.75),  # one or two letters of an agency's name misread
    Check("collage", "seam", 0.7),  # of the height or width; arms and door frames reach 0.6
    Check("frame", "bands", 0.006),  # two lines of 224; a single line is an artefact of resizing
    Check("studio_white", "white_edge", 0.6),
    Check("not_skin", "skin", MIN_SKIN, below=True),
    Check("squashed", "squash", 1.1),  # less is hardly seen
    Check("lowres", "side", MIN_STORED_SIDE, below=True),
    Check("lowres", "fall", 2.75),  # decades; copies enlarged by 4 lie above, 19 in 20 photographs below
    Check("compressed", "jpeg_quality", 30, below=True),  # blocks are seen at arm's length
    Check("compressed", "blockiness", 2.0),  # grey levels; 98 in 100 copies of quality 10 reach it, 3 in 100 as found
    Check("face", "face", MIN_FACE),
    Check("dark", "brightness", 0.32, below=True),  # this and the next three: cleanvision's Imagelab
    Check("light", "shade", 0.05, below=True),
    Check("blurry", "sharpness", 0.29, below=True),
    Check("odd_aspect", "aspect", 0.35, below=True),
    Check("grey", "chroma", 10, below=True),  # of 255; grey photographs have some after JPEG's rounding
)
FLAGS = tuple(dict.fromkeys(check.flag for check in CHECKS))
MEASURES = (*dict.fromkeys(check.measure for check in CHECKS), "information")
_TEXTS = pa.list_(pa.field("element", pa.string()))  # as Parquet names the items, so that a schema read again is equal
SCHEMA = pa.schema(
    [
        ("sha256", pa.string()),
        *((name, pa.float64()) for name in MEASURES),
        ("flags", _TEXTS),
        ("faces", _TEXTS),
        ("problem", pa.string()),
    ]
)


class Inspector:
    """Measures single photographs; may be used by several threads.

    Raises:
        WeightsError: the weights of the face finder cannot be had.
    """

    def __init__(self) -> None:
        self.faces = FaceFinder(weights.resolve(WEIGHTS))
        self.reader = Reader()

    def inspect(self, photo: Photo, data: bytes) -> Row:
        """Return the measures, flags and faces of a decoded photograph and the bytes that it was decoded from."""
        copy = _copy(photo.pixels)
        found = self.faces.find(photo.pixels, MIN_FACE)
        readings = self.reader.read(photo.pixels)
        measures = _measures(photo, copy, data) | {
            "face": max((score for score, _ in found), default=0.0),
            "lettering": lettering(readings),
            "owner": watermark(readings),
        }
        boxes = [" ".join(f"{edge:.3f}" for edge in box) for _, box in found]
        return measures | {"flags": raised(measures), "faces": boxes}


def quality(work: Workspace, tell: Tell = silent) -> pa.Table:
    """Measure every photograph of the workspace; return and write the table `quality`.

    Its columns are `SCHEMA`'s: sha256, one number a measure, the flags raised, the faces ("left top width height", as
    shares of the sides) and what was wrong with a photograph that could not be measured.

    Raises:
        DataError: nothing was ingested.
        WeightsError: the weights of the face finder cannot be had.
    """
    paths = work.manifest().paths
    inspector = Inspector()
    return fill(
        work.table("quality"), list(paths), lambda sha: _row(inspector, sha, paths[sha]), SCHEMA, version=version(),
        stage="looking at quality", tell=tell,
    )  # fmt: skip


def version() -> str:
    """Return what the rows depend on: the way of measuring, the limits, and the packages and weights beneath."""
    of = weights.SOURCES[WEIGHTS].sha256[:8]
    limits = hashlib.sha256(repr((CHECKS, MIN_GRID)).encode()).hexdigest()[:8]
    packages = [f"{name} {metadata.version(name)}" for name in ("cleanvision", "rapidocr")]
    return "; ".join([VERSION, limits, f"{WEIGHTS} {of}", *packages])


def raised(measures: Mapping[str, float]) -> list[str]:
    """Return the flags that measures raise, sorted."""
    return sorted({check.flag for check in CHECKS if check.raised(measures)})


def _row(inspector: Inspector, sha256: str, path: Path) -> Row:
    try:
        data = read_bytes(path)
        photo = decode_photo(data, str(path))
    except MpoxlensError as error:
        return {"sha256": sha256, "flags": [], "faces": [], "problem": f"{error.why}; {error.mend}"}
    if photo.sha256 != sha256:
        return {"sha256": sha256, "flags": [], "faces": [], "problem": "the file has changed; ingest it again"}
    return {"sha256": sha256, "problem": "", **inspector.inspect(photo, data)}


def _measures(photo: Photo, copy: Pixels, data: bytes) -> dict[str, float]:
    inner = inside_bands(copy)
    look = texture(photo.pixels)
    return exposure(copy) | {
        "drawn": float(photo.drawn),
        "smooth": look.smooth,
        "vivid": look.vivid,
        "fall": look.fall,
        "bands": 1 - inner.shape[0] * inner.shape[1] / (copy.shape[0] * copy.shape[1]),
        "seam": seam(inner),
        "white_edge": white_studio(inner),
        "skin": float(is_skin(copy).mean()),
        "squash": squash(photo.pixels, MIN_GRID),
        "side": float(min(photo.width, photo.height)),
        "jpeg_quality": jpeg_quality(data),
        "blockiness": blockiness(photo.pixels),
        "chroma": float(np.quantile(copy.max(axis=2).astype(int) - copy.min(axis=2), 0.95)),
    }


def _copy(pixels: Pixels) -> Pixels:
    ratio = COPY_SIDE / max(pixels.shape[:2])
    if ratio >= 1:
        return pixels
    height, width = (max(1, round(n * ratio)) for n in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
