"""Copies of known origin: each transformation that photographs go through on their way between data sets, by seed.

`originals` gives shared photographs, if they are there, and phantoms; `copies` makes one changed copy a time. Which
photograph is changed, in which way and how strongly follows from the seed alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.photo import read_photo

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "skin"
Random = np.random.Generator
Change = Callable[[Image.Image, Random], Image.Image]


@dataclass(frozen=True)
class Original:
    """A photograph or drawing that copies are made of."""

    name: str
    origin: str  # "photograph" or "phantom"
    path: Path


@dataclass(frozen=True)
class Made:
    """One changed copy on disk."""

    original: Original
    kind: str
    path: Path
    shown: frozenset[str]  # names of all originals in it: four in a collage


def photographs(root: Path = SHARED) -> list[Original]:
    """Return the shared photographs, sorted by name; none if they are not there."""
    if not (root / "labels.csv").is_file():
        return []
    with (root / "labels.csv").open(encoding="utf-8") as table:
        names = sorted(row["file"] for row in csv.DictReader(table))
    return [Original(Path(name).stem, "photograph", root / name) for name in names]


def phantoms(folder: Path, count: int, seed: int, size: int = 448) -> list[Original]:
    """Draw phantoms into a folder, each with its own lesions, stage and tone."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        stage, tone = STAGES[int(rng.integers(len(STAGES)))], float(rng.uniform(-40, 60))
        drawing = draw(seed * 1_000_003 + number, count=int(rng.integers(8, 24)), stage=stage, tone=tone, size=size)
        path = folder / f"phantom-{seed}-{number:05d}.png"
        Image.fromarray(drawing.pixels).save(path, compress_level=1)
        found.append(Original(path.stem, "phantom", path))
    return found


def copy_of(original: Original, kind: str, seed: int, folder: Path, others: list[Original]) -> Made:
    """Write one changed copy; `others` lend the other pictures of a collage."""
    rng = np.random.default_rng([seed, *original.name.encode()])
    image, shown = opened(original.path), [original]
    if kind == "in a collage":
        shown += [others[int(i)] for i in rng.choice(len(others), 3, replace=False)]
        image = _collage([opened(one.path) for one in shown], rng)
    else:
        image = CHANGES[kind](image, rng)
    stem = f"{original.name}--{kind.replace(' ', '-').replace('+', 'and')}"
    path = folder / (stem + (".png" if kind == "identical" else ".jpg"))
    image.save(path, **({} if kind == "identical" else {"quality": int(rng.integers(60, 93))}))
    return Made(original, kind, path, frozenset(one.name for one in shown))


def opened(path: Path) -> Image.Image:
    """Return the decoded photograph."""
    return Image.fromarray(read_photo(path).pixels)


def _re_encoded(image: Image.Image, rng: Random) -> Image.Image:
    """Save once more before the last time, as messengers do."""
    buffer = io.BytesIO()
    image.save(buffer, ("JPEG", "WEBP")[int(rng.integers(2))], quality=int(rng.integers(20, 60)))
    return Image.open(buffer).convert("RGB")


def _resized(image: Image.Image, rng: Random) -> Image.Image:
    factor = rng.uniform(0.3, 0.8) if rng.random() < 0.7 else rng.uniform(1.2, 2)
    return _scaled(image, factor, factor)


def _squashed(image: Image.Image, rng: Random) -> Image.Image:
    factor = rng.uniform(0.5, 0.8)
    return _scaled(image, *((factor, 1.0) if rng.random() < 0.5 else (1.0, factor)))


def _scaled(image: Image.Image, x: float, y: float) -> Image.Image:
    size = max(round(image.width * x), 32), max(round(image.height * y), 32)
    return image.resize(size, Image.Resampling.LANCZOS)


def _mirrored(image: Image.Image, _rng: Random) -> Image.Image:
    return ImageOps.mirror(image)


def _quarter_turns(turn: Image.Transpose) -> Change:
    return lambda image, _rng: image.transpose(turn)


def _tilted(image: Image.Image, rng: Random) -> Image.Image:
    angle = rng.uniform(3, 25) * rng.choice([-1, 1])
    return image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=("black", "white")[int(rng.integers(2))])


