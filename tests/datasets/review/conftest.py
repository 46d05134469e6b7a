"""A small data set of drawings that holds something of every kind to review."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from review_made import Made

from mpoxlens.datasets.duplicates.links import write_links
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.steps import ingest
from mpoxlens.datasets.tables import write_table
from mpoxlens.datasets.workspace import Workspace, photographs_of

TEXTS = pa.list_(pa.string())


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x010F] = "A maker of cameras"
    Image.fromarray(pixels).save(path, quality=90, exif=exif)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photographs")
    one = draw(1, size=320).pixels
    _save(one, root / "mpox" / "one.jpg")
    _save(one[40:280, 60:300], root / "mpox" / "crop.jpg")
    _save(one[:, ::-1].copy(), root / "measles" / "mirror.jpg")
    for seed, name in (
        (2, "mpox/pair.jpg"),
        (3, "mpox/pair2.jpg"),
        (4, "healthy/flagged.jpg"),
        (5, "healthy/doubted.jpg"),
    ):
        _save(draw(seed, size=200).pixels, root / name)
    _save(draw(6, size=200, count=0).pixels, root / "healthy" / "twice.jpg")
    (root / "measles" / "again.jpg").write_bytes((root / "healthy" / "twice.jpg").read_bytes())
    _save(draw(7, size=200, count=0).pixels, root / "healthy" / "plain.jpg")
    return root


@pytest.fixture
def bare(photographs: Path, tmp_path: Path) -> Made:
    """Only a manifest."""
    work = Workspace(tmp_path / "work")
    found = ingest(work, [photographs])
    return Made(work, {Path(record.path).stem: record.sha256 for record in found.records})


@pytest.fixture
def made(bare: Made) -> Made:
    """All tables: `one`, `crop` and `mirror` are linked in a row, and so are `pair` and `pair2`."""
    work, sha = bare.work, bare.sha
    links = [bare.link("one", "crop", 120), bare.link("one", "mirror", 200), bare.link("pair", "pair2", 9)]
    write_links(links, work.table("links"), photographs_of(work.manifest()))
    quality = [
        {"sha256": each, "flags": ["face", "lowres"] if name == "flagged" else [],
         "faces": ["0.300 0.200 0.250 0.300"] if name == "flagged" else [], "problem": ""}
        for name, each in sha.items()
    ]  # fmt: skip
    schema = pa.schema({"sha256": pa.string(), "flags": TEXTS, "faces": TEXTS, "problem": pa.string()})
    write_table(pa.Table.from_pylist(quality, schema), work.table("quality"), work.state("quality"))
    labels = [
        {"sha256": sha["mirror"], "kind": "conflict", "given": "measles", "suggested": "mpox", "score": 0.67,
         "others": [sha["one"], sha["crop"]]},
        {"sha256": sha["one"], "kind": "conflict", "given": "mpox", "suggested": "mpox", "score": 0.33,
         "others": [sha["mirror"]]},
        {"sha256": sha["doubted"], "kind": "mislabel", "given": "healthy", "suggested": "mpox", "score": 0.93,
         "others": []},
    ]  # fmt: skip
    write_table(pa.Table.from_pylist(labels), work.table("labels"), work.state("labels"))
    return bare
