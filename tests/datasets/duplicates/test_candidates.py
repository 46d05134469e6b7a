"""The index finds a small crop among many others, however few keypoints it may hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mpoxlens.datasets.duplicates import candidates
from mpoxlens.datasets.duplicates.candidates import Candidate, find_candidates
from mpoxlens.datasets.duplicates.local_features import Features, extract
from mpoxlens.datasets.duplicates.search import find_links
from mpoxlens.datasets.phantom import draw

DRAWN = 20


def grey(seed: int, size: int = 300) -> np.ndarray:
    return np.asarray(Image.fromarray(draw(seed, size=size).pixels).convert("L"))


@pytest.fixture(scope="module")
def views() -> list[Features]:
    """Drawings, a quarter of the third enlarged, and the fifth mirrored."""
    drawn = [grey(seed) for seed in range(DRAWN)]
    quarter = np.asarray(Image.fromarray(drawn[3][60:210, 90:240]).resize((300, 300), Image.Resampling.BICUBIC))
    return [extract(image) for image in [*drawn, quarter, np.asarray(ImageOps.mirror(Image.fromarray(drawn[5])))]]


def found(views: list[Features], images: list[int] | None = None, threads: int = 1) -> list[Candidate]:
    numbers = images or list(range(len(views)))
    return find_candidates(lambda view: views[view], numbers, threads=threads, tell=lambda _done, _of: None)


def best(candidates: list[Candidate], count: int) -> list[tuple[int, int, bool]]:
    return [(one.a, one.b, one.mirrored) for one in sorted(candidates, key=lambda one: -one.score)[:count]]


@pytest.mark.parametrize("most", [800, 50])
def test_crop_and_mirror_image_come_first(views: list[Features], monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(candidates, "MOST", most)
    assert set(best(found(views), 2)) == {(3, DRAWN, False), (5, DRAWN + 1, True)}


def test_many_images_have_fewer_keypoints_each(views: list[Features], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        candidates, "FEW_VIEWS", (DRAWN + 2) / 100
    )  # a tenth of the keypoints for a hundred times as many views
    monkeypatch.setattr(candidates, "MOST", 600)
    assert set(best(found(views), 2)) == {(3, DRAWN, False), (5, DRAWN + 1, True)}


def test_two_views_of_one_image_are_no_candidates(views: list[Features]) -> None:
    images = list(range(DRAWN + 2))
    images[DRAWN] = 3
    pairs = {(one.a, one.b) for one in found(views, images)}
    assert (5, DRAWN + 1) in pairs
    assert (3, DRAWN) not in pairs


@pytest.mark.parametrize("threads", [1, 2])
def test_runs_agree(views: list[Features], threads: int) -> None:
    assert found(views, threads=threads) == found(views, threads=threads) != []


def test_numbers_of_threads_agree(views: list[Features]) -> None:
    assert found(views, threads=2) == found(views)


def test_nothing_to_index(views: list[Features]) -> None:
    assert found([]) == []
    assert found([Features.joined([])] * 3) == []
    assert found(views[:1]) == []


@given(order=st.permutations(range(6)))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_links_do_not_depend_on_order(tmp_path: Path, order: list[int]) -> None:
    paths = {}
    for number in range(3):
        image = Image.fromarray(draw(number, size=128).pixels)
        for copy, changed in enumerate((image, image.crop((10, 20, 100, 110)))):
            path = tmp_path / f"{number}-{copy}.png"
            changed.save(path)
            paths[hashlib.sha256(path.read_bytes()).hexdigest()] = path
    names = list(paths)
    links = find_links({names[i]: paths[names[i]] for i in order}, cache=tmp_path / "cache", threads=1)
    assert [(link.a, link.b) for link in links] == sorted(tuple(sorted(names[i : i + 2])) for i in (0, 2, 4))
