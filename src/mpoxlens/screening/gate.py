"""The gate: may this photograph be judged at all? Six rules of thumb on a small copy, each with what to do next.

Calibrated on the shared photographs of rashes and healthy skin (most are 224 px a side): nearly all of them pass, and
blank pages, text, gradients, landscapes and heavily blurred copies do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mpoxlens.schema import Floats, Gate, Photo, Pixels, Reason

COPY_SIDE = 256  # px of the longer side of the copy; blur and exposure show at this size, and it takes 2 ms
TILE = 16  # px; sharpness is that of the sharpest tile, so that a soft background does no harm

MIN_STORED_SIDE = 96  # px of the shorter side; a lesion of 1/30 of the photograph is then 3 px wide
MIN_SKIN = 0.12  # share of pixels; 1 in 100 rash photographs has less than 0.2, text and scenery nearly none
MIN_SHARPNESS = 2.75  # grey levels; no sharp rash photograph lies below, and 9 in 10 blurred by 4 px of 224 do
MAX_BLOWN_OUT = 0.80  # share of pixels; studio photographs on white reach 0.77
BLOWN_OUT = 250  # grey level above which nothing can be seen
MIN_BRIGHTEST = 40.0  # grey level of the brightest twentieth; very dark skin in fair light gives 65 and more
MAX_DARKEST = 225.0  # grey level of the darkest twentieth; very light skin in fair light gives 217 and less
MIN_CONTRAST = 12.0  # grey levels between those two; the flattest photograph of skin had 25, a blank page has 0

# Chromaticity: shares of R, G and B in R + G + B. The light's strength and the skin's lightness cancel out, and what
# remains is the hue of blood and melanin, which every skin tone shares: red above green above blue.
MIN_SUM = 45  # of R + G + B; below this the shares are noise
RED_SHARE = (0.345, 0.62)
MAX_GREEN_SHARE = 0.40  # foliage lies above
MIN_RED_OVER_GREEN = 0.012  # of shares; white paper and grey walls lie below
MIN_GREEN_TO_BLUE = 0.82  # purple and pink cloth lies below
MAX_RED_TO_BLUE = 6.0  # a red or orange surface without any blue is paint


def check(photo: Photo) -> Gate:
    """Measure a photograph and say whether it can be judged; every failed rule gives its reason."""
    measures = measure(photo.pixels) | {"shorter_side": float(min(photo.width, photo.height))}
    reasons = (*_drawn(photo), *_reasons(measures))
    return Gate(not reasons, reasons, {name: round(value, 4) for name, value in measures.items()})


def _drawn(photo: Photo) -> Iterator[Reason]:
    if photo.drawn:
        yield Reason(
            "drawing",
            "This picture says of itself that it is a drawing, and a drawing has no diagnosis.",
            "Take a photo of the rash.",
        )


def strange(score: float, threshold: float) -> Reason | None:
    """Return a reason when the embedding lies outside what the model was trained on (score above threshold)."""
    if score <= threshold:  # false for a score that is no number, too: then it is strange
        return None
    return Reason(
        "unfamiliar",
        "This picture is unlike the photos that the model has learned from.",
        "Send a plain photo of the rash: no drawing, screen shot or filter, and nothing drawn over it.",
    )


def measure(pixels: Pixels) -> dict[str, float]:
    """Return the measures of pixels [H, W, 3]: skin share, sharpness, and three of exposure."""
    image = _copy(pixels)
    rgb = np.asarray(image)  # [h, w, 3]
    luma = np.asarray(image.convert("L"))  # ITU-R BT.601
    skin = is_skin(rgb)
    below = np.bincount(luma.ravel(), minlength=256).cumsum() / luma.size  # share of pixels at or below each level
    return {
        "skin": float(skin.mean()),
        "sharpness": _sharpness(luma.astype(np.float32), skin),
        "darkest": float(np.searchsorted(below, 0.05)),
        "brightest": float(np.searchsorted(below, 0.95)),
        "blown_out": float(1 - below[BLOWN_OUT]),
    }


def _copy(pixels: Pixels) -> Image.Image:
    """Return a copy of at most `COPY_SIDE`; of large photographs by whole steps, which is quicker by half."""
    image = Image.fromarray(pixels)
    steps = math.ceil(max(image.size) / COPY_SIDE)
    if steps >= 4:  # the copy then has more than 3/4 of COPY_SIDE
        return image.reduce(steps)
    image.thumbnail((COPY_SIDE, COPY_SIDE), Image.Resampling.BOX)
    return image


def is_skin(rgb: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return where [h, w] the colours [h, w, 3] in 0..255 may be skin of any tone."""
    red, green, blue = (rgb[..., n].astype(np.float32) for n in range(3))
    total = red + green + blue  # comparing with shares of it spares the division
    return np.asarray(
        (total > MIN_SUM)
        & (red > RED_SHARE[0] * total)
        & (red < RED_SHARE[1] * total)
        & (green < MAX_GREEN_SHARE * total)
        & (red - green > MIN_RED_OVER_GREEN * total)
        & (green >= MIN_GREEN_TO_BLUE * blue)
        & (red < MAX_RED_TO_BLUE * blue)
    )


def _sharpness(luma: Floats, skin: NDArray[np.bool_]) -> float:
    """Return the deviation of the Laplacian in the sharpest tile that shows skin: it is the skin that must be sharp."""
    laplacian = 4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:]
    if not laplacian.size:  # of a thin strip a copy of one or two pixels is left
        return 0.0
    tiles = _tiles(laplacian).std(axis=(1, 3))
    shown = _tiles(skin[1:-1, 1:-1]).mean(axis=(1, 3)) >= 0.5
    return float(tiles[shown].max()) if shown.any() else float(tiles.max(initial=0.0))


def _tiles(values: NDArray[np.generic]) -> NDArray[np.float32]:
    rows, columns = (max(1, n // TILE) for n in values.shape)
    height, width = (min(TILE, n) for n in values.shape)
    cut = values[: rows * height, : columns * width].astype(np.float32)
    return cut.reshape(rows, height, columns, width)


def _reasons(measures: Mapping[str, float]) -> Iterator[Reason]:
    if measures["shorter_side"] < MIN_STORED_SIDE:
        yield Reason(
            "too_small",
            f"The photo is too small: {measures['shorter_side']:.0f} pixels, at least {MIN_STORED_SIDE} are needed.",
            "Send the photo as the camera made it, not a thumbnail.",
        )
    yield from _exposure(measures)
    if measures["skin"] < MIN_SKIN:
        yield Reason(
            "no_skin",
            "The photo shows little or no skin.",
            "Take a colour photo of the rash so that skin fills most of it.",
        )
    if measures["sharpness"] < MIN_SHARPNESS:
        yield Reason(
            "blurred",
            "The skin in the photo is out of focus.",
            "Wipe the lens, hold the phone a hand's length away, tap the rash to focus, and take it again.",
        )


def _exposure(measures: Mapping[str, float]) -> Iterator[Reason]:
    if measures["brightest"] < MIN_BRIGHTEST:
        yield Reason(
            "too_dark", "The photo is too dark.", "Take it again near a window or a lamp, without your shadow on it."
        )
    elif measures["darkest"] > MAX_DARKEST or measures["blown_out"] > MAX_BLOWN_OUT:
        yield Reason(
            "too_bright", "The photo is too bright.", "Take it again without flash and out of direct sunlight."
        )
    if measures["brightest"] - measures["darkest"] < MIN_CONTRAST:
        yield Reason(
            "no_detail", "The photo shows no detail.", "Check that nothing covers the lens, and take it again."
        )
