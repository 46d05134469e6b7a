"""Which labels are to be looked at."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.labels import conflicts, mislabels, probe, read_predicted, write_doubts
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord


def _record(name: str, label: str, patient: str | None = None, group: str = "") -> ImageRecord:
    return ImageRecord(name, f"{name}.png", label, "s", patient, 9, 9, group or name)


def _link(a: str, b: str) -> Link:
    return Link(a, b, "local-features", 30, 1.0)


def test_near_duplicates_under_two_labels_conflict_and_the_majority_is_suggested() -> None:
    records = (_record("a", "mpox"), _record("b", "mpox"), _record("c", "measles"), _record("d", "measles"))
    found = conflicts(Manifest(Path(), records), [_link("a", "b"), _link("b", "c")])
    assert [(d.sha256, d.given, d.suggested, d.others) for d in found] == [
        ("a", "mpox", "mpox", ("c",)),
        ("b", "mpox", "mpox", ("c",)),
        ("c", "measles", "mpox", ("a", "b")),
    ]
    assert [d.score for d in found] == [0.3333, 0.3333, 0.6667]


def test_one_file_under_two_labels_conflicts_with_itself() -> None:
    found = conflicts(Manifest(Path(), (_record("a", "mpox"),), (_record("a", "measles"),)), [])
    assert [(d.suggested, d.score, d.others) for d in found] == [("", 0.5, ("a",))]


def test_a_patient_with_two_diseases_is_no_conflict() -> None:
    records = (_record("a", "mpox", "p"), _record("b", "healthy", "p"))
    assert conflicts(Manifest(Path(), records), []) == []


def _clouds(n: int = 60) -> tuple[list[ImageRecord], np.ndarray]:
    """Two labels far apart; the first photograph of each carries the other's label."""
    features = np.random.default_rng(1).normal(size=(2 * n, 4)).astype(np.float32)
    features[n:] += 6
    records = [_record(f"{i:03d}", "ab"[i >= n]) for i in range(2 * n)]
    return [_record(r.sha256, "ba"[i >= n]) if i in (0, n) else r for i, r in enumerate(records)], features


def test_planted_mislabels_are_found_and_nothing_else() -> None:
    records, features = _clouds()
    found = mislabels(records, probe(records, features))
    assert {(d.sha256, d.given, d.suggested) for d in found} == {("000", "b", "a"), ("060", "a", "b")}
    assert all(d.score > 0.9 for d in found)


def test_a_probe_never_learns_from_the_cluster_that_it_judges() -> None:
    """A feature that names the cluster is of no use where whole clusters are held out."""
    records = [_record(f"{i:03d}", "ab"[i // 2 % 2], group=f"g{i // 2}") for i in range(80)]
    features = np.repeat(np.eye(40, dtype=np.float32), 2, axis=0)
    names_the_label = probe(records, features)
    given = np.array([names_the_label.names.index(r.label) for r in records])
    right = names_the_label.probabilities.argmax(axis=1) == given
    assert right.mean() <= 0.5


def test_photographs_without_a_prediction_are_passed_over() -> None:
    records, features = _clouds()
    predicted = probe(records, features)
    assert len(mislabels(records[1:], predicted)) == 1


def test_a_run_s_out_of_fold_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    parquet.write_table(pa.table({"sha256": ["x"], "logit_mpox": [np.log(3.0)], "logit_acne": [0.0]}), path)
    found = read_predicted(path)
    assert (found.sha256, found.names) == (("x",), ("mpox", "acne"))
    np.testing.assert_allclose(found.probabilities, [[0.75, 0.25]])
    parquet.write_table(pa.table({"sha256": ["x"]}), path)
    with pytest.raises(DataError, match=r"no table of out-of-fold predictions; name the predictions\.parquet of a run"):
        read_predicted(path)


def test_the_surest_doubt_stands_first(tmp_path: Path) -> None:
    records, features = _clouds()
    write_doubts(mislabels(records, probe(records, features)), tmp_path / "labels.parquet")
    scores = parquet.read_table(tmp_path / "labels.parquet")["score"].to_pylist()
    assert scores == sorted(scores, reverse=True)
