"""The screener: one equals many, order kept, bad files named, memory flat."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mpoxlens
from mpoxlens.bundle import Alike, Bundle, MapCheck, Outputs
from mpoxlens.datasets.phantom import draw, save
from mpoxlens.errors import BundleError, HistoryError, PhotoError
from mpoxlens.photo import read_photo
from mpoxlens.schema import ClinicalInfo, Decision, Screening
from mpoxlens.screening import engine
from mpoxlens.screening.classify import classify
from mpoxlens.screening.engine import Refused, Screener


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nineteen photographs and two bad files, in an order that mixes them."""
    path = tmp_path_factory.mktemp("photos")
    for n in range(19):
        Image.fromarray(draw(n, tone=60 - 6 * n, size=128).pixels).save(path / f"{n:02}.png")
    (path / "03b.png").write_bytes(b"no photo")
    (path / "18b.png").write_bytes(b"")
    return path


def test_the_probability_is_that_of_the_network_by_hand(screener: Screener) -> None:
    pixels = np.full((64, 64, 3), (204, 102, 51), np.uint8)
    photo = mpoxlens.Photo(pixels, "flat", "0" * 64, 64, 64)
    found = screener.screen(photo)
    odds = math.exp(4.5) / (math.exp(-0.4) + math.exp(1.2) + math.exp(-5.2))  # logits as in test_bundle
    assert found.photo_probability == pytest.approx(odds / (1 + odds), abs=1e-5)
    assert found.probability == found.photo_probability
    assert found.decision is Decision.CANNOT_TELL
    assert {r.code for r in found.reasons} == {"too_small", "no_detail", "blurred"}


def test_history_shifts_the_odds_by_its_ratio(screener: Screener, photo_path: Path) -> None:
    found = screener.screen(photo_path, ClinicalInfo(contact_21_days=True))
    before = found.photo_probability / (1 - found.photo_probability)
    after = found.probability / (1 - found.probability)
    assert after / before == pytest.approx(found.history.likelihood_ratio)
    assert found.history.likelihood_ratio == pytest.approx(math.sqrt(4.02))
    assert found.interval.low <= found.probability <= found.interval.high


def test_path_bytes_and_photo_are_the_same_photograph(screener: Screener, photo_path: Path) -> None:
    data = photo_path.read_bytes()
    found = [screener.screen(source) for source in (photo_path, str(photo_path), data, read_photo(photo_path))]
    assert len({one.probability for one in found}) == 1
    assert [one.file for one in found] == [str(photo_path), str(photo_path), "<bytes>", str(photo_path)]
    assert {one.provenance.photo_sha256 for one in found} == {hashlib.sha256(data).hexdigest()}


def test_a_drawing_stays_one_whatever_it_comes_as(screener: Screener, tmp_path: Path) -> None:
    path = tmp_path / "drawn.png"
    save(draw(4, size=256), path)
    found = [screener.screen(source) for source in (path, path.read_bytes(), read_photo(path))]
    assert len({(one.decision, one.reasons) for one in found}) == 1
    assert "drawing" in [reason.code for reason in found[0].reasons]


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (ClinicalInfo(fever="yes"), "ClinicalInfo: fever is 'yes': it must be true or false"),  # type: ignore[arg-type]
        (ClinicalInfo(age=-1), "ClinicalInfo: age is -1: it must lie between"),
        (ClinicalInfo(age=10**6000), "ClinicalInfo: age is a huge number: it must lie between"),
        (ClinicalInfo(fever_celsius=math.nan), "ClinicalInfo: fever_celsius is nan: it must be a number"),
        (ClinicalInfo(hiv=[True]), "ClinicalInfo: hiv is [True]: it must be true or false"),  # type: ignore[arg-type]
        (ClinicalInfo(fever=False, fever_celsius=39.0), "ClinicalInfo: fever is false, but fever_celsius is 39: they"),
        ({"fever": True}, "ClinicalInfo: a dict came in its place"),
    ],
)
def test_answers_from_python_are_checked_as_those_of_a_file(
    screener: Screener, photo_path: Path, info: ClinicalInfo, message: str
) -> None:
    for call in (lambda: screener.screen(photo_path, info), lambda: screener.screen_many([photo_path], info)):
        with pytest.raises(HistoryError) as caught:
            call()
        assert str(caught.value).startswith(message)


