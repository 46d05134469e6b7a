"""No part cuts a cluster, every label is in each, and a split stays when photographs come."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.datasets.split import Split, by_source, check_no_leak, folds, hold_out, sides
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord


def _record(i: int, group: str, label: str = "a", source: str = "s") -> ImageRecord:
    return ImageRecord(f"{i:04d}", f"{i}.png", label, source, None, 9, 9, group)


def _records(groups: list[str]) -> list[ImageRecord]:
    return [_record(i, group, "ab"[i % 2]) for i, group in enumerate(groups)]


def _parts(records: list[ImageRecord], split: Split) -> dict[str, str]:
    return {r.sha256: split.parts[k] for r, k in zip(records, split.part.tolist(), strict=True)}


def test_folds_hold_whole_clusters_and_equal_shares() -> None:
    groups = [str(i // 3) for i in range(60)]
    split = folds(_records(groups), 5, seed=1)
    assert all(len(set(split.part[np.array(groups) == g].tolist())) == 1 for g in set(groups))
    assert np.bincount(split.part).tolist() == [12] * 5
    assert np.array_equal(split.part, folds(_records(groups), 5, seed=1).part)


sizes = st.lists(st.integers(1, 6), min_size=8, max_size=40)


@given(sizes, sizes, st.integers(2, 5), st.integers(0, 99))
def test_every_label_is_spread_as_evenly_as_its_clusters_allow(
    a: list[int], b: list[int], count: int, seed: int
) -> None:
    groups = [
        (f"{label}{g}", label) for label, sizes_ in (("a", a), ("b", b)) for g, n in enumerate(sizes_) for _ in range(n)
    ]
    records = [_record(i, group, label) for i, (group, label) in enumerate(groups)]
    split = folds(records, count, seed)
    check_no_leak(records, [str(k) for k in split.part])
    for label, sizes_ in (("a", a), ("b", b)):
        found = Counter(k for r, k in zip(records, split.part.tolist(), strict=True) if r.label == label)
        assert max(found.values()) - min(found[k] for k in range(count)) <= max(sizes_)  # the greedy's own bound


@given(sizes, sizes, st.integers(0, 99))
def test_what_was_split_stays_when_photographs_come(old: list[int], new: list[int], seed: int) -> None:
    groups = [f"old{g}" for g, n in enumerate(old) for _ in range(n)] + [
        f"new{g}" for g, n in enumerate(new) for _ in range(n)
    ]
    records = [_record(i, group) for i, group in enumerate(groups)]
    before = _parts(records[: sum(old)], folds(records[: sum(old)], 4, seed))
    after = folds(records[::-1], 4, seed, before)
    check_no_leak(records[::-1], [str(k) for k in after.part])
    assert not after.moved
    assert _parts(records[::-1], after).items() >= before.items()


def test_clusters_that_a_new_photograph_joins_move_to_where_most_are() -> None:
    records = [_record(0, "x"), _record(1, "x"), _record(2, "x"), _record(3, "y"), _record(4, "z")]
    before = {"0000": "1", "0001": "1", "0002": "0", "0003": "0", "0004": "1"}
    split = folds(records, 2, 7, before)
    assert split.moved == ("0002",)
    assert _parts(records, split) == before | {"0002": "1"}


def test_a_hold_out_has_about_its_share_of_each_label() -> None:
    records = [_record(i, str(i), "a" if i < 80 else "b") for i in range(100)]
    split = hold_out(records, 0.25, seed=3)
    test = Counter(r.label for r, k in zip(records, split.part.tolist(), strict=True) if split.parts[k] == "test")
    assert test == {"a": 20, "b": 5}


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 20.0])
def test_a_share_that_leaves_a_side_empty_is_refused(share: float) -> None:
    with pytest.raises(DataError, match=rf"share {share:g}: it leaves one side empty; give a number between 0 and 1"):
        hold_out(_records(["x", "y"]), share, seed=1)


def test_leaving_a_source_out_keeps_its_people_out_of_training_too() -> None:
    records = [_record(0, "x", source="p"), _record(1, "x", source="q"), _record(2, "y", source="q")]
    split = by_source(records)
    assert split.parts == ("p", "q")
    train, test = sides(records, split, 0)
    assert (train.tolist(), test.tolist()) == ([2], [0])


def test_one_source_cannot_be_left_out() -> None:
    with pytest.raises(DataError, match="source s: there is no other source; split with folds instead"):
        by_source(_records(["x", "y"]))


def test_a_label_with_too_few_clusters_is_refused() -> None:
    with pytest.raises(DataError, match="label b: 1 cluster is too few for 2 folds; add photographs of other people"):
        folds([_record(0, "x"), _record(1, "y"), _record(2, "z", "b"), _record(3, "z", "b")], 2, 1)


def test_a_leak_is_refused_by_the_names_of_both_files() -> None:
    with pytest.raises(
        DataError, match=r"1 cluster is cut: .* in two parts: 1\.png \(1\) and 0\.png \(0\); split by cluster"
    ):
        check_no_leak(_records(["g", "g"]), ["0", "1"])
    with pytest.raises(
        DataError, match=r"2 clusters are cut: .* 1\.png \(1\) and 0\.png \(0\); 3\.png \(1\) and 2\.png"
    ):
        check_no_leak(_records(["g", "g", "h", "h"]), ["0", "1", "0", "1"])
