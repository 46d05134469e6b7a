"""Frozen features: a row a photograph, in order, computed once, and only of what was ingested."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError
from mpoxlens.schema import Floats
from mpoxlens.vision import features
from mpoxlens.vision.features import frozen_features
from mpoxlens.vision.recipe import ModelRecipe
from mpoxlens.weights import SOURCES, cache_folder

SMALL = ModelRecipe(weights="none", frozen_blocks=0, size=64)  # no base weights needed; other numbers on each run


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    for seed, label in enumerate(("mpox", "mpox", "measles", "measles")):
        (tmp_path / "data" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(seed, size=96).pixels).save(tmp_path / "data" / label / f"{seed}.png")
    return collect([tmp_path / "data"])


def test_a_row_a_photograph_in_the_order_of_the_manifest(manifest: Manifest, tmp_path: Path) -> None:
    records, found = frozen_features(manifest, tmp_path / "features.parquet", SMALL)
    assert records == list(manifest.records)
    assert found.shape == (4, 1280)
    assert found.dtype == np.float32
    table = parquet.read_table(tmp_path / "features.parquet")
    kept = dict(zip(table["sha256"].to_pylist(), table["feature"].to_pylist(), strict=True))
    for record, feature in zip(records, found, strict=True):
        np.testing.assert_array_equal(feature, np.float32(kept[record.sha256]))
    assert len(np.unique(found, axis=0)) == 4


def test_what_was_computed_stays_and_the_rest_is_added(manifest: Manifest, tmp_path: Path) -> None:
    gone = manifest.records[1]
    data = manifest.paths[gone.sha256].read_bytes()
    manifest.paths[gone.sha256].unlink()
    records, before = frozen_features(manifest, tmp_path / "features.parquet", SMALL)
    assert [record.sha256 for record in records] == [r.sha256 for r in manifest.records if r != gone]

    manifest.paths[gone.sha256].write_bytes(data)
    records, after = frozen_features(manifest, tmp_path / "features.parquet", SMALL)
    assert records == list(manifest.records)
    np.testing.assert_array_equal(after[[0, 2, 3]], before)  # a new network would give other numbers


def test_another_photograph_in_its_place_is_left_out(manifest: Manifest, tmp_path: Path) -> None:
    first, second = manifest.records[:2]
    manifest.paths[first.sha256].write_bytes(manifest.paths[second.sha256].read_bytes())
    records, found = frozen_features(manifest, tmp_path / "features.parquet", SMALL)
    assert records == list(manifest.records[1:])
    assert len(found) == 3
    problems = parquet.read_table(tmp_path / "features.parquet")["problem"].to_pylist()
    assert "its content changed since it was ingested" in problems[0]


def test_nothing_left_is_told(manifest: Manifest, tmp_path: Path) -> None:
    for path in manifest.paths.values():
        path.unlink()
    with pytest.raises(DataError, match="none of its photographs can be read"):
        frozen_features(manifest, tmp_path / "features.parquet", SMALL)


@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_vit"])
def test_of_several_views_the_first_is_plain_and_the_others_are_the_same_again(
    manifest: Manifest, tmp_path: Path, backbone: str
) -> None:
    recipe = ModelRecipe(backbone, weights="none", frozen_blocks=0, size=0)

    def taken(name: str, views: int, seed: int = 3) -> Floats:
        torch.manual_seed(1)  # the same weights each time
        return frozen_features(manifest, tmp_path / name, recipe, views=views, seed=seed)[1]

    plain, three = taken("plain", 1), taken("three", 3)
    assert three.shape == (3, *plain.shape)
    # A batch of several views is summed in another order; a transformer computes in bfloat16 where that is fast.
    loose = 0.02 * float(np.abs(plain).max())
    np.testing.assert_allclose(three[0], plain, atol=loose if backbone == "test_vit" else 1e-5)
    np.testing.assert_array_equal(taken("again", 3), three)
    assert np.abs(three[1] - three[2]).max() > 10 * np.abs(three[0] - plain).max()
    assert (taken("other seed", 3, seed=4)[1] != three[1]).any()


def test_a_transformer_in_bfloat16_says_nearly_the_same(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(features, "_dtype", lambda *_, dtype=dtype: dtype)
        torch.manual_seed(1)
        vit = ModelRecipe("test_vit", weights="none", frozen_blocks=0, size=0)
        found.append(frozen_features(manifest, tmp_path / str(dtype), vit)[1])
    cosine = (found[0] * found[1]).sum(1) / np.linalg.norm(found[0], axis=1) / np.linalg.norm(found[1], axis=1)
    assert (found[0] != found[1]).any()
    assert cosine.min() > 0.999


def test_base_weights_tell_the_same_photograph_again(manifest: Manifest, tmp_path: Path) -> None:
    file = SOURCES[ModelRecipe().weights].file
    if not any((place / file).is_file() for place in (cache_folder(), Path(os.environ.get("MPOXLENS_WEIGHTS", "")))):
        pytest.skip("the base weights were not fetched yet on this machine")
    first = frozen_features(manifest, tmp_path / "first.parquet")[1]
    second = frozen_features(manifest, tmp_path / "second.parquet")[1]
    np.testing.assert_allclose(first, second, atol=1e-5)
