"""Quality and junk: measures of every photograph, and the flags that they raise for the reviewer.

A flag orders the review and decides nothing. Every measure is kept in the table, so that a reader may draw the line
elsewhere; how often each flag is right was measured by benchmarks/quality.py.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from mpoxlens import weights
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.quality.checks import CHECKS, MIN_FACE, raised
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
from mpoxlens.screening.gate import is_skin

VERSION = "1"  # of how the measures are taken
COPY_SIDE = 448  # px of the longer side of the copy for what needs no full resolution
MIN_GRID = 3.5  # clarity of a JPEG's grid in both directions; see `encoding.grid`


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
        stage="looking at quality", tell=tell, of=work.state("quality"),
    )  # fmt: skip


def version() -> str:
    """Return what the rows depend on: the way of measuring, the limits, and the packages and weights beneath."""
    of = weights.SOURCES[WEIGHTS].sha256[:8]
    limits = hashlib.sha256(repr((CHECKS, MIN_GRID)).encode()).hexdigest()[:8]
    packages = [f"{name} {metadata.version(name)}" for name in ("cleanvision", "rapidocr")]
    return "; ".join([VERSION, limits, f"{WEIGHTS} {of}", *packages])


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
