"""A print knows copies of its photograph again, and nothing else."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mpoxlens.datasets.duplicates.local_features import Features, extract
from mpoxlens.datasets.phantom import draw
from mpoxlens.evaluation.fingerprint import POINTS, SIZES, decode, encode, fingerprint, resembling, unpacked
from mpoxlens.schema import Pixels

SIDE = 448
Change = Callable[[Pixels], Pixels]


def seen(pixels: Pixels) -> Features:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = SIDE / max(grey.shape)
    return extract(np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))


def re_encoded(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1))


@pytest.fixture(scope="module")
def originals() -> list[Pixels]:
    return [draw(seed, count=16, stage="vesicle", tone=40 - 8 * seed, size=SIDE).pixels for seed in range(6)]


@pytest.fixture(scope="module")
def prints(originals: list[Pixels]) -> list[bytes]:
    return [fingerprint(seen(one)) for one in originals]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p,
        re_encoded,
        lambda p: np.ascontiguousarray(p[:, ::-1]),
        lambda p: np.ascontiguousarray(np.rot90(p)),
        lambda p: np.ascontiguousarray(p[40:400, 60:420]),
        lambda p: np.asarray(cv2.resize(p, (200, 200), interpolation=cv2.INTER_AREA)),
    ],
    ids=["identical", "re-encoded", "mirrored", "turned", "cropped", "reduced"],
)
def test_a_copy_is_known_again_and_as_nothing_else(
    originals: list[Pixels], prints: list[bytes], change: Change
) -> None:
    found = [set(resembling([seen(change(one))], unpacked(prints))) for one in originals]
    assert found == [{i} for i in range(len(originals))]


def test_different_photographs_are_not_alike(prints: list[bytes]) -> None:
    strangers = [draw(100 + seed, count=16, stage="vesicle", tone=30, size=SIDE).pixels for seed in range(6)]
    assert all(resembling([seen(one)], unpacked(prints)) == {} for one in strangers)


def test_a_print_is_small_and_survives_text(prints: list[bytes]) -> None:
    assert all(0 < len(one) <= 9 * POINTS for one in prints)
    assert [decode(encode(one)) for one in prints] == prints


def test_what_is_stored_is_what_was_measured(originals: list[Pixels], prints: list[bytes]) -> None:
    stored, features = unpacked(prints[:1]), seen(originals[0])
    usual = np.where((features.sizes >= SIZES[0]) & (features.sizes <= SIZES[1]), features.sizes, 0)
    largest = features.take(np.argsort(-usual, kind="stable")[:1])
    assert np.abs(stored.points[0] - largest.points[0]).max() <= 1  # kept to 2 px
    assert abs(stored.octaves[0] - np.log2(largest.sizes[0])) <= 0.5 / 24 + 1e-6
    assert len(stored.points) == len(prints[0]) // 9


def test_a_plain_surface_has_an_empty_print_that_resembles_nothing() -> None:
    plain = np.full((SIDE, SIDE, 3), 128, np.uint8)
    assert fingerprint(seen(plain)) == b""
    assert resembling([seen(plain)], unpacked([b""])) == {}


@pytest.mark.parametrize("text", ["AAAA", "no base64!"])
def test_damaged_prints_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"print|base64|Only"):
        decode(text)
