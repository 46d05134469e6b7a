"""Links are read back as they were written, and are told from links of other images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.datasets.duplicates.links import Link, export_links, read_links, write_links
from mpoxlens.errors import DataError

A, B, C = (letter * 64 for letter in "abc")
LINKS = [
    Link(A, B, "local-features", 20, 0.512, (0.5, 0.0, 0.25, -0.1, 1.0, 0.0)),
    Link(B, C, "identical", 0, 1.0),
]


@given(st.floats(0, 1), st.lists(st.floats(-9, 9), min_size=6, max_size=6))
def test_links_are_read_back_to_every_digit(
    tmp_path_factory: pytest.TempPathFactory, overlap: float, numbers: list[float]
) -> None:
    path = tmp_path_factory.mktemp("links") / "links.parquet"
    links = [*LINKS, Link(A, C, "local-features", 7, overlap, tuple(numbers))]
    write_links(links, path, "these images")
    assert read_links(path, "these images", "") == links
    assert read_links(path, "others", "") is None


def test_the_csv_has_one_line_a_pair_of_files(tmp_path: Path) -> None:
    files = {A: 'folder/a, "one".png', B: "b.png", C: "c.png"}
    export_links(LINKS, files, [(A, "again.png")], tmp_path / "links.csv")
    assert (tmp_path / "links.csv").read_text().splitlines() == [
        "file_a,file_b,method,inliers,overlap,sha256_a,sha256_b",
        f'"folder/a, ""one"".png",b.png,local-features,20,0.512,{A},{B}',
        f"b.png,c.png,identical,0,1.0,{B},{C}",
        f'"folder/a, ""one"".png",again.png,identical,0,1.0,{A},{A}',
    ]


def test_a_damaged_table_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    (tmp_path / "links.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"links\.parquet: no readable table .*; remove it, then: mpoxlens data dup"):
        read_links(tmp_path / "links.parquet", "", "mpoxlens data duplicates WORK")