def test_what_was_refused_before_keeps_its_place(screener: Screener, photo_path: Path) -> None:
    refused = Refused("empty", PhotoError("empty", "no photos", "name some"))
    found = list(screener.screen_many([photo_path, refused, photo_path]))
    assert found[1] is refused
    assert [type(one) for one in found] == [Screening, Refused, Screening]


def test_provenance(screener: Screener, photo_path: Path) -> None:
    found = screener.screen(photo_path).provenance
    assert (found.bundle, found.mpoxlens) == ("tiny 1", mpoxlens.__version__)
    assert found.bundle_sha256 == hashlib.sha256((screener.bundle.path / "bundle.json").read_bytes()).hexdigest()


def test_a_batch_equals_one_by_one(screener: Screener) -> None:
    shown = [mpoxlens.Photo(draw(n, size=96).pixels, "x", "", 96, 96) for n in range(5)]
    together = classify(screener.bundle, shown)
    for one, photo in zip(together, shown, strict=True):
        (alone,) = classify(screener.bundle, [photo])
        assert np.allclose(one.logits, alone.logits, atol=1e-5)
        assert np.allclose(one.cam, alone.cam, atol=1e-5)
        assert sum(one.probabilities.values()) == pytest.approx(1)
    assert classify(screener.bundle, []) == []


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_many_equal_one_by_one_in_their_order(screener: Screener, folder: Path, workers: int) -> None:
    paths = sorted(folder.iterdir())
    info = ClinicalInfo(inguinal_nodes=True)
    found = list(screener.screen_many(paths, info, workers=workers))
    assert [one.file for one in found] == list(map(str, paths))
    for path, one in zip(paths, found, strict=True):
        if isinstance(one, Screening):
            alone = screener.screen(path, info)
            assert (one.decision, one.reasons) == (alone.decision, alone.reasons)
            assert one.probability == pytest.approx(alone.probability, abs=1e-6)
    refused = [one for one in found if isinstance(one, Refused)]
    assert [Path(one.file).name for one in refused] == ["03b.png", "18b.png"]
    assert all(isinstance(one.error, PhotoError) for one in refused)


def test_paths_are_taken_only_as_fast_as_they_are_screened(screener: Screener, photo_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield photo_path

    results = screener.screen_many(endless())
    for _ in range(30):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert taken <= 30 + engine.CHUNK * (engine.WORKERS + 2)


def test_a_single_bad_photo_raises(screener: Screener) -> None:
    with pytest.raises(PhotoError, match="<bytes>: 0 bytes"):
        screener.screen(b"")


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such file"):
        Screener.from_path(tmp_path / "none")


def test_numbers_that_are_not_finite_never_reach_a_decision(tiny_path: Path, photo_path: Path) -> None:
    screener = Screener.from_path(tiny_path)
    broken = Outputs(
        np.full((1, 4), np.nan, np.float32), np.zeros((1, 4, 8, 8), np.float32), np.zeros((1, 4), np.float32)
    )
    object.__setattr__(screener.bundle, "run", lambda _: broken)
    with pytest.raises(BundleError, match="its network gave numbers that are not finite on this machine"):
        screener.screen(photo_path)


def test_the_verdict_on_the_map_goes_with_every_screening(tiny_path: Path, photo_path: Path) -> None:
    bundle = Bundle.load(tiny_path)
    failed = MapCheck(Alike(0.6, 0.5, 0.7), Alike(0.2, 0.1, 0.4), 0.5, 40, "drawn phantoms")
    for check, passed in ((None, None), (failed, False), (replace(failed, signed=failed.absolute), True)):
        screener = Screener(replace(bundle, spec=replace(bundle.spec, map=check)))
        assert screener.screen(photo_path).map_passed is passed
        assert screener.screen_together([photo_path, photo_path]).map_passed is passed
