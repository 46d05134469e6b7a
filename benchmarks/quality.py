"""Claim: the quality flags find what a reader finds and what was done to pictures on purpose, fast.

Against a reader: two readings, reviews/reviewer-1.csv and reviewer-2.csv. Limits were set by the first on the
photographs whose sha256 begins with an even digit; all figures here are of the others. (What to measure for white
studios, and how large the copy is that faces are looked for in, was chosen on all of them.) Photographs that the reader
dropped carry no other flags, so that they count only for what they were dropped for.

Against made changes: a caption, a border, a collage, enlargement by four, JPEG quality 10, and squashed sides, each
applied to photographs that had no such flag from the reader. The unchanged twin must not be flagged. Phantoms are
drawings, and must be flagged as such.
"""

from __future__ import annotations

import csv
import hashlib
import io
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scipy.stats import binomtest

import record
from made_pairs import SHARED
from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.datasets.quality.quality import Inspector, quality
from mpoxlens.datasets.steps import ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.photo import decode_photo

READINGS = ("reviewer-1", "reviewer-2")  # limits were set against the first; the second read without sight of it
Flags = dict[str, set[str]]  # by sha256
# flag: the reader's words for it, and words that leave a photograph out, because either answer would be right
READER: dict[str, tuple[set[str], set[str]]] = {
    "face": ({"face"}, {"eye_bar"}),
    "studio_white": ({"studio_white"}, set()),
    "frame": ({"frame"}, set()),
    "text": ({"text_small", "dropped: text"}, {"watermark", "overlay"}),
    "watermark": ({"watermark"}, set()),
    "lowres": ({"lowres", "dropped: unusable"}, set()),
    "drawing": ({"dropped: drawing"}, set()),
    "collage": ({"dropped: collage"}, set()),
    "not_skin": ({"dropped: not_skin"}, set()),
}


