"""Images without a label: drawn ones vary, and none shows what the student is judged on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest, clustered
from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError
from mpoxlens.evaluation.tone import typology_angle
from mpoxlens.vision.data import TrainingSet
from mpoxlens.vision.unlabelled import phantoms, photographs, with_unlabelled


def test_phantoms_are_of_every_tone_and_some_are_bare() -> None:
    drawn = phantoms(14, 1)
    angles = [typology_angle(pixels) for pixels in drawn]
    assert min(angles) < -20
    assert max(angles) > 45
    relief = [np.abs(np.diff(p.astype(float), axis=0)).max() for p in drawn]
    assert min(relief) * 2 < max(relief)  # bare skin has no edges
    assert np.array_equal(phantoms(1, 1)[0], drawn[0])  # more of them do not change the first
    assert not np.array_equal(phantoms(1, 2)[0], drawn[0])


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A labelled folder of three photographs; an unlabelled one with a copy, a crop, a new photograph and a note."""
    known, new = tmp_path / "known" / "mpox", tmp_path / "new"
    known.mkdir(parents=True)
    new.mkdir()
    drawings = [Image.fromarray(draw(seed, size=384, count=20).pixels) for seed in range(4)]
    for i, drawing in enumerate(drawings[:3]):
        drawing.save(known / f"{i}.png")
    drawings[0].save(new / "copy.png")
    drawings[1].crop((30, 20, 350, 340)).save(new / "crop.jpg", quality=85)
    drawings[3].save(new / "other.png")
    (new / "broken.png").write_bytes(b"no photo")
    return tmp_path / "known", new


def test_what_shows_a_held_out_photograph_is_left_out(folders: tuple[Path, Path]) -> None:
    manifest = read(folders[0])
    cluster = {Path(record.path).stem: record.group for record in manifest.records}
    pool = photographs(folders[1], manifest)
    assert [problem.what for problem in pool.problems] == [str(folders[1] / "broken.png")]
    assert pool.shows == [{cluster["0"]}, {cluster["1"]}, frozenset()]  # copy, crop, other
    copy, crop, other = pool.pixels
    assert copy.shape == other.shape == (384, 384, 3)
    assert [p is q for p, q in zip(pool.without({cluster["1"]}), (copy, other), strict=True)] == [True, True]
    assert [p is other for p in pool.without(set(cluster.values()))] == [True]
    assert len(pool.without({cluster["2"]})) == 3
    assert crop.shape == (320, 320, 3)


def read(folder: Path) -> Manifest:
    """The photographs, each a cluster of its own."""
    found = collect([folder])
    return replace(found, records=clustered(found, []))


def test_an_empty_folder_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no usable photograph in it; name a folder of photographs"):
        photographs(tmp_path / "none", read(folders[0]))


def test_they_join_the_training_set_each_a_cluster_of_its_own_and_rename_the_fit() -> None:
    data = TrainingSet([np.zeros((4, 4, 3), np.uint8)], [2], ["c"], "name")
    drawn = [np.full((4, 4, 3), i, np.uint8) for i in range(2)]
    more = with_unlabelled(data, drawn)
    assert more.targets == [2, -1, -1]
    assert len(set(more.clusters)) == 3
    assert more.identity not in ("name", with_unlabelled(data, drawn[:1]).identity)
    assert with_unlabelled(data, []) is data
