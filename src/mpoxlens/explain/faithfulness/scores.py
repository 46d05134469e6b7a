"""What the curves follow: the contrast that maps explain, and the P(mpox) that people read, both from one pass."""

from __future__ import annotations

import numpy as np

from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.explain.faithfulness.curves import Score
from mpoxlens.explain.subject import BATCH, OnnxSubject, TorchSubject, weights
from mpoxlens.rules import Calibration
from mpoxlens.schema import Floats

Known = OnnxSubject | TorchSubject
UNCALIBRATED = Calibration(1.0, 0.0, ((1.0, 0.0),))  # P(mpox) is then the network's own softmax


def both(subject: Known, calibration: Calibration = UNCALIBRATED) -> Score:
    """Return the function from inputs [N, 3, S, S] to contrast and P(mpox) [N, 2]."""

    def score(inputs: Floats) -> Doubles:
        found = logits(subject, inputs)
        contrast = found @ weights(found.shape[1], subject.positive)
        return np.stack([contrast, calibration.probabilities(found, subject.positive)[:, subject.positive]], axis=1)

    return score


def logits(subject: Known, inputs: Floats) -> Floats:
    """Return the logits [N, C] of inputs [N, 3, S, S]."""
    if isinstance(subject, OnnxSubject):
        parts = [subject.bundle.run(inputs[i : i + BATCH]).logits for i in range(0, len(inputs), BATCH)]
        return np.concatenate(parts)
    import torch

    device = next(subject.model.parameters()).device
    with torch.no_grad():
        read = [subject.model(torch.from_numpy(inputs[i : i + BATCH]).to(device)) for i in range(0, len(inputs), BATCH)]
        return np.concatenate([one[0].cpu().numpy() for one in read])
