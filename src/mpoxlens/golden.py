"""Golden vectors: drawn inputs, and what preprocessing and network gave for them when the bundle was made."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mpoxlens.schema import Floats, Pixels

if TYPE_CHECKING:
    from mpoxlens.bundle import Bundle

STRIDE = 997  # every so many values of a tensor are kept; a prime, so that rows and channels alternate
# int8 kernels of different processors round differently; within these, no more than a hundredth of probability moves.
TOLERANCE = {"input": 1e-4, "logits": 0.1, "cam": 0.5, "embedding": 0.5, "probability": 0.01, "strangeness": 0.05}


def record(bundle: Bundle, drawings: Sequence[Pixels]) -> dict[str, Any]:
    """Return the contents of `golden.json` for drawings [H, W, 3] uint8."""
    return {"tolerance": TOLERANCE, "vectors": [{"png": _to_png(d), **_outputs(bundle, d)} for d in drawings]}


def difference(bundle: Bundle, golden: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest absolute difference for each kind of tensor, over all golden vectors; ValueError if none."""
    if not golden["vectors"]:
        raise ValueError("no vector in it")
    worst = dict.fromkeys(TOLERANCE, 0.0)
    for vector in golden["vectors"]:
        found = _outputs(bundle, _from_png(vector["png"]))
        for name in worst:
            expected, now = np.asarray(vector[name], np.float32), np.asarray(found[name], np.float32)
            if expected.shape != now.shape:
                raise ValueError(f"{name}: {expected.size} values where this bundle gives {now.size}")
            worst[name] = float(np.maximum(worst[name], np.abs(expected - now).max()))  # keeps NaN, which max() drops
    return worst


def _outputs(bundle: Bundle, pixels: Pixels) -> dict[str, list[float]]:
    tensor = bundle.spec.preprocess(pixels)
    out = bundle.run(tensor[None])
    column = bundle.spec.labels.index(bundle.spec.positive)
    with np.errstate(invalid="ignore"):  # a network may give no number at all; then neither does what follows
        probability = bundle.spec.calibration.probabilities(out.logits, column)[0, column]
    sampled = {"input": tensor.ravel()[::STRIDE], "logits": out.logits[0], "probability": np.array([probability])}
    sampled |= {"strangeness": bundle.spec.ood.score(out.embedding)}
    sampled |= {"cam": out.cam.ravel()[::7], "embedding": out.embedding.ravel()[::41]}
    return {name: _rounded(values) for name, values in sampled.items()}


def _rounded(values: Floats) -> list[float]:
    return [round(float(v), 5) for v in values]


def _to_png(pixels: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _from_png(text: str) -> Pixels:
    with Image.open(io.BytesIO(base64.b64decode(text)), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"))
