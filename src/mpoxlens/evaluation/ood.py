"""Fit the out-of-distribution score on embeddings of the training photographs."""

from __future__ import annotations

import numpy as np

from mpoxlens.rules import OutOfDistribution, unit_length
from mpoxlens.schema import Floats

LEAST_SPREAD = 1e-3  # of directions of length 1; a smaller one is rounding, and 1 / it would not fit into float16
COMPONENTS = 24  # more than carry the classes, few enough to be estimated from some hundred photographs


def fit_ood(embedding: Floats, share: float) -> OutOfDistribution:
    """Return the score whose threshold `share` of the given photographs stay below.

    Args:
        embedding: [N, D].
        share: between 0 and 1.
    """
    directions = unit_length(embedding)
    mean = directions.mean(axis=0)
    centred = directions - mean
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    spread = singular / np.sqrt(len(embedding) - 1)
    k = max(1, min(COMPONENTS, len(embedding) // 3, int((spread > LEAST_SPREAD).sum())))
    spread = np.maximum(spread[:k], LEAST_SPREAD)
    left = centred - (centred @ axes[:k].T) @ axes[:k]
    residual = max(float(np.sqrt((left**2).sum(axis=1).mean())), LEAST_SPREAD)
    components = (axes[:k] / spread[:, None]).astype(np.float32)
    fitted = OutOfDistribution(mean.astype(np.float32), components, residual, np.inf)
    # Through the bundle's float16 and back, so that the threshold fits the numbers that the clinic will use.
    stored = OutOfDistribution.from_dict({**fitted.to_dict(), "threshold": 1.0})
    threshold = round(float(np.quantile(stored.score(embedding), share)), 4)
    return OutOfDistribution(stored.mean, stored.components, residual, threshold)
