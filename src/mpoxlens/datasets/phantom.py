"""Draw skin with lesions of known place, kind and skin tone.

A phantom is the test fixture, the ground truth for explanations, and the sample where no photograph may be shipped. It
is a drawing and looks like one: nothing measured on phantoms alone says how well a model reads photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.PngImagePlugin import PngInfo

from mpoxlens.photo import DRAWN
from mpoxlens.schema import Pixels

Stage = Literal["macule", "papule", "vesicle", "pustule", "crust"]
STAGES: tuple[Stage, ...] = get_args(Stage)
CAPTION = "DRAWN PHANTOM - NOT A PHOTOGRAPH"

_LAB_B = 16.0  # yellow-blue coordinate of every drawn skin; lightness then follows from the tone's angle
# stage: (height, rim redness, centre lightness, centre redness, centre yellowness), CIELAB units and px of relief
_LOOKS: dict[Stage, tuple[float, float, float, float, float]] = {
    "macule": (0.0, 14.0, -3.0, 14.0, 0.0),
    "papule": (2.5, 12.0, -2.0, 12.0, 0.0),
    "vesicle": (3.5, 12.0, 8.0, 2.0, 2.0),
    "pustule": (4.0, 14.0, 14.0, 0.0, 12.0),
    "crust": (2.0, 10.0, -22.0, 8.0, 6.0),
}


@dataclass(frozen=True)
class Lesion:
    """One drawn lesion: centre and radius in pixels, and its stage."""

    x: float
    y: float
    radius: float
    stage: Stage


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawing and all that is true of it."""

    pixels: Pixels  # [size, size, 3]
    mask: NDArray[np.bool_]  # [size, size], True inside a lesion
    lesions: tuple[Lesion, ...]
    tone: float  # individual typology angle in degrees: above 55 very light, below -30 dark
    seed: int


def draw(seed: int, *, count: int = 12, stage: Stage = "pustule", tone: float = 30.0, size: int = 448) -> Phantom:
    """Draw one phantom; the same arguments give the same pixels.

    Args:
        seed: of the random generator.
        count: how many lesions, none for healthy skin.
        stage: which lesions.
        tone: individual typology angle in degrees, -60 to 70 (Chardon et al. 1991).
        size: px a side, 64 at least.
    """
    if count < 0 or size < 64 or not -60 <= tone <= 70:
        raise ValueError(f"count {count}, size {size}, tone {tone}: count >= 0, size >= 64 and -60 <= tone <= 70")
    rng = np.random.default_rng(seed)
    lesions = _place(rng, count, stage, size)
    lab, relief = _skin(rng, tone, size)
    mask = np.zeros((size, size), dtype=np.bool_)
    for lesion in lesions:
        mask |= _paint(lab, relief, lesion, rng)
    return Phantom(_shade(_lab_to_rgb(lab), relief), mask, lesions, tone, seed)


def captioned(phantom: Phantom) -> Image.Image:
    """Return the drawing with a strip below it that says that it is no photograph."""
    drawing = Image.fromarray(phantom.pixels)
    font = ImageFont.load_default(size=max(10, drawing.width // 26))
    strip = font.getbbox(CAPTION)[3] + 8
    image = Image.new("RGB", (drawing.width, drawing.height + int(strip)), "white")
    image.paste(drawing)
    ImageDraw.Draw(image).text((drawing.width / 2, drawing.height + 3), CAPTION, fill="black", font=font, anchor="ma")
    return image


def save(phantom: Phantom, path: Path) -> None:
    """Write the captioned drawing as a PNG that also says in its metadata that it is drawn, for the gate."""
    mark = PngInfo()
    mark.add_text("mpoxlens", DRAWN)
    captioned(phantom).save(path, "PNG", pnginfo=mark)


def _place(rng: np.random.Generator, count: int, stage: Stage, size: int) -> tuple[Lesion, ...]:
    """Scatter lesions without overlap as far as there is room."""
    placed: list[Lesion] = []
    for _ in range(count * 60):
        if len(placed) == count:
            break
        radius = size * rng.uniform(0.018, 0.036)
        x, y = rng.uniform(radius * 2, size - radius * 2, 2)
        if all(np.hypot(x - o.x, y - o.y) > 1.6 * (radius + o.radius) for o in placed):
            placed.append(Lesion(float(x), float(y), float(radius), stage))
    return tuple(placed)


def _skin(rng: np.random.Generator, tone: float, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bare skin: CIELAB [size, size, 3] and relief [size, size] in px."""
    lightness = 50.0 + _LAB_B * np.tan(np.radians(tone))
    lab = np.empty((size, size, 3))
    lab[..., 0] = lightness + 2.0 * _noise(rng, size, 5) + 1.2 * _noise(rng, size, 40)
    lab[..., 1] = 12.0 + 1.5 * _noise(rng, size, 8)
    lab[..., 2] = _LAB_B + 1.0 * _noise(rng, size, 8)
    falloff = np.linspace(2.5, -2.5, size)  # light from the upper left
    lab[..., 0] += falloff[:, None] + falloff[None, :]
    return lab, 0.5 * _noise(rng, size, size // 5)


def _noise(rng: np.random.Generator, size: int, cells: int) -> NDArray[np.float64]:
    """Return smooth noise [size, size] of about unit deviation with `cells` bumps a side."""
    coarse = rng.normal(size=(cells, cells)).astype(np.float32)
    smooth = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float64)


def _paint(
    lab: NDArray[np.float64], relief: NDArray[np.float64], lesion: Lesion, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Add one lesion to colour and relief in place; return its mask."""
    size = lab.shape[0]
    height, rim, light, red, yellow = _LOOKS[lesion.stage]
    rows, columns = np.ogrid[:size, :size]
    angle = np.arctan2(rows - lesion.y, columns - lesion.x)
    ragged = 1 + 0.08 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.05 * np.sin(7 * angle + rng.uniform(0, 6))
    r = np.hypot(rows - lesion.y, columns - lesion.x) / (lesion.radius * ragged)  # 1 at the edge
    core = 0.5 * (1 - np.tanh((r - 0.75) * 7))
    halo = np.exp(-(((r - 1.0) / 0.35) ** 2))
    lab[..., 0] += light * core - 2.0 * halo
    lab[..., 1] += red * core + rim * halo
    lab[..., 2] += yellow * core
    dome = height * np.sqrt(np.clip(1 - r**2, 0, None))
    dip = 0.7 * height * np.exp(-((r / 0.28) ** 2)) if lesion.stage in ("vesicle", "pustule") else 0.0  # umbilication
    relief += (dome - dip) * lesion.radius / 8
    return np.asarray(r <= 1.0)


def _shade(rgb: NDArray[np.float64], relief: NDArray[np.float64]) -> Pixels:
    """Light the relief from the upper left and soften as a lens does."""
    dy, dx = np.gradient(relief)
    lit = np.clip(1 - 0.22 * (dx + dy), 0.5, 1.5)[..., None]
    pixels = (np.clip(rgb * lit, 0, 1) * 255).round().astype(np.uint8)
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.6)))


def _lab_to_rgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB (D65) to sRGB in 0..1."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.95047, 1.0, 1.08883)
    to_rgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    linear = np.clip(xyz @ to_rgb.T, 0, 1)
    return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))
