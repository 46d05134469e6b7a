"""Tables of links and groups are read back as they were written, and mistakes in them are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.datasets.links import Link, read_links, write_groups, write_links
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

A, B, C = (letter * 64 for letter in "abc")
LINKS = [
    Link(A, B, "local-features", 20, 0.512, (0.5, 0.0, 0.25, -0.1, 1.0, 0.0)),
    Link(B, C, "identical", 0, 1.0),
]
RECORDS = [
    ImageRecord(A, 'folder/a, "one".png', "mpox", "s", None, 10, 10, "g2"),
    ImageRecord(B, "b.png", "mpox", "s", None, 10, 10, "g1"),
]


def test_links_are_read_back(tmp_path: Path) -> None:
    write_links(LINKS, RECORDS, tmp_path / "links.csv")
    assert read_links(tmp_path / "links.csv") == LINKS
    lines = (tmp_path / "links.csv").read_text().splitlines()
    assert lines[0] == "file_a,file_b,method,inliers,overlap,sha256_a,sha256_b,map"
    assert lines[1] == f'"folder/a, ""one"".png",b.png,local-features,20,0.512,{A},{B},0.5 0.0 0.25 -0.1 1.0 0.0'
    assert lines[2] == f"b.png,,identical,0,1.0,{B},{C},"  # no record of c


@given(st.floats(0, 1), st.lists(st.floats(-9, 9), min_size=6, max_size=6))
def test_numbers_keep_every_digit(
    tmp_path_factory: pytest.TempPathFactory, overlap: float, numbers: list[float]
) -> None:
    path = tmp_path_factory.mktemp("links") / "links.csv"
    links = [Link(A, B, "local-features", 7, overlap, tuple(numbers))]
    write_links(links, [], path)
    assert read_links(path) == links


def test_groups_are_sorted_by_group(tmp_path: Path) -> None:
    write_groups(RECORDS, tmp_path / "groups.csv")
    assert (tmp_path / "groups.csv").read_text() == 'file,group\nb.png,g1\n"folder/a, ""one"".png",g2\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file_a,file_b\n", "has no column inliers"),
        ("method,inliers,overlap,sha256_a,sha256_b\nx,many,1,a,b\n", "line 2: invalid literal"),
        ("method,inliers,overlap,sha256_a,sha256_b\nx,3\n", "line 2: could not convert"),
        ("method,inliers,overlap,sha256_a,sha256_b,map\nx,3,1,a,b,1 2 3\n", "line 2: a map of 3 numbers"),
        (None, "cannot be read"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "links.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_links(tmp_path / "links.csv")
