"""What the encoders see: looked at once, the same as at the model itself, and never a variant of what is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from vlm_data import Drawn, drawn

from mpoxlens.errors import DataError
from mpoxlens.photo import read_photo
from mpoxlens.vlm.base import build
from mpoxlens.vlm.features import Picture, Shown, VisualFeatures, preprocess_of, visual_features


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn(tmp_path_factory.mktemp("drawn"))


def again(data: Drawn, *pictures: Picture, **more: int) -> VisualFeatures:
    root = data.manifest.root
    return visual_features(build("tiny")[0], pictures, data.manifest.paths, root / "seen.parquet", **more)


def test_a_plain_view_is_what_the_model_makes_of_the_photograph(data: Drawn) -> None:
    model, _ = build("tiny")
    record = data.manifest.records[0]
    pixels = read_photo(data.manifest.paths[record.sha256]).pixels
    inputs = [torch.from_numpy(spec(pixels))[None] for spec in preprocess_of(model.config)]
    with torch.no_grad():
        wanted = {"photo_features": model.encode_photo(inputs[0]), "skin_features": model.encode_skin(inputs[1])}
    found = data.features.batch([Shown(Picture(record.sha256).key)])
    for name, features in wanted.items():
        torch.testing.assert_close(found[name], features, atol=0.05, rtol=0.05)  # bfloat16 on some processors
    pooled = data.features.pooled([Shown(record.sha256)])
    np.testing.assert_allclose(pooled[0], found["photo_features"][0].numpy().mean(axis=0), atol=1e-6)


def test_two_pictures_over_each_other_are_their_weighted_mean(data: Drawn) -> None:
    one, other = (Shown(record.sha256, view) for view, record in enumerate(data.manifest.records[:2]))
    mixed = replace(one, other=other, share=0.25)
    first, second, both = (data.features.batch([look]) for look in (one, other, mixed))
    for name, found in both.items():
        torch.testing.assert_close(found, 0.75 * first[name] + 0.25 * second[name])
    alone = data.features.pooled([one, other])
    np.testing.assert_allclose(data.features.pooled([mixed])[0], 0.75 * alone[0] + 0.25 * alone[1], atol=1e-6)


def test_photographs_have_variants_and_drawings_have_none(data: Drawn) -> None:
    for one in map(Picture.of, data.stored):
        assert data.features.views(one.key) == (2 if one.varied else 1)
    plain = data.manifest.records[0].sha256
    assert not Picture(plain, "blur 2.5").varied
    assert not Picture("phantom:3").varied
    seen = data.features.photo[plain]
    assert np.abs(seen[0].astype(float) - seen[1]).max() > 0.01


def test_what_was_looked_at_is_not_looked_at_again(data: Drawn, tmp_path: Path) -> None:
    plain = Picture(data.manifest.records[0].sha256)
    data.manifest.paths[plain.sha256].rename(tmp_path / "away.jpg")
    try:
        kept = again(data, plain, views=2)
        assert kept.photo[plain.key].tobytes() == data.features.photo[plain.key].tobytes()
        with pytest.raises(DataError, match=f"picture {plain.key}: .*ingest the photographs"):
            again(data, plain, views=3)
    finally:
        (tmp_path / "away.jpg").rename(data.manifest.paths[plain.sha256])


def test_an_unknown_picture_is_refused(data: Drawn) -> None:
    with pytest.raises(DataError, match="no photograph of this data set"):
        again(data, Picture("f" * 64))
