"""Extraction goes on where it was stopped, and a damaged shard is made again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mpoxlens.datasets.duplicates import feature_cache
from mpoxlens.datasets.duplicates.feature_cache import FeatureCache, cached_features
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError, MpoxlensError, PhotoError

Extracted = Callable[[dict[str, Path], Path], tuple[FeatureCache, int]]
Damage = Callable[[bytes], bytes]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setattr(feature_cache, "SHARD", 2)
    found = {}
    for number in range(5):
        path = tmp_path / f"{number}.png"
        Image.fromarray(draw(number, size=96).pixels).save(path)
        found[hashlib.sha256(path.read_bytes()).hexdigest()] = path
    return dict(sorted(found.items()))


@pytest.fixture
def extracted() -> Iterator[Extracted]:
    """Fills a cache and returns it, and how many images it had already."""
    made = []

    def extract(paths: dict[str, Path], folder: Path) -> tuple[FeatureCache, int]:
        steps: list[int] = []
        made.append(cached_features(paths, folder, 2, lambda done, _of: steps.append(done)))
        assert steps == list(range(steps[0], len(paths) + 1))
        return made[-1], steps[0]

    yield extract
    for cache in made:
        cache.close()


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npz"))


def test_second_run_extracts_nothing_and_reads_the_same(
    paths: dict[str, Path], tmp_path: Path, extracted: Extracted
) -> None:
    first, before = extracted(paths, tmp_path / "cache")
    second, after = extracted(paths, tmp_path / "cache")
    assert (before, after) == (0, 5)
    assert len(shards(tmp_path / "cache")) == 3
    assert first.digests == second.digests
    for place in ((0, 0), (4, 0)):
        np.testing.assert_array_equal(first.view(place).grey, second.view(place).grey)
        np.testing.assert_array_equal(first.features(place).descriptors, second.features(place).descriptors)


def test_goes_on_where_it_was_stopped(paths: dict[str, Path], tmp_path: Path, extracted: Extracted) -> None:
    broken = paths | {max(paths): tmp_path / "gone.png"}
    with pytest.raises(PhotoError, match="no such file"):
        cached_features(broken, tmp_path / "cache", 1, lambda _done, _of: None)
    assert extracted(paths, tmp_path / "cache")[1] == 4  # two shards were whole when it stopped


def test_another_image_in_its_place_is_never_kept_under_the_old_hash(
    paths: dict[str, Path], tmp_path: Path, extracted: Extracted
) -> None:
    first, second = list(paths)[:2]
    original = paths[first].read_bytes()
    paths[first].write_bytes(paths[second].read_bytes())
    with pytest.raises(DataError, match="its content changed since it was ingested; ingest it again"):
        cached_features(paths, tmp_path / "cache", 1, lambda _done, _of: None)

    problems: list[MpoxlensError] = []
    with closing(cached_features(paths, tmp_path / "cache", 1, lambda _done, _of: None, problems)) as cache:
        assert cache.names == tuple(name for name in paths if name != first)
        assert len(set(cache.digests)) == 4
    assert [problem.what for problem in problems] == [str(paths[first])]

    paths[first].write_bytes(original)
    whole, before = extracted(paths, tmp_path / "cache")
    assert (before, len(set(whole.digests))) == (4, 5)


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: flipped(data)])
def test_damaged_shard_is_made_again(
    paths: dict[str, Path], tmp_path: Path, extracted: Extracted, damage: Damage
) -> None:
    whole, _ = extracted(paths, tmp_path / "cache")
    expected = [whole.features((i, 0)).points for i in range(5)]
    whole.close()
    shard = shards(tmp_path / "cache")[0]
    shard.write_bytes(damage(shard.read_bytes()))
    again, kept = extracted(paths, tmp_path / "cache")
    assert kept in (3, 4)  # a shard holds two images, the last one
    for i, points in enumerate(expected):
        np.testing.assert_array_equal(again.features((i, 0)).points, points)


def flipped(data: bytes) -> bytes:
    """One bit is not what it was."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_shards_of_other_settings_are_not_read(
    paths: dict[str, Path], tmp_path: Path, extracted: Extracted, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted(paths, tmp_path / "cache")
    monkeypatch.setattr(feature_cache, "SETTINGS", "2-other")
    assert extracted(paths, tmp_path / "cache")[1] == 0


def test_kept_view_is_close_to_the_photograph(paths: dict[str, Path], tmp_path: Path, extracted: Extracted) -> None:
    cache, _ = extracted(paths, tmp_path / "cache")
    grey = np.asarray(
        Image.open(list(paths.values())[2]).convert("L").resize((192, 192), Image.Resampling.BICUBIC), float
    )
    assert cache.view((2, 0)).grey.shape == (192, 192)
    assert np.abs(cache.view((2, 0)).grey - grey).mean() < 2  # grey levels
