"""The photographs as the page gets them: known ones alone, drawn anew at a bounded size and without metadata."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mpoxlens.datasets.duplicates.local_features import Features, Matrix, align, extract
from mpoxlens.errors import PhotoError
from mpoxlens.photo import read_photo
from mpoxlens.schema import Pixels

SIDES = {"small": 640, "large": 1600}  # px of the longer side at most
ALIGNED_AT = 640  # px of the longer side at which one photograph is laid upon another
KEPT = 256  # encoded photographs, about 100 kB each
AT_ONCE = 4  # photographs decoded at the same time, so that memory stays bounded


class Pictures:
    """JPEG renderings of photographs, by the sha256 of their files."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self._few = threading.BoundedSemaphore(AT_ONCE)
        self.picture = lru_cache(maxsize=KEPT)(self._picture)
        self.laid = lru_cache(maxsize=KEPT)(self._laid)

    def _picture(self, sha256: str, size: str) -> bytes:
        """A photograph as JPEG. PhotoError when it is not one of these, or its file is no longer what it was."""
        if size not in SIDES:
            raise PhotoError(size, "no such size", f"use {' or '.join(SIDES)}")
        with self._few:
            return _jpeg(self._pixels(sha256, SIDES[size]))

    def _laid(self, a: str, b: str) -> bytes:
        """The photograph b laid upon the canvas of a, as JPEG. PhotoError also when no map of b upon a is found."""
        with self._few:
            canvas, other = self._pixels(a, ALIGNED_AT), self._pixels(b, ALIGNED_AT)
        matrix, other = _map(canvas, other)
        if matrix is None:
            raise PhotoError(f"{b[:12]} upon {a[:12]}", "nothing in them matches", "compare them side by side")
        height, width = canvas.shape[:2]
        return _jpeg(cv2.warpAffine(other, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(128,) * 3))

    def _pixels(self, sha256: str, side: int) -> Pixels:
        if sha256 not in self._paths:
            raise PhotoError(f"photograph {sha256[:12]}", "not in this data set", "look at the page anew")
        photo = read_photo(self._paths[sha256])
        if photo.sha256 != sha256:
            mend = "ingest the data set again"
            raise PhotoError(str(self._paths[sha256]), "its content is no longer what was ingested", mend)
        image = Image.fromarray(photo.pixels)
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        return np.asarray(image)


def _jpeg(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def _map(canvas: Pixels, other: Pixels) -> tuple[Matrix | None, Pixels]:
    """The affine map of the other photograph, or of its mirror image, upon the canvas, and which of the two it is."""
    target = _features(canvas)
    found: tuple[int, Matrix | None, Pixels] = (0, None, other)
    for pixels in (other, np.ascontiguousarray(other[:, ::-1])):
        for alignment in align(_features(pixels), target, maps=1):
            if alignment.inliers > found[0]:
                found = (alignment.inliers, alignment.matrix, pixels)
    return found[1:]


def _features(pixels: Pixels) -> Features:
    return extract(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
