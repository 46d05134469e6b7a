"""The network's own class activation map, from the one pass that gives its answer."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image

from mpoxlens.errors import DataError
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.subject import versions
from mpoxlens.schema import Floats
from mpoxlens.screening.heatmap import evidence


@runtime_checkable
class Mapped(Subject, Protocol):
    """A network that gives class activation maps with its answer."""

    @property
    def positive(self) -> int:
        """Index of the positive class."""

    def cam(self, photo: Floats) -> Floats:
        """Return the maps [C, h, w] of one input [3, size, size]; their mean over h, w is the logit."""


def cam(subject: Subject, photo: Floats, seed: int = 0) -> Explanation:
    """Explain by the network's own map (Zhou et al. 2016, section 2), exact: the heat's mean is the contrast.

    Args:
        subject: gives class activation maps.
        photo: input [3, size, size].
        seed: nothing here is random.

    Raises:
        DataError: the network gives no maps.
    """
    if not isinstance(subject, Mapped):
        raise DataError(subject.name, "it gives no class activation map", "choose another method, such as occlusion")
    coarse = evidence(subject.cam(photo), subject.positive)
    return Explanation(
        heat=enlarged(coarse, subject.size),
        method="cam",
        settings={"rows": coarse.shape[0], "columns": coarse.shape[1]},
        seed=seed,
        contrast=float(coarse.mean(dtype=np.float64)),
        passes=1,
        subject=subject.name,
        versions=versions("pillow"),
    )


def enlarged(coarse: Floats, size: int) -> Floats:
    """Return a map [h, w] as [size, size], bilinear; where size is a multiple of h and w its mean stays as it is."""
    whole = Image.fromarray(np.asarray(coarse, dtype=np.float32)).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(whole, dtype=np.float32)
