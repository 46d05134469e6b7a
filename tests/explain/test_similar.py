"""Similar cases: distances by hand, one case a cluster, and an index that names no file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError
from mpoxlens.explain.concepts.similar import Index, build, workspace_of
from mpoxlens.schema import ImageRecord
from mpoxlens.screening.classify import classify_inputs


@pytest.fixture(scope="module")
def bundle(tiny_path: Path) -> Bundle:
    return Bundle.load(tiny_path)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Six drawings: two clusters of two, one alone, and one under a label that the bundle does not know."""
    root = tmp_path_factory.mktemp("cases")
    records = []
    for n, (label, group) in enumerate(zip(("mpox", "mpox", "measles", "measles", "healthy", "eczema"), "aabbcd")):  # noqa: B905
        path = root / f"ward-{n}.png"
        Image.fromarray(draw(n, size=64, count=4 * (n % 3), tone=60.0 - 20 * n).pixels).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        records.append(ImageRecord(sha256, path.name, label, "ward", None, 64, 64, f"patient-{group}"))
    return Manifest(root, tuple(sorted(records, key=lambda r: r.sha256)))


def test_the_nearest_by_hand_one_a_cluster() -> None:
    directions = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], np.float32)
    index = Index(("1", "2", "3", "4"), ("mpox", "mpox", "measles", "healthy"), ("A", "A", "B", "C"), directions, "x")
    near = index.nearest(np.array([2, 0], np.float32), 2)
    assert [(c.name, c.label, c.cluster, c.others) for c in near] == [("1", "mpox", "A", 1), ("3", "measles", "B", 0)]
    assert [c.distance for c in near] == pytest.approx([0.0, 0.4], abs=1e-6)


def test_a_photo_of_the_index_finds_itself(bundle: Bundle, manifest: Manifest, tmp_path: Path) -> None:
    index = build(bundle, manifest)
    assert sorted(index.labels) == ["healthy", "measles", "measles", "mpox", "mpox"]
    index.write(tmp_path / "index.parquet")
    again = Index.read(tmp_path / "index.parquet", bundle)
    for record in manifest.records:
        if record.label == "eczema":
            continue
        pixels = np.asarray(Image.open(manifest.root / record.path))
        (found,) = classify_inputs(bundle, [bundle.spec.preprocess(pixels)])
        first, *rest = again.nearest(found.embedding)
        assert first.label == record.label
        assert first.distance == pytest.approx(0, abs=1e-5)
        assert len({first.cluster, *(case.cluster for case in rest)}) == 3


def test_the_index_tells_of_no_file(bundle: Bundle, manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "index.parquet"
    build(bundle, manifest).write(path)
    content = path.read_bytes()
    for record in manifest.records:
        for word in (record.path, record.sha256, record.sha256[:12], record.group, record.source):
            assert word.encode() not in content
    assert str(manifest.root).encode() not in content


def test_what_cannot_be_read_is_counted(bundle: Bundle, manifest: Manifest) -> None:
    lost = tuple(
        ImageRecord(r.sha256, "gone.png", r.label, r.source, None, 64, 64, r.group) if r.label == "healthy" else r
        for r in manifest.records
    )
    found = build(bundle, Manifest(manifest.root, lost))
    assert (len(found.cases), found.left_out) == (4, 1)
    with pytest.raises(DataError, match="none of its photographs"):
        build(bundle, Manifest(manifest.root / "nowhere", manifest.records))


def test_an_index_of_another_bundle_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "index.parquet"
    Index(("case 1",), ("mpox",), ("cluster 1",), np.ones((1, 4), np.float32), "f" * 64).write(path)
    with pytest.raises(DataError, match=r"made with another bundle \(ffffffff instead of"):
        Index.read(path, bundle)
    with pytest.raises(DataError, match="no such table yet; mpoxlens explain concepts index"):
        Index.read(tmp_path / "none.parquet", bundle)


def test_a_folder_without_a_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a workspace nor a run"):
        workspace_of(tmp_path)
