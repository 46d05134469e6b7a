"""Preprocessing: numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mpoxlens.errors import BundleError
from mpoxlens.preprocess import Preprocess

SPEC = Preprocess(16, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0))


def test_normalise_by_hand() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[0, 1] = (255, 51, 102)
    out = SPEC(pixels)  # [3, 16, 16]
    assert out.shape == (3, 16, 16)
    assert out.dtype == np.float32
    assert out[:, 0, 0].tolist() == pytest.approx([-1.0, -1.0, 0.0])
    assert out[:, 0, 1].tolist() == pytest.approx([1.0, -0.2, 0.4], abs=1e-6)  # (51/255 - .25) / .25 = -.2


def test_resize_averages_and_cuts_nothing_off() -> None:
    pixels = np.zeros((64, 32, 3), np.uint8)
    pixels[:, ::2] = 200  # stripes of one pixel: sampling would give 0 or 200, averaging gives 100
    assert np.abs(SPEC.resize(pixels).astype(int) - 100).max() <= 26
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, -4:] = 255
    assert SPEC.resize(edge)[:, -1].min() > 180


def test_specification_goes_there_and_back() -> None:
    assert Preprocess.from_dict(SPEC.to_dict()) == SPEC


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 8}, "an entry is unknown or out of range"),
        ({"std": [0.5, 0.0, 1.0]}, "an entry is unknown or out of range"),
        ({"crop": 1}, "an entry is unknown or out of range"),
        ({"size": "wide"}, "unreadable (invalid literal for int() with base 10: 'wide')"),
        ({"mean": [1, 2]}, "unreadable (not enough values to unpack (expected 3, got 2))"),
    ],
)
def test_impossible_specifications_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError) as caught:
        Preprocess.from_dict({**SPEC.to_dict(), **change})
    assert str(caught.value) == f"bundle.json: preprocess: {message}; download or build the bundle again"
