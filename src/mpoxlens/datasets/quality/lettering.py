"""Lettering in pictures - captions, panel letters, watermarks - found and read by RapidOCR (PaddleOCR's networks).

Finding alone is no use here: lesions, eyes and hands look like single characters to a network that was trained on
signs and pages. What can also be read as letters with confidence nearly always is lettering.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from mpoxlens.schema import Pixels

SIDE = 448  # px of the longer side of the copy that is read; larger finds few more letters and takes twice as long
MIN_FOUND = 0.6  # of RapidOCR's finder; its own 0.5 sends twice as many lesions to the reader
MAX_HEIGHT = 0.2  # of the side; what is larger and reads as few letters is an arm or a torso
SHORT = 3  # letters; fewer are read into lesions more easily
SHORT_PENALTY = 0.2  # off the confidence of short readings, so that one threshold serves
# What marks a picture as somebody's: agencies and atlases that print their names across or below photographs.
OWNERS = (
    "alamy", "adobestock", "bigstock", "canstock", "dailymail", "depositphotos", "dermnet", "dreamstime", "freepik",
    "gettyimages", "istock", "pixtastock", "pond5", "sciencephoto", "shutterstock", "sciencesource", "visualdx",
    "123rf",
)  # fmt: skip
MARKS = ("©", "(c)", ".com", ".org", "www.")


@dataclass(frozen=True)
class Reading:
    """One piece of lettering."""

    text: str
    confidence: float  # 0 to 1
    height: float  # the shorter side of its box, as a share of the picture's side


class Reader:
    """Reads pictures; may be used by several threads."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        self._engine = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,  # whether a line stands on its head
                "Global.text_score": 0.0,  # we judge ourselves
                "Det.limit_side_len": SIDE,
                "Det.limit_type": "max",
                "Det.box_thresh": MIN_FOUND,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def read(self, pixels: Pixels) -> list[Reading]:
        """Return what stands written in [H, W, 3]."""
        height, width = pixels.shape[:2]
        ratio = SIDE / max(height, width)
        way = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
        copy = cv2.resize(pixels, (max(16, round(width * ratio)), max(16, round(height * ratio))), interpolation=way)
        found = self._engine(cv2.cvtColor(copy, cv2.COLOR_RGB2BGR))
        if found.boxes is None or found.txts is None:
            return []
        rows = zip(found.boxes, found.txts, found.scores, strict=True)
        return [Reading(text, float(score), _height(box) / SIDE) for box, text, score in rows]


def _height(box: np.ndarray) -> float:
    """The shorter side of a box of four corners [4, 2], px."""
    return float(min(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[1] - box[2])))


def lettering(readings: Iterable[Reading]) -> float:
    """Return how surely there is lettering, 0 to 1: the confidence of the surest reading that may be some."""
    return max((_sureness(one) for one in readings), default=0.0)


def _sureness(reading: Reading) -> float:
    letters = [c for c in reading.text if c.isalnum()]
    if len(letters) >= SHORT:
        return reading.confidence
    odd = not letters or not all(c.isascii() for c in letters)  # lesions read well as single ideograms
    return 0.0 if odd or reading.height > MAX_HEIGHT else max(0.0, reading.confidence - SHORT_PENALTY)


def watermark(readings: Iterable[Reading]) -> float:
    """Return how much the lettering names an owner, 0 to 1: likeness to a known name, or 1 for a mark of copyright."""
    return max((_owned(one.text.lower()) for one in readings if len(one.text) >= SHORT), default=0.0)


def _owned(text: str) -> float:
    if any(mark in text for mark in MARKS):
        return 1.0
    words = ["".join(c for c in text if c.isalnum()), *text.split()]
    return max(difflib.SequenceMatcher(None, word, owner).ratio() for word in words for owner in OWNERS)
