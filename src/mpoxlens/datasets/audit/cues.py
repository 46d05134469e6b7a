"""Cheap cues: what can be measured on a photograph, or on its file, without looking at the disease.

A model that is asked for a disease may answer from these instead. Colours and detail of the whole picture see the
rash too; size and source do not, and encoding and background hardly do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from mpoxlens.datasets.original import decode_original
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.quality.encoding import table_quality
from mpoxlens.datasets.tables import Row, fill
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import MpoxlensError
from mpoxlens.evaluation.tone import typology_angle
from mpoxlens.photo import read_bytes
from mpoxlens.schema import Photo, Pixels
from mpoxlens.screening.gate import is_skin, measure

VERSION = "1"
SIDE = 256  # px of the longer side of the copy that is measured
RING = 0.05  # of the shorter side: the border's width
CORNER = 0.10  # of each side
LEAST_BACKGROUND = 0.01  # share of the picture below which its background has no colour
CELLS = 8  # a side of the small pictures; a million of both take 0.4 GB
RGB = ("red", "green", "blue")
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"

Copy = NDArray[np.uint8]  # [h, w, 3], h and w at most SIDE
Mask = NDArray[np.bool_]

Sight = Literal["no", "hardly", "partly", "yes"]  # how much of the rash a cue sees


@dataclass(frozen=True)
class Cue:
    """A cue: its name, and the measures that a probe may read."""

    name: str
    columns: tuple[str, ...]
    sees: Sight


CUES = (
    Cue(
        "encoding",
        ("bytes_per_pixel", "jpeg", "png", "quality", "chroma_step", "subsampling", "progressive", "colour_type",
         "profile", "exif"),
        "hardly",  # a rash is detail, and detail takes bytes
    ),
    Cue("size", ("width", "height", "aspect"), "no"),
    Cue("border ring", tuple(f"border_{name}" for name in (*RGB, "deviation")), "partly"),  # close up, the edge is skin
    Cue("corners", tuple(f"corners_{name}" for name in (*RGB, "spread")), "partly"),
    Cue("background", tuple(f"background_{name}" for name in (*RGB, "deviation", "share")), "hardly"),
    Cue("framing", ("skin_share",), "hardly"),
    Cue("mean colour", tuple(f"mean_{name}" for name in RGB), "yes"),
    Cue("skin tone", ("typology_angle",), "yes"),
    Cue("brightness", ("brightness", "contrast", "darkest", "brightest", "blown_out"), "yes"),
    Cue("sharpness", ("sharpness", "detail"), "yes"),
)  # fmt: skip
PICTURES = ("picture", "background_picture")  # [CELLS, CELLS, 3] as bytes
COLUMNS = tuple(name for cue in CUES for name in cue.columns)
SCHEMA = pa.schema(
    [
        ("sha256", pa.string()),
        *((name, pa.float32()) for name in COLUMNS),
        *((name, pa.binary(CELLS * CELLS * 3)) for name in PICTURES),
        ("problem", pa.string()),
    ]
)


def cues(work: Workspace, tell: Tell = silent) -> pa.Table:
    """Return the measures of every photograph that was ingested, by sha256, and keep them as `cues.parquet`.

    Measures are float32, NaN where a photograph has no such thing (a background, a JPEG table). A photograph that
    cannot be read, or is no longer what was ingested, has a `problem` and nothing else.
    """
    manifest = work.manifest()
    paths = manifest.paths
    return fill(
        work.table("cues"), list(paths), lambda sha: _row(sha, paths[sha]), SCHEMA, version=VERSION,
        stage="measuring cues", tell=tell,
    )  # fmt: skip


def _row(sha256: str, path: Path) -> Row:
    try:
        data = read_bytes(path)
        photo = decode_original(data, path, sha256)
    except MpoxlensError as error:
        return {"sha256": sha256, "problem": str(error)}
    nothing = dict.fromkeys(COLUMNS, np.nan)
    return {"sha256": sha256, "problem": ""} | nothing | dict(_file(data, photo)) | dict(_look(photo.pixels))


def _file(data: bytes, photo: Photo) -> Iterator[tuple[str, float]]:
    """Give what the file alone tells."""
    yield "width", photo.width
    yield "height", photo.height
    yield "aspect", photo.width / photo.height
    yield "bytes_per_pixel", len(data) / (photo.width * photo.height)
    yield "jpeg", data.startswith(_JPEG)
    yield "png", data.startswith(_PNG)
    # Opened as what it is, since `Image.open` warns of the largest photographs that phones make.
    image = JpegImageFile(io.BytesIO(data)) if data.startswith(_JPEG) else Image.open(io.BytesIO(data))
    yield "profile", "icc_profile" in image.info
    yield "exif", "exif" in image.info
    if data.startswith(_PNG):
        yield "colour_type", data[25]  # of the header
    if isinstance(image, JpegImageFile):
        yield from _jpeg(image)


def _jpeg(image: JpegImageFile) -> Iterator[tuple[str, float]]:
    tables = image.quantization
    if 0 in tables:
        yield "quality", table_quality(tables[0])
    if 1 in tables:
        yield "chroma_step", float(np.mean(tables[1]))
    _, across, down, _ = image.layer[0]
    yield "subsampling", across * down  # 1 for 4:4:4, 2 for 4:2:2, 4 for 4:2:0
    yield "progressive", "progressive" in image.info


def _look(pixels: Pixels) -> Iterator[tuple[str, float | bytes]]:
    """Give what a small copy of the picture tells."""
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    copy = np.asarray(image)
    luma = np.asarray(image.convert("L"))
    yield from _coloured("border", copy, ring(luma.shape))
    yield "border_deviation", luma[ring(luma.shape)].std()
    yield from _corners(copy, luma)
    behind = background(copy)
    yield from _background(copy, luma, behind)
    yield from _coloured("mean", copy, np.ones_like(behind))
    yield "typology_angle", typology_angle(pixels)
    gate = measure(pixels)
    yield "skin_share", gate["skin"]
    yield from ((name, gate[name]) for name in ("darkest", "brightest", "blown_out", "sharpness"))
    yield "brightness", luma.mean()
    yield "contrast", luma.std()
    yield "detail", cv2.Laplacian(luma, cv2.CV_32F).std()
    yield "picture", _small(copy.astype(np.float32)).round().astype(np.uint8).tobytes()


def ring(shape: tuple[int, ...]) -> Mask:
    """Return where [h, w] the border of a picture is."""
    width = max(1, round(RING * min(shape)))
    found = np.ones(shape, dtype=np.bool_)
    found[width:-width, width:-width] = False
    return found


def background(copy: Copy) -> Mask:
    """Return where [h, w] no skin is, as far as that joins the edge: a lesion amid skin is no background."""
    skin = is_skin(copy).astype(np.uint8)
    closed = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, parts = cv2.connectedComponents(1 - closed)
    edge = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    return np.asarray(np.isin(parts, edge[edge > 0]))


def _coloured(name: str, copy: Copy, where: Mask) -> Iterator[tuple[str, float]]:
    for colour, value in zip(RGB, copy[where].mean(axis=0), strict=True):
        yield f"{name}_{colour}", value


def _corners(copy: Copy, luma: NDArray[np.uint8]) -> Iterator[tuple[str, float]]:
    height, width = (max(1, round(CORNER * n)) for n in luma.shape)
    places = [
        (rows, columns)
        for rows in (slice(height), slice(-height, None))
        for columns in (slice(width), slice(-width, None))
    ]
    where = np.zeros(luma.shape, dtype=np.bool_)
    for place in places:
        where[place] = True
    yield from _coloured("corners", copy, where)
    yield "corners_spread", np.std([luma[place].mean() for place in places])


def _background(copy: Copy, luma: NDArray[np.uint8], where: Mask) -> Iterator[tuple[str, float | bytes]]:
    share = float(where.mean())
    yield "background_share", share
    if share < LEAST_BACKGROUND:
        yield from ((f"background_{name}", np.nan) for name in (*RGB, "deviation"))
        yield "background_picture", bytes([128]) * (CELLS * CELLS * 3)
        return
    yield from _coloured("background", copy, where)
    yield "background_deviation", luma[where].std()
    # A cell that is all skin takes the mean colour of the background, so that the skin's outline is hidden.
    weight = _small(where.astype(np.float32))[..., None]
    colour = _small(np.where(where[..., None], copy, 0).astype(np.float32)) / np.maximum(weight, 1e-6)
    shown = np.where(weight > 0.05, colour, copy[where].mean(axis=0))
    yield "background_picture", shown.clip(0, 255).round().astype(np.uint8).tobytes()


def _small(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of CELLS x CELLS cells."""
    return np.asarray(cv2.resize(values, (CELLS, CELLS), interpolation=cv2.INTER_AREA))


def pictures(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """Return the small pictures [N, CELLS, CELLS, 3] of a column."""
    size = CELLS * CELLS * 3
    whole = column.combine_chunks()
    data = np.frombuffer(whole.buffers()[1] or b"", np.uint8)
    return data[whole.offset * size :][: len(whole) * size].reshape(-1, CELLS, CELLS, 3)
