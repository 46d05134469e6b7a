"""Class folders and tables of one's own; whatever cannot be used is told, and the rest goes on."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mpoxlens.datasets.sources import LAYOUTS, read_source
from mpoxlens.datasets.sources.nouns import fitzpatrick, word
from mpoxlens.errors import DataError

Put = Callable[..., None]


def _pairs(root: Path, layout: str | None = None) -> list[tuple[str, str]]:
    return [(item.path, item.label) for item in read_source(root, layout).labelled]


def _told(root: Path, layout: str | None = None) -> list[str]:
    return [str(problem).replace(str(root), "ROOT") for problem in read_source(root, layout).problems]


def test_the_folder_next_to_the_root_names_the_class(root: Path, put: Put) -> None:
    put("mpox/1.png", "mpox/clinic a/2.JPG", "zoster/3.png")
    (root / "mpox" / "notes.txt").write_text("no photo")
    found = read_source(root)
    assert found.layout == "folders"
    assert found.problems == ()
    assert [(x.path, x.label, x.source) for x in found.labelled] == [
        ("mpox/1.png", "mpox", "data"),
        ("mpox/clinic a/2.JPG", "mpox", "data"),
        ("zoster/3.png", "zoster", "data"),
    ]


def test_photos_in_no_class_folder_and_augmented_ones_are_counted(root: Path, put: Put) -> None:
    put("mpox/1.png", "a.png", "b.png", "Augmented Images/mpox/1.png")
    assert _pairs(root) == [("mpox/1.png", "mpox")]
    assert _told(root) == [
        (
            "ROOT: 1 photo is left out (Augmented Images/mpox/1.png): augmented copies of other photos, which "
            "would stand on both sides of a split; use the originals"
        ),
        (
            "ROOT: 2 photos are left out (a.png the first): nothing says what is on it; add it to the table, or to a "
            "folder named by class"
        ),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_gives_all_that_it_says(root: Path, put: Put, separator: str) -> None:
    put("x/1.png", "x/2.png")
    lines = [
        ["File ", "label", "source", "patient", "tone", "licence"],
        ["x\\1.png", "mpox", "clinic", "p7", "FST5", "CC0"],
        ["./x/2.png", "zoster", "", "", "", ""],
    ]
    (root / "labels.csv").write_text("\ufeff" + "\n".join(separator.join(line) for line in lines), encoding="utf-8")
    one, two = read_source(root).labelled
    assert (one.path, one.label, one.source, one.patient, one.tone, one.licence) == (
        "x/1.png",
        "mpox",
        "clinic",
        "p7",
        "5",
        "CC0",
    )
    assert (two.path, two.label, two.source, two.patient, two.tone, two.licence) == (
        "x/2.png",
        "zoster",
        "data",
        None,
        None,
        "",
    )


def test_parquet_says_the_same_as_csv(root: Path, put: Put) -> None:
    put("1.png", "2.png")
    columns = {"file": ["1.png", "2.png", "3.png"], "label": ["mpox", "measles", None], "tone": [3.0, None, 1.0]}
    parquet.write_table(pa.table(columns), root / "labels.parquet")
    found = read_source(root)
    assert [(x.path, x.label, x.tone) for x in found.labelled] == [("1.png", "mpox", "3"), ("2.png", "measles", None)]
    assert _told(root) == [f"ROOT/labels.parquet:3: 3.png is not in ROOT; {'correct or remove the line'}"]


def test_every_line_that_cannot_be_used_is_told_and_the_rest_goes_on(root: Path, put: Put) -> None:
    put("1.png", "2.png", "3.png", "4.png")
    (root.parent / "secret.png").write_bytes(b"")
    (root / "labels.csv").write_text(
        "file,label\n1.png,mpox\n9.png,mpox\n../secret.png,mpox\n2.png,\n1.png,measles\n1.png,mpox\n,mpox\n3.png,zoster\n"
    )
    assert _pairs(root) == [("1.png", "mpox"), ("3.png", "zoster")]
    assert _told(root) == [
        "ROOT/labels.csv:3: 9.png is not in ROOT; correct or remove the line",
        "ROOT/labels.csv:4: ../secret.png is not in ROOT; correct or remove the line",
        "ROOT/labels.csv:5: 2.png has no label; fill the label or remove the line",
        "ROOT/labels.csv:6: 1.png stands in line 2 already, with other words; keep one of the two lines",
        "ROOT/labels.csv:7: 1.png stands in line 2 already, with the same label; keep one of the two lines",
        "ROOT/labels.csv:8: it names no file; correct or remove the line",
        (
            "ROOT: 1 photo is left out (4.png): nothing says what is on it; add it to the table, or to a "
            "folder named by class"
        ),
    ]


def test_a_table_that_breaks_off_keeps_what_came_before(root: Path, put: Put) -> None:
    put("1.png", "2.png")
    (root / "labels.csv").write_text('file,label\n1.png,mpox\n2.png,"' + "x" * 200_000)
    assert _pairs(root) == [("1.png", "mpox")]
    first, second = _told(root)
    assert first.startswith("ROOT/labels.csv:2: what follows this line is no table (field larger than field limit")
    assert second.startswith("ROOT: 1 photo is left out (2.png)")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.csv", "file\n1.png\n", "labels.csv: column label is missing; add it to the first line"),
        ("labels.csv", "", "labels.csv: column file, label is missing; add it to the first line"),
        ("labels.parquet", "no table", "labels.parquet: cannot be read as Parquet ("),
        ("labels.csv", "file,label\n2.png,mpox\n", "labels.csv:2: 2.png is not in "),
    ],
)
def test_a_table_of_which_nothing_is_left_is_refused(
    root: Path, put: Put, name: str, content: str, message: str
) -> None:
    put("1.png")
    (root / name).write_text(content)
    with pytest.raises(DataError) as refused:
        read_source(root)
    assert message in str(refused.value)
    assert "(the first of 2 problems; no photo is left)" in str(refused.value)


def test_a_closed_table_and_a_closed_folder_are_told(root: Path, put: Put) -> None:
    put("mpox/1.png", "zoster/2.png")
    (root / "zoster").chmod(0)
    if os.access(root / "zoster", os.R_OK):
        pytest.skip("the superuser may read everything")
    try:
        assert _pairs(root) == [("mpox/1.png", "mpox")]
        assert _told(root) == ["ROOT/zoster: cannot be read (Permission denied); check its permissions"]
    finally:
        (root / "zoster").chmod(0o700)
    (root / "labels.csv").write_text("file,label\nmpox/1.png,mpox\n")
    (root / "labels.csv").chmod(0)
    with pytest.raises(DataError, match=r"labels\.csv: cannot be read \(Permission denied\)"):
        read_source(root)
    root.chmod(0)
    try:
        with pytest.raises(DataError, match=r"data: cannot be read \(Permission denied\); check its permissions$"):
            read_source(root)
    finally:
        root.chmod(0o700)


def test_links_are_not_followed_out_of_the_folder_nor_in_circles(root: Path, put: Put) -> None:
    put("mpox/1.png")
    (root / "mpox" / "again").symlink_to(root)
    (root / "mpox" / "alias.png").symlink_to(root / "mpox" / "1.png")
    (root / "mpox" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "mpox" / "out.png").symlink_to("/etc/passwd")
    assert _pairs(root) == [("mpox/1.png", "mpox"), ("mpox/alias.png", "mpox")]
    assert _told(root) == [
        "ROOT/mpox/again: a link to a folder, not followed; move it here",
        "ROOT/mpox/gone.png: a link that leads nowhere; replace or rename it",
        "ROOT/mpox/out.png: a link that leads out of ROOT; replace or rename it",
    ]


def test_a_name_that_is_not_utf_8_is_told(root: Path, put: Put) -> None:
    put("mpox/1.png")
    try:
        Path(os.fsdecode(os.fsencode(root / "mpox") + b"/\xff.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert _told(root) == [r"ROOT/mpox/\udcff.png: its name is not UTF-8; replace or rename it"]


@pytest.mark.parametrize(
    ("name", "layout", "message"),
    [
        (".", None, "no labelled photo in it; add labels.csv (file,label) or one folder a class"),
        ("missing", None, "missing: no such folder; name the data set's folder"),
        (".", "mcis", "layout mcis: no such layout; did you mean mcsi?"),
        (".", "zzz", "layout zzz: no such layout; known are ahsan2022, ddi, "),
        (".", "ddi", "layout ddi: its table is not in this folder; name the folder that was downloaded"),
        (".", "table", "layout table: its table is not in this folder"),
    ],
)
def test_where_nothing_can_be_done_the_reason_is_given(root: Path, name: str, layout: str | None, message: str) -> None:
    with pytest.raises(DataError) as refused:
        read_source(root / name, layout)
    assert message in str(refused.value)


def test_a_folder_that_two_layouts_fit_is_read_as_class_folders(root: Path, put: Put) -> None:
    put("HFMD/MKP_1_01.jpg")
    (root / "ddi_metadata.csv").write_text("DDI_file,skin_tone,disease\n")
    found = read_source(root)
    assert found.layout == "folders"
    assert "looks like ddi and msld_v2, so it is read as class folders; name one with --layout" in str(found.problems)


def test_ones_own_table_goes_before_a_published_layout(root: Path, put: Put) -> None:
    put("HFMD/HFMD_1_01.jpg")
    (root / "labels.csv").write_text("file,label\nHFMD/HFMD_1_01.jpg,mine\n")
    assert _pairs(root) == [("HFMD/HFMD_1_01.jpg", "mine")]
    assert _pairs(root, "msld_v2") == [("HFMD/HFMD_1_01.jpg", "hand_foot_and_mouth")]


_PART = st.sampled_from(["mpox", "zoster", "augmented", "Others", "fold1", ".hidden"])
_FILE = st.sampled_from(["1.png", "2.jpg", "M01_01.jpg", "MKP_1_01.jpg", "table.txt", ".3.png"])


@given(
    st.sets(st.tuples(st.lists(_PART, max_size=2), _FILE).map(lambda x: "/".join([*x[0], x[1]])), max_size=12),
    st.sampled_from([None, "folders", "msld_v1", "msld_v2", "ahsan2022"]),
)
@settings(max_examples=40, deadline=None)
def test_every_photo_is_labelled_or_told(paths: set[str], layout: str | None) -> None:
    """The count of the labelled, of those told one by one, and of those told together is the count on disk."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        root.mkdir()
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(path)
        photos = {p for p in paths if p.endswith(("png", "jpg")) and not re.search(r"(^|/)\.", p)}
        try:
            found = read_source(root, layout)
        except DataError:
            return  # nothing left, and told
        together = [int(n[1]) for p in found.problems if (n := re.match(r"(\d+) photos? (is|are) left out", p.why))]
        alone = {p.what.removeprefix(f"{root}/") for p in found.problems} & photos
        labelled = {item.path for item in found.labelled}
        assert labelled <= photos
        assert not labelled & alone
        assert len(labelled) + len(alone) + sum(together) == len(photos)


