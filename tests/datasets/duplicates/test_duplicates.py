"""Every made copy is found, and no stranger is."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from painted import COPIES, SIDE, encoded, painted, saved, with_logo
from PIL import Image

from mpoxlens.datasets.duplicates import candidates, feature_cache
from mpoxlens.datasets.duplicates import search as duplicates
from mpoxlens.datasets.duplicates.agreement import agreement
from mpoxlens.datasets.duplicates.groups import group
from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.duplicates.local_features import align, extract
from mpoxlens.datasets.duplicates.search import find_links
from mpoxlens.errors import MpoxlensError, PhotoError
from mpoxlens.schema import ImageRecord
from real import SHARED

FEW = ("squashed", "turned and mirrored", "quarter, enlarged", "in a collage")  # the rest when there is time


@pytest.fixture(scope="module")
def originals() -> list[Image.Image]:
    return [painted(seed) for seed in range(6)]


def with_copies(folder: Path, kinds: Sequence[str]) -> tuple[list[tuple[str, str]], dict[tuple[str, str], Link]]:
    """As many originals beside one copy each, each in another way: the true pairs by their hashes, and the links."""
    images = [painted(seed) for seed in range(len(kinds))]
    copies = [COPIES[kind](image) for kind, image in zip(kinds, images, strict=True)]
    paths = saved(folder, images + copies)
    names = list(paths)
    pairs = [(min(pair), max(pair)) for pair in zip(names[: len(kinds)], names[len(kinds) :], strict=True)]
    return pairs, {(link.a, link.b): link for link in find_links(paths, threads=1)}


@pytest.mark.parametrize(
    "kinds", [FEW, pytest.param(tuple(COPIES), marks=pytest.mark.slow)], ids=["few kinds", "every kind"]
)
def test_every_copy_is_found_and_no_stranger_is_linked(tmp_path: Path, kinds: Sequence[str]) -> None:
    pairs, links = with_copies(tmp_path, kinds)
    assert [kind for kind, pair in zip(kinds, pairs, strict=True) if pair not in links] == []
    assert set(links) == set(pairs)
    for kind, pair in zip(kinds, pairs, strict=True):
        assert links[pair].method == "local-features", kind
        assert links[pair].inliers >= 7, kind
        # a copy shows all of the original, or the original all of the copy
        assert links[pair].overlap > 0.85, kind


def test_shared_logo_links_nothing(tmp_path: Path, originals: list[Image.Image]) -> None:
    captioned = [encoded(with_logo(image)) for image in originals[:6]]
    features = [extract(np.asarray(image.convert("L"))) for image in captioned[:2]]
    assert next(align(*features)).inliers >= 20  # the logo does match, so that it is the pixels that refuse the pair
    assert find_links(saved(tmp_path, captioned), threads=1) == []


def test_same_pixels_in_other_bytes_are_identical(tmp_path: Path, originals: list[Image.Image]) -> None:
    paths = {}
    for level in (1, 9):
        path = tmp_path / f"{level}.png"
        originals[0].save(path, compress_level=level)
        paths[hashlib.sha256(path.read_bytes()).hexdigest()] = path
    assert find_links(paths) == [Link(min(paths), max(paths), "identical", 0, 1.0)]


def test_plain_images_and_few_images(tmp_path: Path, originals: list[Image.Image]) -> None:
    plain = [Image.new("RGB", (64, 80), colour) for colour in ("white", "black")]
    assert find_links({}) == []
    assert find_links(saved(tmp_path, originals[:1]), threads=1) == []
    assert find_links(saved(tmp_path, plain), threads=1) == []


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"gone\.jpg: no such file"):
        find_links({"a" * 64: tmp_path / "gone.jpg"})


def test_what_is_gone_or_changed_is_told_and_the_rest_goes_on(tmp_path: Path, originals: list[Image.Image]) -> None:
    paths = saved(tmp_path, [*originals[:3], encoded(originals[0])])
    names = list(paths)
    paths[names[1]].unlink()
    paths[names[2]].write_bytes(paths[names[0]].read_bytes())  # would be identical, under a hash that is not its own
    problems: list[MpoxlensError] = []
    steps: list[tuple[int, int]] = []
    links = find_links(paths, progress=lambda done, total: steps.append((done, total)), problems=problems)
    assert [(one.a, one.b) for one in links] == [(min(names[0], names[3]), max(names[0], names[3]))]
    assert sorted((one.what, one.why) for one in problems) == sorted(
        [
            (str(paths[names[1]]), "no such file"),
            (str(paths[names[2]]), "its content changed since it was ingested"),
        ]
    )
    assert steps == sorted(steps)
    assert steps[-1] == (4, 4)  # photographs
    assert {of for _, of in steps} == {4}


def test_progress_rises_to_the_end_and_runs_agree(tmp_path: Path, originals: list[Image.Image]) -> None:
    paths = saved(tmp_path, [*originals[:3], encoded(originals[0])])
    steps: list[tuple[int, int]] = []
    links = find_links(paths, progress=lambda done, total: steps.append((done, total)))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (4, 4)  # photographs
    assert {of for _, of in steps} == {4}
    assert find_links(dict(reversed(paths.items()))) == links


def test_small_chunks_and_batches_make_no_difference(
    tmp_path: Path, originals: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = saved(tmp_path, [*originals[:3], encoded(originals[1])])
    links = find_links(paths)
    monkeypatch.setattr(candidates, "CHUNK", 1)
    monkeypatch.setattr(duplicates, "AT_ONCE", 1)
    monkeypatch.setattr(feature_cache, "SHARD", 3)
    assert find_links(paths, threads=1) == links != []


def test_mirrored_features_are_those_of_the_mirrored_image(originals: list[Image.Image]) -> None:
    grey = np.asarray(originals[0].convert("L"))
    reckoned = extract(grey).mirrored(SIDE)
    seen = extract(np.ascontiguousarray(grey[:, ::-1]))
    best = max(align(reckoned, seen), key=lambda one: one.inliers)
    assert best.inliers > 0.5 * len(seen.points)
    np.testing.assert_allclose(best.matrix, [[1, 0, 0], [0, 1, 0]], atol=0.6)


@pytest.mark.parametrize(
    "matrix", [[[0.6, 0, 20], [0, 0.6, 10]], [[0, -0.8, 290], [0.8, 0, 5]], [[1.1, 0, -30], [0, 0.7, 12]]]
)
def test_align_recovers_a_known_map(originals: list[Image.Image], matrix: list[list[float]]) -> None:
    grey = np.asarray(originals[1].convert("L"))
    laid = cv2.warpAffine(grey, np.array(matrix), (SIDE, SIDE), flags=cv2.INTER_AREA)
    best = max(align(extract(grey), extract(laid)), key=lambda one: one.inliers)
    np.testing.assert_allclose(best.matrix[:, :2], np.array(matrix)[:, :2], atol=0.01)
    np.testing.assert_allclose(best.matrix[:, 2], np.array(matrix)[:, 2], atol=1)


def test_agreement_of_known_overlaps(originals: list[Image.Image]) -> None:
    grey, other = (np.asarray(image.convert("L")) for image in originals[:2])
    same = np.array([[1.0, 0, 0], [0, 1, 0]])
    whole = agreement(grey, grey, same)
    assert (whole.share, whole.area, whole.overlap) == (1.0, 1.0, 1.0)
    beside = agreement(grey[:, :200], grey[:, 100:], np.array([[1.0, 0, -100], [0, 1, 0]]))
    assert beside.share > 0.99
    assert beside.overlap == pytest.approx(0.5, abs=0.01)
    assert agreement(grey, other, same).share < 0.3
    assert agreement(grey, grey, np.array([[1.0, 0, 299], [0, 1, 0]])).share == 0  # a strip of 1 px says nothing
    dark = agreement(grey, (grey // 2 + 20).astype(np.uint8), same)
    assert dark.share > 0.99  # correlation does not mind brightness or contrast


def test_agreement_mends_a_map_some_pixels_off(originals: list[Image.Image]) -> None:
    grey = np.asarray(originals[2].convert("L"))
    assert agreement(grey, grey, np.array([[1.01, 0, 3], [0, 0.99, 3]])).share > 0.97


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the shared photographs are not at {SHARED}")
def test_known_copies_among_the_shared_photographs() -> None:
    same = [
        {"ahsan2022_monkeypox_39.jfif", "msid_monkeypox_monkeypox278.png", "msid_monkeypox_monkeypox279.png"},
        {"msid_monkeypox_monkeypox180.png", "msid_monkeypox_monkeypox153.png"},  # a tenth of the area
        {"ahsan2022_monkeypox_31.jfif", "msid_monkeypox_monkeypox200.png"},  # a small part, turned by 90 degrees
        {"msid_chickenpox_chickenpox62.png", "msid_monkeypox_monkeypox50.png"},  # two labels
    ]
    alone = {f"msid_normal_normal{n}.png" for n in (45, 63, 65, 132, 157, 177)}  # studio portraits much alike
    with (SHARED / "labels.csv").open() as table:
        files = {Path(row["file"]).name: (row["sha256"], SHARED / row["file"]) for row in csv.DictReader(table)}
    chosen = sorted(alone.union(*same))
    links = find_links({files[name][0]: files[name][1] for name in chosen})
    records = [ImageRecord(files[name][0], name, "", "", None, 1, 1, "") for name in chosen]
    groups: dict[str, set[str]] = {}
    for one in group(records, links):
        groups.setdefault(one.group, set()).add(one.path)
    assert sorted(map(sorted, groups.values())) == sorted(map(sorted, [*same, *({name} for name in alone)]))
