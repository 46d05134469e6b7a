"""The wrong answers furthest from the operating point, named by content; as pictures only for whom asked for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.photo import read_photo
from mpoxlens.screening.report import data_uri

SHOWN = 20
SIDE = 240  # px of a picture's longer side


def worst(
    sha256: Sequence[str],
    label: Sequence[str],
    probability: Doubles,
    wrong: Flags,
    margin: Doubles,
    told: Sequence[str],
    files: Mapping[str, Path] | None = None,
) -> list[dict[str, Any]]:
    """Return the wrong answers, the furthest from the operating point first, at most `SHOWN`.

    Args:
        sha256: of the photographs [N].
        label: [N] that is true.
        probability: [N] of the positive label.
        wrong: [N] which are wrong.
        margin: [N] log-odds away from the operating point.
        told: [N] in words.
        files: by sha256, to put pictures beside; None shows none.
    """
    rows = np.flatnonzero(wrong)
    rows = rows[np.argsort(-np.abs(margin[rows]), kind="stable")][:SHOWN].tolist()
    return [
        {
            "sha256": sha256[i],
            "label": label[i],
            "probability": float(probability[i]),
            "margin": float(margin[i]),
            "told": told[i],
            "picture": _picture(files[sha256[i]]) if files else None,
        }
        for i in rows
    ]


def _picture(path: Path) -> str:
    image = Image.fromarray(read_photo(path).pixels)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return str(data_uri(image, "JPEG"))
