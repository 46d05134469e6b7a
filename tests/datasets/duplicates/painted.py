"""Images painted for tests, and every way in which a copy of one comes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageOps

SIDE = 300


def painted(seed: int) -> Image.Image:
    """Skin-like noise at several scales, with spots: different for each seed."""
    random = np.random.default_rng(seed)
    field = np.zeros((SIDE, SIDE), np.float32)
    for cells, strength in ((4, 40), (12, 18), (40, 10), (110, 5)):
        grid = random.normal(0, strength, (cells, cells)).astype(np.float32)
        field += cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(field[..., None] + random.uniform(90, 190, 3), 0, 255).astype(np.uint8)
    for x, y, radius in random.integers((0, 0, 3), (SIDE, SIDE, 9), (14, 3)):
        cv2.circle(pixels, (int(x), int(y)), int(radius), (150, 40, 40), -1, cv2.LINE_AA)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, quality: int = 85) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def with_logo(image: Image.Image) -> Image.Image:
    """The same caption and logo on every image, as stock agencies put there."""
    image = image.copy()
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, SIDE - 34, SIDE, SIDE), fill="white")
    pen.text((8, SIDE - 32), "DermAtlas  no. 42  © example", fill="maroon", font_size=18)
    pen.ellipse((SIDE - 40, 4, SIDE - 6, 38), fill="navy", outline="white", width=4)
    pen.text((SIDE - 30, 10), "D", fill="white", font_size=18)
    return image


def collage(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (420, 420), "white")
    for place, tile in zip(((0, 0), (212, 0), (0, 212)), (painted(901), painted(902), painted(903)), strict=True):
        canvas.paste(tile.resize((208, 208)), place)
    canvas.paste(image.resize((208, 208)), (212, 212))
    return canvas


def quarter(image: Image.Image) -> Image.Image:
    return image.crop((70, 110, 70 + SIDE // 2, 110 + SIDE // 2))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-encoded": lambda image: encoded(image, 35),
    "smaller": lambda image: image.resize((110, 110), Image.Resampling.LANCZOS),
    "larger": lambda image: encoded(image.resize((700, 700))),
    "squashed": lambda image: encoded(image.resize((SIDE, 190))),
    "squashed to half": lambda image: encoded(image.resize((SIDE // 2, SIDE))),
    "mirrored": lambda image: encoded(ImageOps.mirror(image)),
    "turned by 90": lambda image: encoded(image.transpose(Image.Transpose.ROTATE_90)),
    "turned by 180": lambda image: encoded(image.transpose(Image.Transpose.ROTATE_180)),
    "turned by 270": lambda image: encoded(image.transpose(Image.Transpose.ROTATE_270)),
    "turned and mirrored": lambda image: encoded(image.transpose(Image.Transpose.TRANSPOSE)),
    "quarter": lambda image: encoded(quarter(image)),
    "quarter, enlarged": lambda image: encoded(quarter(image).resize((224, 224))),
    "quarter, mirrored": lambda image: encoded(ImageOps.mirror(quarter(image)).resize((224, 224))),
    "grey": lambda image: encoded(ImageOps.grayscale(image).convert("RGB")),
    "tinted": lambda image: encoded(Image.blend(image, Image.new("RGB", image.size, "orange"), 0.4)),
    "captioned": lambda image: encoded(with_logo(image)),
    "in a collage": lambda image: encoded(collage(image)),
}


def saved(folder: Path, images: Iterable[Image.Image]) -> dict[str, Path]:
    """Write the images as PNG files, and name each by its hash, in order."""
    paths = {}
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        name = hashlib.sha256(buffer.getvalue()).hexdigest()
        paths[name] = folder / f"{name}.png"
        paths[name].write_bytes(buffer.getvalue())
    return paths
