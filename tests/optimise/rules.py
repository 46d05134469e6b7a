"""Rules of a bundle whose probabilities can be worked out by hand, and inputs without a photograph."""

import numpy as np

from mpoxlens.bundle import Outputs, Spec
from mpoxlens.optimise.parity import Checked
from mpoxlens.preprocess import Preprocess
from mpoxlens.rules import Calibration, Conformal, OutOfDistribution

LABELS = ("mpox", "healthy")


def spec(**changes: object) -> Spec:
    """Return a specification that passes logits on as log-odds: P = sigmoid(mpox - healthy)."""
    entries: dict[str, object] = {
        "name": "drawn",
        "version": "1",
        "labels": LABELS,
        "positive": "mpox",
        "preprocess": Preprocess(64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        "calibration": Calibration(1.0, 0.0, ((1.0, 0.0),)),
        "operating_point": 0.5,
        "conformal": Conformal(0.1, 0.4, 0.6),
        "ood": OutOfDistribution(np.zeros(2, np.float32), np.eye(2, dtype=np.float32), 1.0, 50.0),
        "intended_use": "Tests.",
        "licences": {"code": "Apache-2.0"},
        "training": {},
        "figures": {},
    }
    return Spec(**{**entries, **changes})  # type: ignore[arg-type]


def outputs(odds: list[float], gap: float = 0.0) -> Outputs:
    """Return outputs with given log-odds of mpox, whose maps miss their logits by `gap`."""
    logits = np.array([[x, 0.0] for x in odds], np.float32)
    cam = np.repeat(logits[:, :, None, None], 4, axis=3) + np.float32(gap)
    return Outputs(logits, cam, np.zeros((len(odds), 2), np.float32))


def checked(positive: list[bool], clusters: str) -> Checked:
    """Return what `compare` has to know of N inputs, all of people with a rash."""
    n = len(positive)
    nothing = np.zeros((n, 3, 1, 1), np.float32)
    return Checked(nothing, nothing[:1], np.array(positive), np.ones(n, dtype=np.bool_), tuple(clusters))
