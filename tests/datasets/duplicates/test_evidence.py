"""The picture of a link marks the same places in both photographs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor, ImageOps

from mpoxlens.datasets.duplicates.evidence import CROSS, GAP, SIDE, evidence_picture
from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.duplicates.search import find_links
from mpoxlens.datasets.phantom import draw


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    image = Image.fromarray(draw(3, size=320).pixels)
    image.save(tmp_path / "a.png")
    image.crop((80, 40, 240, 200)).save(tmp_path / "b.png")
    return tmp_path / "a.png", tmp_path / "b.png"


def middle(picture: Image.Image, colour: str) -> tuple[float, float]:
    rows, columns = np.nonzero((np.asarray(picture) == ImageColor.getrgb(colour)).all(axis=2))
    return float(columns.mean()), float(rows.mean())


def test_first_cross_lies_in_the_middle_of_what_both_show(pair: tuple[Path, Path]) -> None:
    # b shows a's columns 80 to 240 of 320 and rows 40 to 200, so in shares x_b = 2 x_a - 0.5 and y_b = 2 y_a - 0.25
    picture = evidence_picture(*pair, Link("a", "b", "local-features", 9, 1.0, (2, 0, -0.5, 0, 2, -0.25)))
    assert picture.size == (2 * SIDE + GAP, SIDE + 20)
    left, right = (picture.crop((x, 0, x + SIDE, SIDE)) for x in (0, SIDE + GAP))
    assert middle(left, CROSS[0]) == pytest.approx((SIDE * 0.5, SIDE * 0.375), abs=2)
    assert middle(right, CROSS[0]) == pytest.approx((SIDE / 2, SIDE / 2), abs=2)


def test_link_without_a_map_shows_the_photographs_alone(pair: tuple[Path, Path]) -> None:
    picture = np.asarray(evidence_picture(*pair, Link("a", "b", "identical", 0, 1.0)))
    plain = np.asarray(Image.open(pair[0]).resize((SIDE, SIDE)))
    np.testing.assert_array_equal(picture[:SIDE, :SIDE], plain)


@pytest.mark.parametrize("mirrored", [False, True])
def test_map_of_a_found_link_is_the_one_that_was_made(pair: tuple[Path, Path], mirrored: bool) -> None:
    if mirrored:
        ImageOps.mirror(Image.open(pair[1])).save(pair[1])
    paths = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in pair}
    (link,) = find_links(paths)
    first_to_second = [[-2, 0, 1.5], [0, 2, -0.25]] if mirrored else [[2, 0, -0.5], [0, 2, -0.25]]
    whole = np.vstack([first_to_second, [0, 0, 1]])
    expected = (whole if paths[link.a] == pair[0] else np.linalg.inv(whole))[:2].ravel()
    np.testing.assert_allclose(link.map, expected, atol=0.02)