@pytest.mark.parametrize(
    ("published", "tone"),
    [
        *[(str(n), str(n)) for n in range(1, 7)],
        *[("FST3", "3"), ("3.0", "3"), ("III", "3"), ("iv", "4"), ("VI", "6"), ("Type II", "2")],
        *[("12", "1-2"), ("34.0", "3-4"), ("56", "5-6"), ("1-2", "1-2"), ("I–II", "1-2")],
        *[(said, None) for said in ("", "-1", "-1.0", "0", "7", "10", "21", "33", "NONE_SELECTED", "unknown")],
    ],
)
def test_fitzpatrick_types_are_written_one_way(published: str, tone: str | None) -> None:
    assert fitzpatrick(published) == tone


def test_words() -> None:
    assert word(" Hand, foot & mouth_disease ") == "hand_foot_mouth_disease"
    assert word("3 Wrongly labelled") == "3_wrongly_labelled"


def test_every_published_layout_says_whose_it_is() -> None:
    for name, layout in LAYOUTS.items():
        assert layout.name == name
        assert ("doi:10." in layout.citation) == (name not in ("table", "folders"))


def test_the_page_lists_every_layout_with_its_citation() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "howto-ingest.md").read_text(encoding="utf-8")
    lines = dict(re.findall(r"^\| `(\w+)` (.*)$", page, re.MULTILINE))
    assert lines.keys() == LAYOUTS.keys()
    for name, layout in LAYOUTS.items():
        first = next(iter(re.findall(r"doi:(10\.[^\s;]+)", layout.citation)), "")
        assert first in lines[name]
        assert layout.licence.partition(" (")[0] in lines[name]
