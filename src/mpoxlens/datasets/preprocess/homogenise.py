"""Homogeneous copies of the photographs of a data set, as Campana et al. (arXiv 2305.18489) ask: recorded, repeatable.

images/{sha256}.png  preprocess.parquet  settings.json
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from pyarrow import compute

import mpoxlens
from mpoxlens.datasets.hide import Box, Faces, faces, hide, original, unseen
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.places import outside_photographs
from mpoxlens.datasets.preprocess.colour import NORM, illuminant, in_white_light
from mpoxlens.datasets.preprocess.crops import Crop, Kind, propose
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.reviews import Review
from mpoxlens.datasets.tables import Row, fill, read_table, write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, PhotoError
from mpoxlens.preprocess import REDUCING_GAP
from mpoxlens.schema import Pixels
from mpoxlens.screening.output import unwritten, write_whole

METHOD = "1"  # of this module, `crops`, `colour` and `hide`; a change of their pixels raises it
SIZES = (32, 2048)  # px
COLOURS = ("none", "shades-of-grey")
TABLE = "preprocess.parquet"
SETTINGS = "settings.json"
IMAGES = "images"
OURS = (TABLE, f"{TABLE}.parts", SETTINGS, IMAGES)

_SCHEMA = pa.schema(
    {
        "sha256": pa.string(),
        "file": pa.string(),  # relative to the folder, "" where there is a problem
        "crop": pa.string(),  # left, top, width, height as shares of the upright photograph's sides
        "score": pa.float64(),  # of the crop, see `crops.Crop`
        "scale": pa.float64(),  # px of the copy's width for one px of the upright photograph's
        "red": pa.float64(),  # of the light, of length 1; estimated whether or not it is corrected
        "green": pa.float64(),
        "blue": pa.float64(),
        "hidden": pa.int64(),  # faces
        "boxes": pa.string(),  # of what is hidden, as JSON
        "settings": pa.string(),  # hash of the settings and the method
        "problem": pa.string(),
    }
)


@dataclass(frozen=True)
class Settings:
    """How every photograph is made alike.

    Raises:
        DataError: a setting out of range, by the name of its flag.
    """

    size: int = 224
    """Pixels of both sides."""
    crop: Kind = "none"
    """none squashes the whole photograph, so that nothing is cut off; skin and lesion cut out a square."""
    colour: str = "none"
    """shades-of-grey turns the light white, see `colour.illuminant` for when it must not be trusted."""

    def __post_init__(self) -> None:
        if not SIZES[0] <= self.size <= SIZES[1]:
            raise DataError(f"--size {self.size}", "out of range", f"use {SIZES[0]} to {SIZES[1]} pixels")
        if self.crop not in get_args(Kind):
            raise DataError(f"--crop {self.crop}", "unknown", f"use {', '.join(get_args(Kind))}")
        if self.colour not in COLOURS:
            raise DataError(f"--colour {self.colour}", "unknown", f"use {', '.join(COLOURS)}")

    @property
    def sha256(self) -> str:
        """Hash of the settings and the method, by which a copy is known to be up to date."""
        return hashlib.sha256(json.dumps([asdict(self), METHOD]).encode()).hexdigest()


def preprocess(
    work: Workspace,
    out: Path,
    settings: Settings | None = None,
    reviews: Sequence[Review] = (),
    tell: Tell = silent,
) -> pa.Table:
    """Write a copy of every photograph after review, and return the table of how each was made.

    A stopped run goes on where it was; another run with the same settings gives the same bytes. What cannot be read has
    no copy and says why in the column `problem`. In how many photographs only reviewers looked for faces,
    `hide.unseen` counts, and the settings file tells.

    Args:
        work: with decisions applied.
        out: a folder outside the photographs; its copies are those of one kind of settings.
        settings: how to make the copies.
        reviews: what they hide is hidden, as is every face that the quality step detected.
        tell: called with the stage, photographs done and photographs in all.

    Raises:
        DataError: nothing was applied, quality was run before the last photographs came, or the folder holds something
            else.
        MpoxlensError: the folder cannot be written.
    """
    settings = settings or Settings()
    clean, hidden = work.clean(), faces(work, reviews)
    _check_place(out, clean, work)
    try:
        (out / IMAGES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritten(out, error) from None
    _write_settings(out, settings, unseen(work, pa.chunked_array([[r.sha256 for r in clean.records]], pa.string())))
    _forget_old(out, hidden)
    maker = _Maker(clean.root, {record.sha256: record.path for record in clean.records}, out, settings, hidden)
    table = fill(
        out / TABLE, list(maker.paths), maker.row, _SCHEMA, version=settings.sha256, stage="making alike", tell=tell
    )
    _remove_others(out, table)
    return table


def made_alike(
    pixels: Pixels, settings: Settings, boxes: Sequence[Box], light: NDArray[np.float64]
) -> tuple[Pixels, Crop]:
    """Return the copy [size, size, 3] of an upright photograph [H, W, 3], and which part of it was taken."""
    crop = propose(pixels, settings.crop, boxes)
    shown = hide(pixels, boxes)
    if settings.colour == "shades-of-grey":
        shown = in_white_light(shown, light)
    height, width = pixels.shape[:2]
    left, top, w, h = crop.box
    box = (left * width, top * height, (left + w) * width, (top + h) * height)
    target = (settings.size, settings.size)
    small = Image.fromarray(shown).resize(target, Image.Resampling.BILINEAR, box=box, reducing_gap=REDUCING_GAP)
    return np.asarray(small), crop


@dataclass(frozen=True)
class _Maker:
    """Writes the copies of a run."""

    root: Path
    paths: Mapping[str, str]  # by sha256
    out: Path
    settings: Settings
    faces: Faces

    def row(self, sha256: str) -> Row:
        """Write the copy, then say how it was made."""
        boxes = self.faces.get(sha256, ())
        try:
            photo = original(self.root, self.paths[sha256], sha256)
        except (PhotoError, DataError) as error:
            return {"sha256": sha256, "file": "", "settings": self.settings.sha256, "problem": str(error)}
        light = illuminant(photo.pixels)
        copy, crop = made_alike(photo.pixels, self.settings, boxes, light)
        file = f"{IMAGES}/{sha256}.png"
        write_whole(self.out / file, lambda part: Image.fromarray(copy).save(part, "PNG"))
        red, green, blue = (round(float(channel), 4) for channel in light)
        return {
            "sha256": sha256,
            "file": file,
            "crop": " ".join(f"{share:.4f}" for share in crop.box),
            "score": crop.score,
            "scale": round(self.settings.size / (crop.box[2] * photo.width), 4),
            "red": red,
            "green": green,
            "blue": blue,
            "hidden": len(boxes),
            "boxes": json.dumps(boxes),
            "settings": self.settings.sha256,
            "problem": "",
        }


def _check_place(out: Path, clean: Manifest, work: Workspace) -> None:
    outside_photographs(out, clean.root, work)
    strange = [path.name for path in out.iterdir() if path.name not in OURS] if out.is_dir() else []
    if strange:
        raise DataError(str(out), f"it holds something that is not ours ({min(strange)})", "name another folder")


def _forget_old(out: Path, hidden: Faces) -> None:
    """Let the rows be made again whose copy is gone, or hides something else; those of a stopped run, too."""
    there = pa.array([f"{IMAGES}/{path.name}" for path in (out / IMAGES).glob("*.png")], pa.string())
    for path in (out / TABLE, *sorted((out / f"{TABLE}.parts").glob("*.parquet"))):
        try:
            table = read_table(path, "")
        except DataError:  # none yet, or damaged: then all are made again
            continue
        if table.schema.names != _SCHEMA.names:  # of another version, of which nothing stays
            continue
        boxes = [json.dumps(hidden.get(sha, ())) for sha in table["sha256"].to_pylist()]
        same = compute.equal(table["boxes"], pa.array(boxes, pa.string()))
        kept = table.filter(compute.and_(same, compute.is_in(table["file"], there)))
        if kept.num_rows < table.num_rows:
            write_table(kept, path)


def _remove_others(out: Path, table: pa.Table) -> None:
    """Remove the copies of photographs that review has left out since."""
    named = set(table["file"].to_pylist())
    for path in (out / IMAGES).glob("*.png"):
        if f"{IMAGES}/{path.name}" not in named:
            path.unlink()


def _write_settings(out: Path, settings: Settings, unseen: int) -> None:
    said: dict[str, Any] = {
        **asdict(settings),
        "resampling": "bilinear",
        "minkowski_norm": NORM,
        "method": METHOD,
        "mpoxlens": mpoxlens.__version__,
        "photographs_not_looked_at_for_faces": unseen,
        "sha256": settings.sha256,
    }
    text = json.dumps(said, indent=1) + "\n"

    def write(part: Path) -> None:
        part.write_text(text, encoding="utf-8")

    write_whole(out / SETTINGS, write)
