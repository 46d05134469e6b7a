"""Photographs to classifications: preprocessing by the bundle's specification, then one pass of the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpoxlens.bundle import Bundle
from mpoxlens.errors import BundleError
from mpoxlens.schema import Classification, Floats, Photo


def classify(bundle: Bundle, photos: Sequence[Photo]) -> list[Classification]:
    """Classify photographs in one pass of the network, in their order."""
    if not photos:
        return []
    return classify_inputs(bundle, [bundle.spec.preprocess(photo.pixels) for photo in photos])


def classify_inputs(bundle: Bundle, inputs: Sequence[Floats]) -> list[Classification]:
    """Classify what preprocessing has made of photographs: tensors [3, size, size].

    Raises:
        BundleError: the network gave numbers that are not finite; no decision may rest on such.
    """
    spec = bundle.spec
    out = bundle.run(np.stack(inputs))
    if not (np.isfinite(out.logits).all() and np.isfinite(out.embedding).all() and np.isfinite(out.cam).all()):
        why = "its network gave numbers that are not finite on this machine"
        raise BundleError(str(bundle.path), why, "upgrade onnxruntime, or report it")
    probabilities = spec.calibration.probabilities(out.logits, spec.labels.index(spec.positive))  # [N, C]
    strangeness = spec.ood.score(out.embedding)  # [N]
    return [
        Classification(
            {label: float(p) for label, p in zip(spec.labels, probabilities[n], strict=True)},
            out.logits[n],
            out.cam[n],
            out.embedding[n],
            float(strangeness[n]),
        )
        for n in range(len(inputs))
    ]
