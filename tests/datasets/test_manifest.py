"""From files to a grouped manifest, with the reviewers' decisions applied."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mpoxlens.datasets.manifest import Review, cluster, collect, read_manifest, read_reviews, write_manifest
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.sources import read_source
from mpoxlens.datasets.split import check_no_leak, folds
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord


def _save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw(seed, size=160).pixels).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for label, seeds in {"mpox": (1, 2), "other": (3, 4)}.items():
        for seed in seeds:
            _save(tmp_path / "data" / label / f"{seed}.png", seed)
    return tmp_path / "data"


def _review(sha256: str, action: str, value: str = "", reason: str = "") -> Review:
    return Review(sha256, action, value, reason, "reviewer-1", "2026-01-01")


def _by_name(root: Path) -> dict[str, str]:
    return {Path(r.path).stem: r.sha256 for r in collect(root).records}


def test_class_folders_give_labels(root: Path) -> None:
    assert [(x.path, x.label) for x in read_source(root)] == [
        ("mpox/1.png", "mpox"),
        ("mpox/2.png", "mpox"),
        ("other/3.png", "other"),
        ("other/4.png", "other"),
    ]


def test_a_table_gives_labels_sources_and_patients(root: Path) -> None:
    (root / "labels.csv").write_text("file,label,source,patient\nmpox/1.png,mpox,clinic,p7\n")
    (item,) = read_source(root)
    assert (item.label, item.source, item.patient) == ("mpox", "clinic", "p7")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file\nmpox/1.png\n", "labels.csv: column label is missing; add it to the first line"),
        ("file,label\nmpox/9.png,mpox\n", "labels.csv:2: mpox/9.png is not in "),
        ("file,label\nmpox/1.png,\n", "labels.csv:2: mpox/1.png has no label; fill the label or remove the line"),
        ("file,label\n../secret.png,mpox\n", "labels.csv:2: ../secret.png is not in "),
    ],
)
def test_a_table_that_cannot_be_used_is_told_by_line(root: Path, table: str, message: str) -> None:
    (root / "labels.csv").write_text(table)
    with pytest.raises(DataError) as refused:
        read_source(root)
    assert message in str(refused.value)


def test_a_broken_file_is_listed_and_the_rest_goes_on(root: Path) -> None:
    (root / "mpox" / "broken.png").write_bytes(b"no picture")
    manifest = collect(root)
    assert len(manifest.records) == 4
    assert manifest.refused == (
        "mpox/broken.png: not a photo in a format that we read; send a JPEG, PNG, WebP or HEIC file",
    )


def test_the_same_file_under_two_labels_is_refused(root: Path) -> None:
    (root / "other" / "copy.png").write_bytes((root / "mpox" / "1.png").read_bytes())
    with pytest.raises(
        DataError, match=r"other/copy\.png: labelled other, and mpox as mpox/1\.png, with the same content"
    ):
        collect(root)


def test_reviews_drop_relabel_flag_and_group(root: Path) -> None:
    sha = _by_name(root)
    reviews = [
        _review(sha["1"], "drop", reason="drawing"),
        _review(sha["2"], "relabel", "other"),
        _review(sha["3"], "flag", reason="doubtful_label"),
        _review(sha["3"], "group", "scene"),
        _review(sha["4"], "group", "scene"),
        _review("0" * 64, "drop"),  # of another copy of the data set
    ]
    manifest = cluster(collect(root, reviews), reviews)
    found = {r.sha256: r for r in manifest.records}
    assert sha["1"] not in found
    assert found[sha["2"]].label == "other"
    assert manifest.flags == {sha["3"]: frozenset({"doubtful_label"})}
    assert found[sha["3"]].group == found[sha["4"]].group != found[sha["2"]].group


def test_a_decisions_file_with_an_unknown_action_is_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("sha256,action,value,reason,reviewer,date\nab,burn,,,r,2026-01-01\n")
    with pytest.raises(
        DataError, match=r"reviews\.csv:2: action 'burn' with value '' is unknown; use drop, flag, group, rel"
    ):
        read_reviews(path)


def test_a_manifest_goes_there_and_back(root: Path, tmp_path: Path) -> None:
    manifest = cluster(collect(root))
    write_manifest(manifest, tmp_path / "manifest.parquet")
    back = read_manifest(tmp_path / "manifest.parquet", root)
    assert back.records == manifest.records
    assert back.sha256 == manifest.sha256


def _records(groups: list[str]) -> list[ImageRecord]:
    return [ImageRecord(str(i), f"{i}.png", "ab"[i % 2], "s", None, 9, 9, g) for i, g in enumerate(groups)]


def test_no_cluster_is_on_two_sides() -> None:
    groups = [str(i // 3) for i in range(60)]
    fold = folds(_records(groups), 5, seed=1)
    assert all(len(set(fold[np.array(groups) == g].tolist())) == 1 for g in set(groups))
    assert np.array_equal(fold, folds(_records(groups), 5, seed=1))


def test_a_leak_is_refused_by_the_names_of_both_files() -> None:
    with pytest.raises(
        DataError, match=r"1\.png: shows the same person or photograph as 0\.png, yet they are in folds 1"
    ):
        check_no_leak(_records(["g", "g"]), np.array([0, 1]))
