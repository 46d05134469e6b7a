"""Altered copies of a photograph. One kind takes away what a decision must rest on, the other what it must not.

Every function maps pixels [H, W, 3] and a generator to pixels, or to None where the photograph has nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np

from mpoxlens.evaluation.judge import Alter
from mpoxlens.evaluation.lesions import filled, lesion_mask, skin_mask
from mpoxlens.evaluation.metrics import Flags
from mpoxlens.schema import Pixels

Rng = np.random.Generator
Takes = Literal["skin", "lesions", "other places", "nothing"]

GREY = 128  # grey level of what is taken away
LEAST_SHOWN = 0.10  # share of the photograph that must remain, or there is nothing to be judged
# Degrees of the individual typology angle, the middles of the bands of Del Bino and Bernerd (2013): dark, brown, tan,
# intermediate, light, very light; and one step beyond either end.
BANDS = (-70.0, -45.0, -10.0, 19.0, 34.5, 48.0, 62.0, 75.0)
GAINS = {"warm light": (1.25, 1.0, 0.75), "cool light": (0.8, 1.0, 1.3), "green light": (0.9, 1.15, 0.9)}


@dataclass(frozen=True)
class Alteration:
    """One way to alter a photograph."""

    name: str
    takes: Takes  # of what a decision should rest on
    alter: Alter


def background_only(pixels: Pixels, _rng: Rng) -> Pixels | None:
    """Make all skin grey, with a margin."""
    width = max(3, min(pixels.shape[:2]) // 40) | 1
    skin = cv2.dilate(skin_mask(pixels).astype(np.uint8), np.ones((width, width), np.uint8)) > 0
    return _flat(pixels, skin)


def skin_only(pixels: Pixels, _rng: Rng) -> Pixels | None:
    """Make all that is not skin grey."""
    shown = ~skin_mask(pixels)
    return _flat(pixels, shown) if shown.any() else None


def lesions_masked(pixels: Pixels, _rng: Rng) -> Pixels | None:
    """Paint over what is unlike the skin around it, with that skin's colour."""
    lesions = lesion_mask(pixels)
    return filled(pixels, lesions, skin_mask(pixels)) if lesions.any() else None


def other_places_masked(pixels: Pixels, rng: Rng) -> Pixels | None:
    """Paint over spots of the same shapes on other skin: what painting does by itself."""
    lesions = lesion_mask(pixels)
    skin = skin_mask(pixels)
    moved = _elsewhere(lesions, skin & ~lesions, rng)
    return filled(pixels, moved, skin) if moved.any() else None


def grey(pixels: Pixels, _rng: Rng) -> Pixels:
    """Take the colour away."""
    return np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def reencoded(pixels: Pixels, _rng: Rng, *, suffix: str, quality: int) -> Pixels:
    """Write as JPEG or WebP and read again."""
    flag = cv2.IMWRITE_JPEG_QUALITY if suffix == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    _, data = cv2.imencode(suffix, pixels[..., ::-1], [flag, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])


def resized(pixels: Pixels, _rng: Rng, *, side: int) -> Pixels | None:
    """Reduce to `side` px of the shorter side and enlarge again; None where it is no larger."""
    height, width = pixels.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return None
    small = cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def tone_moved(pixels: Pixels, _rng: Rng, *, bands: int) -> Pixels | None:
    """Move the skin's median tone to the middle of a neighbouring band; lighter when `bands` is positive.

    Lightness is bent by a power, which moves the median exactly where it should be and cuts nothing off; hue stays.
    """
    skin = skin_mask(pixels)
    if skin.mean() < LEAST_SHOWN:
        return None
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness, yellow = (float(np.median(lab[..., n][skin])) for n in (0, 2))
    wanted = 50 + max(yellow, 1e-3) * float(np.tan(np.radians(_band(lightness, yellow, bands))))
    power = np.log(np.clip(wanted, 5, 95) / 100) / np.log(np.clip(lightness, 1, 99) / 100)
    lab[..., 0] = 100 * (lab[..., 0].clip(0, 100) / 100) ** power
    moved = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1) * 255
    soft = cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 1.5)[..., None]
    return np.asarray((pixels * (1 - soft) + moved * soft).round().astype(np.uint8))


