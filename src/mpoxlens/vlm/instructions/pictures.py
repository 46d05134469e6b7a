"""The pictures that questions are asked about, each made again from its reference alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from mpoxlens.datasets.phantom import STAGES, Phantom, draw
from mpoxlens.errors import DataError
from mpoxlens.evaluation.damage import blurred, exposed
from mpoxlens.evaluation.strange_pictures import document, drawing, noise, screen, texture
from mpoxlens.photo import read_photo
from mpoxlens.schema import Gate, Photo, Pixels
from mpoxlens.screening.gate import check
from mpoxlens.vlm.instructions.nouns import MEND

PHANTOM_SIDE = 224  # px
COUNTS = ((0, 0), (1, 1), (2, 4), (5, 9), (10, 24))  # lesions, both ends; the ranges are drawn equally often
TONES = (-50.0, 60.0)  # degrees

MADE: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "document": document,
    "screen": screen,
    "drawing": drawing,
    "texture": texture,
    "skin-coloured texture": partial(texture, skin=True),
    "noise": noise,
}
# case of a question: (what is done, how strongly, the gate's reason for it); the first strength that the gate refuses
# is taken: % of the shorter side, stops, px of the shorter side.
DAMAGE = {
    "blurred": ("blur", (2.5, 4.0, 6.0), "blurred"),
    "dark": ("light", (-3.5, -5.0, -6.5), "too_dark"),
    "small": ("size", (64.0,), "too_small"),
}

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def pixels_of(sha256: str, altered: str, paths: Mapping[str, Path]) -> Pixels:
    """Return the picture [H, W, 3] that an `Instruction` speaks of.

    Args:
        sha256: its reference: of a photograph, "phantom:SEED" or "made:NAME:SEED".
        altered: what is done to it.
        paths: the file of each photograph's sha256, as `Manifest.paths`.

    Raises:
        DataError: the reference or the alteration is unknown.
        PhotoError: the photograph cannot be read.
    """
    match sha256.split(":"):
        case ["phantom", seed] if seed.isdecimal():
            return phantom_of(int(seed)).pixels
        case ["made", name, seed] if name in MADE and seed.isdecimal():
            return MADE[name](np.random.default_rng(int(seed)))
        case _ if sha256 in paths:
            return alter(read_photo(paths[sha256]).pixels, altered)
    raise DataError(sha256, "no photograph of this data set, and nothing that is drawn", f"make the set anew: {MEND}")


def phantom_of(seed: int) -> Phantom:
    """Draw the phantom of a seed: count, stage and tone come from it, too."""
    rng = np.random.default_rng(seed)
    low, high = COUNTS[int(rng.integers(len(COUNTS)))]
    count, stage = int(rng.integers(low, high + 1)), STAGES[int(rng.integers(len(STAGES)))]
    return draw(seed, count=count, stage=stage, tone=float(rng.uniform(*TONES)), size=PHANTOM_SIDE)


def alter(pixels: Pixels, altered: str) -> Pixels:
    """Do to a picture [H, W, 3] what an `Instruction` says, such as "blur 2.5"; "" leaves it as it is.

    Raises:
        DataError: it is none of our alterations.
    """
    if not altered:
        return pixels
    name, _, strength = altered.partition(" ")
    if name not in _ALTERATIONS or not _NUMBER.fullmatch(strength):
        raise DataError(f"alteration {altered!r}", "no such alteration", f"make the set anew: {MEND}")
    rng = np.random.default_rng(0)  # asked for by the signature, used by none of these
    return _ALTERATIONS[name](pixels, rng, float(strength))


def damaged(pixels: Pixels, case: str) -> str:
    """Return by what alteration a picture [H, W, 3] comes into a case, "" where none of ours brings it there."""
    name, strengths, reason = DAMAGE[case]
    tried = (f"{name} {strength:g}" for strength in strengths)
    return next((one for one in tried if reason in {r.code for r in gate(alter(pixels, one)).reasons}), "")


def gate(pixels: Pixels) -> Gate:
    """Say whether pixels [H, W, 3] can be judged."""
    height, width = pixels.shape[:2]
    return check(Photo(pixels, "", "", width, height))


def _reduced(pixels: Pixels, _rng: np.random.Generator, side: float) -> Pixels:
    """Reduce to `side` px of the shorter side."""
    height, width = pixels.shape[:2]
    scale = side / min(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


_ALTERATIONS: dict[str, Callable[[Pixels, np.random.Generator, float], Pixels]] = {
    "blur": blurred,
    "light": exposed,
    "size": _reduced,
}
