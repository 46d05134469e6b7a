"""Pictures drawn from whole numbers, and what preprocessing and gate make of them: part of the shared vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from mpoxlens.preprocess import Preprocess
from mpoxlens.schema import Gate, Photo, Pixels
from mpoxlens.screening import gate

KINDS = {  # base colour, height of waves, mask of noise; drawn alike by web/test/unit/core.drawn.ts
    "skin": ((180, 130, 105), 40, 31),
    "smooth skin": ((180, 130, 105), 40, 0),
    "dark skin": ((70, 48, 38), 24, 15),
    "light skin": ((232, 200, 184), 12, 7),
    "nearly black": ((8, 6, 5), 6, 7),
    "nearly white": ((251, 250, 249), 4, 3),
    "noise": ((0, 0, 0), 0, 255),
    "foliage": ((60, 120, 50), 40, 31),
    "grey": ((128, 128, 128), 0, 0),
    "paint": ((200, 20, 10), 30, 15),
}
SIDES = ((64, 64), (224, 224), (256, 256), (300, 200), (700, 500), (1000, 1400), (97, 33), (95, 300), (767, 34))
RESIZES = ((224, 224), (225, 224), (33, 47), (300, 200), (640, 853), (853, 640), (1000, 1400), (1613, 911), (40, 900))
TARGETS = (16, 32, 97, 224)


def drawn(kind: str, width: int, height: int, seed: int) -> Pixels:
    """Draw a picture [height, width, 3] from whole numbers alone, so that any language draws the same."""
    base, waves, mask = KINDS[kind]
    y, x, channel = np.indices((height, width, 3), dtype=np.int64)
    noise = ((y * width + x) * 3 + channel + seed * 7919).astype(np.uint32)
    for _ in range(2):
        noise = (noise ^ (noise >> np.uint32(16))) * np.uint32(0x45D9F3B)
    noise ^= noise >> np.uint32(16)
    triangle = np.abs((3 * x + 2 * y + 11 * seed) % 128 - 64)  # 0..64
    levels = np.asarray(base)[channel] + waves * triangle // 64 + (noise & np.uint32(mask))
    return np.asarray(np.clip(levels, 0, 255), np.uint8)


def resizes() -> Iterator[dict[str, Any]]:
    """Yield what preprocessing makes of pictures: the hash of all pixels, and some of them."""
    for number, (width, height) in enumerate(RESIZES):
        for target in TARGETS:
            kind = tuple(KINDS)[number % len(KINDS)] if number % 2 else "noise"
            out = Preprocess(target, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)).resize(drawn(kind, width, height, number))
            some = out.ravel()[::97][:64].tolist()
            yield {"picture": [kind, width, height, number], "size": target, "sha256": _hash(out), "some": some}


def gates() -> Iterator[dict[str, Any]]:
    """Yield what the gate makes of pictures: its measures and reasons."""
    for seed, kind in enumerate(KINDS):
        for width, height in SIDES:
            found = gate.check(Photo(drawn(kind, width, height, seed), "", "", width, height))
            yield {"picture": [kind, width, height, seed], **_plain(found)}


def _plain(found: Gate) -> dict[str, Any]:
    return {"measures": dict(found.measures), "reasons": [list(asdict(r).values()) for r in found.reasons]}


def _hash(pixels: Pixels) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