def reader_flags(name: str) -> Flags:
    """Return what a reader flagged, and why photographs were dropped."""
    found: Flags = defaultdict(set)
    with (record.ROOT / "reviews" / f"{name}.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["action"] in ("flag", "drop"):
                found[row["sha256"]].add("dropped: " * (row["action"] == "drop") + row["reason"])
    return found


def rated(name: str, hits: int, of: int) -> record.Row:
    """Return a share of at least one with its Wilson interval."""
    low, high = binomtest(hits, of).proportion_ci(method="wilson")
    return record.Row(f"{name}, {hits} of {of} [{low:.2f}–{high:.2f}]", hits / of, "")


def against_reader(ours: Flags, name: str) -> list[record.Row]:
    """Return recall and precision of every flag that the reader also gave, on the half that set no limit."""
    reader, rows = reader_flags(name), []
    for flag, (words, unclear) in READER.items():
        held = [sha for sha in ours if int(sha[0], 16) % 2 and _counts(reader[sha], words, unclear)]
        true = {sha for sha in held if reader[sha] & words}
        called = {sha for sha in held if flag in ours[sha]}
        if true:
            rows.append(rated(f"{name}, {flag}: recall", len(true & called), len(true)))
        if called:
            rows.append(rated(f"{name}, {flag}: precision", len(true & called), len(called)))
    return rows


def _counts(said: Collection[str], words: set[str], unclear: set[str]) -> bool:
    """Whether the reader's answer is known: photographs dropped for one reason were not looked at for flags."""
    dropped = any(word.startswith("dropped") for word in said)
    about_drops = all(word.startswith("dropped") for word in words)
    return bool(words & set(said)) or not (unclear & set(said) or (dropped and not about_drops))


def caption(image: Image.Image, _others: Iterable[Image.Image]) -> Image.Image:
    """Write three words into the picture, white with a dark edge."""
    image = image.copy()
    font = ImageFont.load_default(size=max(12, image.height // 14))
    place = (image.width * 0.08, image.height * 0.8)
    ImageDraw.Draw(image).text(place, "Day 5, left arm", "white", font, stroke_width=1, stroke_fill="black")
    return image


def border(image: Image.Image, _others: Iterable[Image.Image]) -> Image.Image:
    """Add a dark blue border of a twentieth of the width; any one colour would do."""
    return ImageOps.expand(image, max(3, image.width // 20), (20, 30, 90))


def collage(image: Image.Image, others: Iterable[Image.Image]) -> Image.Image:
    """Put another photograph beside it."""
    both = Image.new("RGB", (2 * image.width, image.height))
    both.paste(image)
    both.paste(next(iter(others)).resize(image.size), (image.width, 0))
    return both


def enlarged(image: Image.Image, _others: Iterable[Image.Image]) -> Image.Image:
    """Take three quarters of each side's detail."""
    small = image.resize((max(8, image.width // 4), max(8, image.height // 4)), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def compressed(image: Image.Image, _others: Iterable[Image.Image]) -> Image.Image:
    """Write it as JPEG of quality 10 and read it again, as a PNG made of a JPEG is."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=10)
    return Image.open(buffer).convert("RGB")


def squashed(image: Image.Image, _others: Iterable[Image.Image]) -> Image.Image:
    """Bring a picture of any shape to 224 px a side."""
    return image.resize((224, 224), Image.Resampling.BICUBIC)


Change = Callable[[Image.Image, Iterable[Image.Image]], Image.Image]
CHANGES: dict[str, tuple[str, Change]] = {
    "a caption": ("text", caption),
    "a border": ("frame", border),
    "a second photograph beside it": ("collage", collage),
    "enlarged by 4": ("lowres", enlarged),
    "JPEG quality 10, stored as PNG": ("compressed", compressed),
    "small JPEG brought to 224 × 224": ("squashed", squashed),
}


def against_changes(inspector: Inspector, paths: dict[str, Path], reader: Flags, count: int) -> list[record.Row]:
    """Return how many changed pictures are flagged, and how many of their unchanged twins."""
    held = sorted(sha for sha in paths if int(sha[0], 16) % 2 and not any("dropped" in word for word in reader[sha]))
    rows = []
    for name, (flag, change) in CHANGES.items():
        words = READER.get(flag, (set(), set()))
        clean = [sha for sha in held if not reader[sha] & (words[0] | words[1])]
        if flag == "squashed":
            clean = [sha for sha in clean if _small_and_oblong(paths[sha])]
        clean = clean[:count]
        images = [_shrunk(Image.open(paths[sha]).convert("RGB")) for sha in clean]
        changed = [change(image, images[i - 1 :]) for i, image in enumerate(images)]
        rows.append(rated(f"{name}: flagged `{flag}`", sum(_flagged(inspector, changed, flag)), len(changed)))
        rows.append(rated("its unchanged twin", sum(_flagged(inspector, images, flag)), len(images)))
    return rows


def _small_and_oblong(path: Path) -> bool:
    with Image.open(path) as image:
        width, height = image.size
        return image.format == "JPEG" and max(width, height) < 600 and abs(np.log(width / height)) > np.log(1.15)


def _shrunk(image: Image.Image) -> Image.Image:
    image.thumbnail((640, 640))
    return image


def _flagged(inspector: Inspector, images: Iterable[Image.Image], flag: str) -> list[bool]:
    found = []
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        found.append(flag in inspector.inspect(decode_photo(buffer.getvalue(), "made"), buffer.getvalue())["flags"])
    return found


def phantoms(inspector: Inspector, count: int) -> record.Row:
    """Return how many drawings are flagged as drawings; they do not say so in their files here."""
    rng = np.random.default_rng(3)
    drawn = [
        Image.fromarray(draw(n, count=12, stage=STAGES[n % 5], tone=float(rng.uniform(-40, 60)), size=size).pixels)
        for n, size in zip(range(count), rng.choice([224, 448, 640], count), strict=True)
    ]
    return rated("phantoms: flagged `drawing`", sum(_flagged(inspector, drawn, "drawing")), count)


def measured(work: Workspace) -> tuple[Flags, list[record.Row]]:
    """Fill the table of all shared photographs; return the flags, and what it cost."""
    started, processor = time.perf_counter(), time.process_time()
    table = quality(work)
    seconds, busy = time.perf_counter() - started, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    flags = dict(zip(table["sha256"].to_pylist(), map(set, table["flags"].to_pylist()), strict=True))
    return flags, [
        record.Row(f"all {table.num_rows} photographs, start included", seconds, "s"),
        record.Row("of it, time of one core", busy, "s", 60),
        record.Row("peak memory", peak, "MB", 1000),
    ]


def main() -> None:
    """Measure and record."""
    options = record.arguments(__doc__).parse_args()
    if not SHARED.is_dir():
        sys.exit(f"the shared photographs are not on this machine ({SHARED})")
    reader = reader_flags(READINGS[0])
    with tempfile.TemporaryDirectory() as folder:
        work = Workspace(Path(folder))
        paths = ingest(work, [_few(Path(folder) / "few") if options.quick else SHARED]).paths
        ours, cost = measured(work)
        inspector = Inspector()
        count = 4 if options.quick else 60
        rows = [row for name in READINGS for row in against_reader(ours, name)]
        rows += against_changes(inspector, paths, reader, count)
        rows += [phantoms(inspector, count), *cost]
    notes = (
        "Shared photographs of MSID and Ahsan et al. 2022 and two readers' flags; limits set on the half whose sha256 "
        "begins with an even digit, by the first reader's; figures of the other half. In brackets: 95 % intervals "
        "(Wilson), which take near-copies of one photograph for independent. Made changes: up to 60 photographs each, "
        "640 px at most."
    )
    packages = ("mpoxlens", "cleanvision", "rapidocr", "opencv-python-headless", "onnxruntime", "numpy")
    record.finish("quality", rows, quick=options.quick, notes=notes, packages=packages)


def _few(folder: Path) -> Path:
    """Copy some shared photographs of every kind, for a quick run."""
    (folder / "mpox").mkdir(parents=True)
    for path in sorted(SHARED.rglob("*.png"))[::60] + sorted(SHARED.rglob("*.jfif"))[::12]:
        data = path.read_bytes()
        (folder / "mpox" / f"{hashlib.sha256(data).hexdigest()}{path.suffix}").write_bytes(data)
    return folder


if __name__ == "__main__":
    main()
