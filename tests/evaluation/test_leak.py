"""Photographs that a bundle has learned from are found in a data set, whatever was done to them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest, clustered
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.evaluation import leak

HOW = {  # file of the data set: from which training photograph, and found how
    "same.png": (0, "sha256"),
    "jpeg.jpg": (1, "print"),
    "mirrored.png": (2, "print"),
    "cropped.jpg": (3, "print"),
}


def image(seed: int) -> Image.Image:
    return Image.fromarray(draw(seed, count=16, stage="vesicle", tone=40 - 6 * (seed % 10), size=400).pixels)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    root = tmp_path_factory.mktemp("learned")
    (root / "mpox").mkdir()
    for seed in range(5):
        image(seed).save(root / "mpox" / f"{seed}.png")
    return collect([root])


@pytest.fixture(scope="module")
def training(learned: Manifest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return {"photographs": leak.record(learned.paths, tmp_path_factory.mktemp("prints"))}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    root = tmp_path_factory.mktemp("other")
    (root / "mpox").mkdir()
    image(0).save(root / "mpox" / "same.png")
    image(1).save(root / "mpox" / "jpeg.jpg", quality=50)
    ImageOps.mirror(image(2)).save(root / "mpox" / "mirrored.png")
    image(3).crop((30, 20, 360, 350)).save(root / "mpox" / "cropped.jpg", quality=80)
    for seed in (50, 51, 52):
        image(seed).save(root / "mpox" / f"new{seed}.png")
    found = collect([root])
    return Manifest(found.root, clustered(found, []))


def test_copies_are_found_by_the_bundles_own_record(
    training: dict[str, object], learned: Manifest, other: Manifest, tmp_path: Path
) -> None:
    found = leak.find(training, other, tmp_path)
    number = {record.sha256: int(Path(record.path).stem) for record in learned.records}
    assert {Path(one.file).name: (number[one.training], one.how) for one in found.shared} == HOW
    assert found.checked == ("sha256", "print")
    assert {Path(r.path).name for r in leak.without(other, found)} == {"new50.png", "new51.png", "new52.png"}


@pytest.mark.slow
def test_the_full_search_finds_them_without_a_record(learned: Manifest, other: Manifest, tmp_path: Path) -> None:
    found = leak.find({}, other, tmp_path, against=learned.root)
    assert {Path(one.file).name: one.how for one in found.shared} == {
        "same.png": "sha256", "jpeg.jpg": "local-features",
        "mirrored.png": "local-features", "cropped.jpg": "local-features",
    }  # fmt: skip
    assert found.checked == ("sha256", "local-features")
    assert found.notes == (leak.NO_RECORD,)


def test_a_bundle_without_a_record_says_so(other: Manifest, tmp_path: Path) -> None:
    found = leak.find({"manifest_sha256": "0" * 64}, other, tmp_path)
    assert (found.checked, found.shared, found.notes) == ((), (), (leak.NO_RECORD,))


@pytest.mark.parametrize("prints", [None, ["A"], "AAAA", 7])
def test_damaged_prints_leave_the_sha256(
    training: dict[str, dict[str, object]], other: Manifest, tmp_path: Path, prints: object
) -> None:
    found = leak.find({"photographs": training["photographs"] | {"prints": prints}}, other, tmp_path)
    assert (found.checked, found.notes) == (("sha256",), (leak.NO_PRINTS,))
    assert [Path(one.file).name for one in found.shared] == ["same.png"]


def test_who_is_in_a_cluster_with_a_shared_photograph_is_left_out_too(tmp_path: Path) -> None:
    (tmp_path / "d" / "mpox").mkdir(parents=True)
    for seed in range(3):
        image(seed).save(tmp_path / "d" / "mpox" / f"{seed}.png")
    (tmp_path / "d" / "labels.csv").write_text(
        "file,label,patient\nmpox/0.png,mpox,a\nmpox/1.png,mpox,a\nmpox/2.png,mpox,b\n"
    )
    work = Workspace(tmp_path / "w")
    ingest(work, [tmp_path / "d"])
    duplicates(work)
    found = apply(work)
    own = {Path(r.path).stem: r.sha256 for r in found.records}
    training = {"photographs": {"method": "of another version", "sha256": [own["0"]], "prints": []}}
    shared = leak.find(training, found, tmp_path / "w" / "prints").shared
    assert [(Path(one.file).stem, one.how) for one in shared] == [("0", "sha256"), ("1", "cluster")]


def test_a_set_that_was_learned_whole_is_refused(
    training: dict[str, object], learned: Manifest, tmp_path: Path
) -> None:
    found = leak.find(training, learned, tmp_path)
    with pytest.raises(DataError, match="learned from all of its 5 photographs"):
        leak.without(learned, found)


def test_the_record_is_small(training: dict[str, dict[str, list[str]]]) -> None:
    known = training["photographs"]
    assert len(known["sha256"]) == len(known["prints"]) == 5
    assert known["sha256"] == sorted(known["sha256"])
    per_photograph = np.mean([len(s) + len(p) + 16 for s, p in zip(known["sha256"], known["prints"], strict=True)])
    assert per_photograph * 572 < 200_000  # of the default bundle's photographs
