"""An explanation as a picture: heat over the photograph, and a legend that says what the colours mean."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from mpoxlens.errors import DataError
from mpoxlens.explain.nouns import Explanation
from mpoxlens.schema import Floats, Pixels
from mpoxlens.screening.heatmap import AGAINST, FOR, SATURATION, overlay, strongest
from mpoxlens.screening.output import write_whole

SIDE = 768  # px of the longer side, at most; a map of 7 x 7 places needs no more
KEY = "mpoxlens-explanation"  # under which the PNG says how it was made


def full_colour(explanation: Explanation) -> float:
    """Return the heat that is shown in full colour.

    The network's own map is in logits and has one scale for all photographs, so that a weak map looks weak. The units
    of the other methods are their own: the strongest heat of the photograph is full colour.
    """
    if explanation.method == "cam":
        return SATURATION
    return float(np.abs(explanation.heat).max()) or 1.0


def place(explanation: Explanation) -> str:
    """Return where most speaks for mpox, such as "upper left"; "" where nothing does, or too faintly."""
    return strongest(_as_maps(explanation), 0)


def picture(explanation: Explanation, pixels: Pixels) -> Image.Image:
    """Return the heat over the photograph [H, W, 3], above a legend, `SIDE` px wide or high at most.

    For and against differ in blueness and not in lightness (`screening.heatmap`), so that neither looks stronger and
    red-green colour-blind eyes tell them apart; the legend has both in words.
    """
    photo = Image.fromarray(pixels)
    photo.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    heat = Image.fromarray(overlay(_as_maps(explanation), 0, photo.size))
    shown = Image.alpha_composite(photo.convert("RGBA"), heat).convert("RGB")
    legend = _legend(explanation, shown.width)
    whole = Image.new("RGB", (shown.width, shown.height + legend.height), "white")
    whole.paste(shown)
    whole.paste(legend, (0, shown.height))
    return whole


def save(explanation: Explanation, pixels: Pixels, path: Path) -> None:
    """Write the picture as PNG, with how it was made in its metadata; the photograph's own metadata is not in it.

    Raises:
        DataError: `path` is a file, and none of ours.
        MpoxlensError: it cannot be written.
    """
    check_target(path)
    about = PngInfo()
    about.add_text(KEY, json.dumps(facts(explanation)))
    image = picture(explanation, pixels)
    write_whole(path, lambda part: image.save(part, "PNG", pnginfo=about))


def facts(explanation: Explanation) -> dict[str, object]:
    """Return all of an explanation but its heat, for JSON."""
    return {
        "method": explanation.method,
        "settings": dict(explanation.settings),
        "seed": explanation.seed,
        "contrast": explanation.contrast,
        "passes": explanation.passes,
        "subject": explanation.subject,
        "versions": dict(explanation.versions),
    }


def check_target(path: Path) -> None:
    """Refuse to write over anything but an earlier picture of ours. DataError when it is something else."""
    if os.path.lexists(path) and not _ours(path):
        raise DataError(str(path), "it exists, and it is no explanation of ours", "name another folder with --out")


def _ours(path: Path) -> bool:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return KEY in image.info
    except (OSError, SyntaxError, ValueError):  # Pillow's words for a damaged file, or none of this format
        return False


def _as_maps(explanation: Explanation) -> Floats:
    """Return the heat as class activation maps [2, size, size] of mpox and of the others, in the scale of these."""
    heat = explanation.heat * np.float32(SATURATION / full_colour(explanation))
    return np.stack([heat, np.zeros_like(heat)])


def _legend(explanation: Explanation, width: int) -> Image.Image:
    size = max(10, min(16, width // 28))  # px
    font, line = ImageFont.load_default(size), round(size * 1.5)
    unit = " logits" if explanation.method == "cam" else ""
    scale = f"full colour: {full_colour(explanation):.3g}{unit}"
    legend = Image.new("RGB", (width, 2 * line + 6), "white")
    pen = ImageDraw.Draw(legend)
    left = 6.0
    for colour, words in ((FOR, "speaks for mpox"), (AGAINST, "against")):
        pen.rectangle((left, 6, left + line - 6, line), fill=colour)
        pen.text((left + line, 4), words, fill="black", font=font)
        left += line + pen.textlength(words, font=font) + line
    pen.text((6, line + 3), f"{explanation.method}; {scale}. Research use only.", fill="black", font=font)
    return legend