def white_balance(pixels: Pixels, _rng: Rng, *, gains: tuple[float, float, float]) -> Pixels:
    """Show as under light of another colour: linear light times `gains` of red, green and blue."""
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)[:, None] * gains  # [256, 3]
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(cv2.LUT(pixels, (curve.clip(0, 1) * 255).round().astype(np.uint8)[None]), dtype=np.uint8)


def mirrored(pixels: Pixels, _rng: Rng) -> Pixels:
    """Exchange left and right."""
    return np.ascontiguousarray(pixels[:, ::-1])


def turned(pixels: Pixels, _rng: Rng, *, quarters: int) -> Pixels:
    """Turn by quarters of a circle."""
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def bordered(pixels: Pixels, _rng: Rng, *, level: int) -> Pixels:
    """Put a frame of one grey level around, 8 % of the shorter side wide."""
    w = max(1, round(0.08 * min(pixels.shape[:2])))
    framed = cv2.copyMakeBorder(pixels, w, w, w, w, cv2.BORDER_CONSTANT, value=(level, level, level))
    return np.asarray(framed, dtype=np.uint8)


def captioned(pixels: Pixels, _rng: Rng) -> Pixels:
    """Put a white strip with lettering below, as journals and picture agencies do."""
    height, width = pixels.shape[:2]
    strip = max(12, height // 9)
    copy = cv2.copyMakeBorder(pixels, 0, strip, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    place, scale = (width // 20, height + round(0.7 * strip)), strip / 40
    cv2.putText(copy, "Figure 2. Clinical photograph, day 5", place, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20))
    return np.asarray(copy, dtype=np.uint8)


def alterations() -> tuple[Alteration, ...]:
    """Return all of them."""
    moved: list[tuple[str, Callable[..., Pixels | None]]] = [
        ("skin only", skin_only),
        *((f"JPEG {q}", partial(reencoded, suffix=".jpg", quality=q)) for q in (90, 60, 30)),
        *((f"WebP {q}", partial(reencoded, suffix=".webp", quality=q)) for q in (80, 40)),
        *((f"resized to {side} px", partial(resized, side=side)) for side in (112, 64)),
        ("grey", grey),
        ("tone a band darker", partial(tone_moved, bands=-1)),
        ("tone a band lighter", partial(tone_moved, bands=1)),
        *((name, partial(white_balance, gains=gains)) for name, gains in GAINS.items()),
        ("mirrored", mirrored),
        ("turned by 90 degrees", partial(turned, quarters=1)),
        ("turned by 180 degrees", partial(turned, quarters=2)),
        ("white border", partial(bordered, level=255)),
        ("black border", partial(bordered, level=0)),
        ("caption", captioned),
    ]
    return (
        Alteration("background only", "skin", background_only),
        Alteration("lesions masked", "lesions", lesions_masked),
        Alteration("other places masked", "other places", other_places_masked),
        *(Alteration(name, "nothing", alter) for name, alter in moved),
    )


def _flat(pixels: Pixels, hidden: Flags) -> Pixels | None:
    if 1 - hidden.mean() < LEAST_SHOWN:
        return None
    return np.asarray(np.where(hidden[..., None], np.uint8(GREY), pixels))


def _elsewhere(lesions: Flags, bare: Flags, rng: Rng) -> Flags:
    """Return the mask's shapes where they lie on bare skin, of eight random shifts and mirrorings the fullest."""
    best = np.zeros_like(lesions)
    for _ in range(8):
        shift = tuple(int(rng.integers(0, n)) for n in lesions.shape)
        moved = np.roll(lesions[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))], shift, (0, 1)) & bare
        best = moved if moved.sum() > best.sum() else best
    return best


def _band(lightness: float, yellow: float, bands: int) -> float:
    """Return the angle in the middle of the band so many steps from that of a colour."""
    angle = float(np.degrees(np.arctan2(lightness - 50, max(yellow, 1e-3))))
    inner = np.abs(np.array(BANDS[1:-1]) - angle).argmin() + 1
    return BANDS[int(inner) + bands]
