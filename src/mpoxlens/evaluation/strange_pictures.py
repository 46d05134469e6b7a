"""Pictures that are no photographs of a rash: things, texts, screens, drawings, textures, noise, phantoms.

All are made here from a seed, but for the photographs of things, which installed packages ship.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from itertools import cycle, islice

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.photo import decode_photo
from mpoxlens.schema import Pixels

Rng = np.random.Generator
SIDE = 320  # px
COUNT = 30  # pictures a set
SHIPPED = {  # photographs of a palace, a flower and a person, where these packages are installed
    "palace": ("sklearn.datasets", "images/china.jpg"),
    "flower": ("sklearn.datasets", "images/flower.jpg"),
    "portrait": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
}
WORDS = ("the", "of", "and", "patient", "day", "page", "report", "table", "result", "date", "name", "note", "water")


def things(count: int, seed: int) -> tuple[list[Pixels], list[str]]:
    """Return cut-outs of photographs of things and the photograph [N] that each is of; none where none is installed."""
    rng = np.random.default_rng(seed)
    shipped = [(name, found) for name in SHIPPED if (found := _shipped(*SHIPPED[name])) is not None]
    names, wholes = [name for name, _ in shipped], [found for _, found in shipped]
    chosen = list(islice(cycle(range(len(wholes))), count)) if wholes else []
    return [_cut(wholes[i], rng) for i in chosen], [names[i] for i in chosen]


def made(seed: int, count: int = COUNT) -> Mapping[str, list[Pixels]]:
    """Return sets of drawn pictures [SIDE, SIDE, 3] by name; the same arguments give the same pictures."""
    makers: dict[str, Callable[[Rng], Pixels]] = {
        "documents": document,
        "screen shots": screen,
        "drawings": drawing,
        "textures": texture,
        "skin-coloured textures": lambda rng: texture(rng, skin=True),
        "noise": noise,
        "phantoms": phantom,
    }
    return {
        name: [make(np.random.default_rng((seed, number, i))) for i in range(count)]
        for number, (name, make) in enumerate(makers.items())
    }


def document(rng: Rng) -> Pixels:
    """Draw a page of text."""
    image = Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in rng.integers(225, 256, 3)))
    pen, size = ImageDraw.Draw(image), int(rng.integers(9, 18))
    font = ImageFont.load_default(size=size)
    for top in range(10, SIDE - size, int(1.4 * size)):
        pen.text((12, top), " ".join(rng.choice(WORDS, int(rng.integers(2, 12)))), fill=(25, 25, 30), font=font)
    return np.asarray(image)


def screen(rng: Rng) -> Pixels:
    """Draw an application's window: bars, boxes and words."""
    image = Image.new("RGB", (SIDE, SIDE), _colour(rng))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(6, 18))):
        left, top, width, height = (int(v) for v in rng.integers((0, 0, 20, 10), (SIDE, SIDE, 160, 80)))
        pen.rectangle((left, top, left + width, top + height), fill=_colour(rng), outline=_colour(rng))
        pen.text((left + 4, top + 2), str(rng.choice(WORDS)), fill=_colour(rng), font=ImageFont.load_default(size=12))
    return np.asarray(image)


def drawing(rng: Rng) -> Pixels:
    """Draw circles and lines by a thick pen, some on paper of skin's colour."""
    paper = (232, 190, 172) if rng.random() < 0.3 else (255, 255, 255)
    image = Image.new("RGB", (SIDE, SIDE), paper)
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 14))):
        x, y, dx, dy = (int(v) for v in rng.integers((0, 0, 8, 8), (SIDE, SIDE, 120, 120)))
        box, width = (x, y, x + dx, y + dy), int(rng.integers(1, 6))
        if rng.random() < 0.6:
            pen.ellipse(box, outline=_colour(rng), width=width)
        else:
            pen.line(box, fill=_colour(rng), width=width)
    return np.asarray(image)


def texture(rng: Rng, *, skin: bool = False) -> Pixels:
    """Make cloud, grain or stripes of two colours; `skin` takes these from skin of a random tone."""
    noise = np.sum([_cloud(rng, cells) / cells for cells in (4, 8, 16, 32, 64)], axis=0)
    if rng.random() < 0.5:  # stripes, as of wood or cloth
        along = np.linspace(0, rng.uniform(10, 80), SIDE, dtype=np.float32)
        noise = np.sin(along[None, :] + 3 * noise / np.abs(noise).max())
    share = ((noise - noise.min()) / np.ptp(noise))[..., None]
    dark = np.array(_skin_colour(rng) if skin else _colour(rng), dtype=np.float32)
    light = np.clip(dark * rng.uniform(1.1, 1.5), 0, 255) if skin else np.array(_colour(rng), dtype=np.float32)
    return np.asarray((dark + share * (light - dark)).astype(np.uint8))


def noise(rng: Rng) -> Pixels:
    """Make noise of one pixel or of blocks, in grey or colour."""
    cells, planes = int(rng.choice((8, 20, 80, SIDE))), int(rng.choice((1, 3)))
    coarse = rng.integers(0, 256, (cells, cells, planes)).astype(np.uint8)
    fine = cv2.resize(np.broadcast_to(coarse, (cells, cells, 3)).copy(), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return np.asarray(fine, dtype=np.uint8)


def phantom(rng: Rng) -> Pixels:
    """Draw a phantom, without the mark by which the gate would know it."""
    stage, count = STAGES[int(rng.integers(len(STAGES)))], int(rng.integers(0, 25))
    drawn = draw(int(rng.integers(2**31)), count=count, stage=stage, tone=float(rng.uniform(-50, 60)), size=SIDE)
    return drawn.pixels


def _shipped(package: str, path: str) -> Pixels | None:
    try:
        file = resources.files(package).joinpath(path)
        return decode_photo(file.read_bytes(), path).pixels
    except (ModuleNotFoundError, FileNotFoundError):
        return None


def _cut(pixels: Pixels, rng: Rng) -> Pixels:
    """Return a square of a third of the shorter side or more."""
    height, width = pixels.shape[:2]
    side = int(min(height, width) * rng.uniform(0.35, 1.0))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _cloud(rng: Rng, cells: int) -> np.ndarray:
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)) * np.float32(4)


def _colour(rng: Rng) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    return red, green, blue


def _skin_colour(rng: Rng) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in draw(int(rng.integers(2**31)), count=0, size=64).pixels.mean(axis=(0, 1)))
    share = rng.uniform(0.4, 1.0)
    return int(red * share), int(green * share), int(blue * share)
