"""Groups join what belongs together, in whatever order it comes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.datasets.duplicates.groups import group
from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.schema import ImageRecord


def record(name: str, patient: str | None = None, source: str = "s") -> ImageRecord:
    return ImageRecord(name * 64, f"{name}.png", "mpox", source, patient, 10, 10, "")


def link(a: str, b: str) -> Link:
    return Link(a * 64, b * 64, "local-features", 20, 1.0)


def test_group_joins_chains_and_patients_of_one_source() -> None:
    records = [record("a"), record("b", "1"), record("c"), record("d", "1"), record("e", "1", "other"), record("f")]
    groups = [one.group for one in group(records, [link("c", "d"), link("a", "c")])]
    assert groups == [letter * 12 for letter in "aaaaef"]
    assert [one.sha256 for one in group(records, [])] == [one.sha256 for one in records]


def test_an_image_that_is_not_there_joins_nobody() -> None:
    groups = [one.group for one in group([record("a"), record("c")], [link("b", "c"), link("a", "b")])]
    assert groups == ["a" * 12, "c" * 12]


@given(st.permutations([*itertools.pairwise("abcd"), ("f", "e")]), st.permutations("abcdefg"))
def test_groups_do_not_depend_on_order(pairs: list[tuple[str, str]], names: list[str]) -> None:
    groups = {one.sha256[0]: one.group[0] for one in group([record(n) for n in names], [link(*p) for p in pairs])}
    assert groups == dict(zip("abcdefg", "aaaaeeg", strict=True))