def _cropped(share: float) -> Change:
    """A part of this share of the area, its sides stretched or shrunk against each other by up to a fifth."""

    def change(image: Image.Image, rng: Random) -> Image.Image:
        stretch = rng.uniform(0.83, 1.2)
        width = min(round(image.width * np.sqrt(share) * stretch), image.width)
        height = min(round(image.width * image.height * share / width), image.height)
        x, y = (int(rng.integers(0, room + 1)) for room in (image.width - width, image.height - height))
        return image.crop((x, y, x + width, y + height))

    return change


def _tinted(image: Image.Image, rng: Random) -> Image.Image:
    colour = tuple(int(v) for v in rng.integers(0, 256, 3))
    blend = Image.blend(image, Image.new("RGB", image.size, colour), float(rng.uniform(0.15, 0.4)))
    gamma = rng.uniform(0.7, 1.4)
    return blend.point([round(255 * (v / 255) ** gamma) for v in range(256)] * 3)


def _captioned(image: Image.Image, rng: Random) -> Image.Image:
    image = image.copy()
    pen, strip = ImageDraw.Draw(image), max(int(image.height * rng.uniform(0.1, 0.2)), 12)
    top = 0 if rng.random() < 0.5 else image.height - strip
    pen.rectangle((0, top, image.width, top + strip), fill=("white", "black", "navy")[int(rng.integers(3))])
    font = ImageFont.load_default(size=max(strip * 0.5, 8))
    pen.text(
        (4, top + strip * 0.2), f"Fig. {rng.integers(1, 99)}  Vesicular rash, day {rng.integers(1, 15)}", "grey", font
    )
    return image


def _watermarked(image: Image.Image, rng: Random) -> Image.Image:
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    pen, size = ImageDraw.Draw(layer), max(min(image.size) // 9, 9)
    step = int(size * rng.uniform(2.2, 3.5))
    for row, y in enumerate(range(0, image.height, step)):
        for x in range(-step * (row % 2), image.width, step * 3):
            pen.text((x, y), "© example", (255, 255, 255, 110), ImageFont.load_default(size=size))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _collage(tiles: list[Image.Image], rng: Random) -> Image.Image:
    cell, gap = int(rng.integers(200, 321)), int(rng.integers(0, 13))
    canvas = Image.new("RGB", (2 * cell + gap, 2 * cell + gap), "white")
    for place, number in enumerate(rng.permutation(4)):
        corner = (place % 2) * (cell + gap), (place // 2) * (cell + gap)
        canvas.paste(ImageOps.fit(tiles[int(number)], (cell, cell)), corner)
    return canvas


def _in_turn(*changes: Change) -> Change:
    def change(image: Image.Image, rng: Random) -> Image.Image:
        for one in changes:
            image = one(image, rng)
        return image

    return change


CHANGES: dict[str, Change] = {
    "identical": lambda image, _rng: image,
    "re-encoded": _re_encoded,
    "resized": _resized,
    "squashed": _squashed,
    "mirrored": _mirrored,
    "turned by 90": _quarter_turns(Image.Transpose.ROTATE_90),
    "turned by 180": _quarter_turns(Image.Transpose.ROTATE_180),
    "turned by 270": _quarter_turns(Image.Transpose.ROTATE_270),
    "turned a little": _tilted,
    "cropped to half": _cropped(0.5),
    "cropped to a quarter": _cropped(0.25),
    "tinted": _tinted,
    "captioned": _captioned,
    "watermarked": _watermarked,
    "crop + mirror + re-encoded": _in_turn(_cropped(0.4), _mirrored, _re_encoded),
    "quarter + resized + tinted": _in_turn(_cropped(0.25), _resized, _tinted),
    "squashed + turned + captioned": _in_turn(_squashed, _quarter_turns(Image.Transpose.ROTATE_90), _captioned),
}
KINDS = (*CHANGES, "in a collage")


def copies(originals: list[Original], each: int, seed: int, folder: Path) -> Iterator[Made]:
    """Make `each` copies of every original, all kinds equally often."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(originals))
    for turn in range(each):
        for place, index in enumerate(order):
            # The kinds of one original differ, since the step is no divisor of their number.
            kind = KINDS[(place + turn * 7) % len(KINDS)]
            original = originals[int(index)]
            yield copy_of(original, kind, seed, folder, [one for one in originals if one != original])
