"""Which labels and photographs are asked for, and what is said and written of the answer."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pictures_of_labels import framed, made, pictures, save
from pyarrow import parquet

from mpoxlens.datasets.audit.audit import audit
from mpoxlens.datasets.audit.cues import CUES, cues
from mpoxlens.datasets.audit.page import LEAST, words, write_page
from mpoxlens.datasets.duplicates.links import Link, write_links
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import write_manifest
from mpoxlens.datasets.tables import made_of
from mpoxlens.datasets.workspace import photographs_of
from mpoxlens.errors import DataError


@pytest.mark.usefixtures("hasty")
def test_links_that_were_found_keep_copies_together_before_review(tmp_path: Path) -> None:
    work = made(tmp_path, {"mpox": 12, "other": 12})
    shas = {r.path: r.sha256 for r in work.manifest().records}
    pair = sorted(shas[f"mpox/mpox-{n}.bmp"] for n in (0, 1))
    link = Link(pair[0], pair[1], "local-features", 20, 1.0)
    write_links([link], work.table("links"), photographs_of(work.manifest()))
    found = audit(work, shuffles=0)
    assert found.rows[0].clusters == 23
    assert found.notes == (
        f"Of all photographs, as no decisions were applied yet. Then: mpoxlens data apply {work.path}",
    )

    save(next(pictures(1, 9)), tmp_path / "data" / "other" / "late.bmp")
    write_manifest(collect([tmp_path / "data"]), work.table("manifest"))
    late = audit(work, shuffles=0)
    assert late.rows[0].clusters == 25  # the links are of other photographs
    assert f"First: mpoxlens data duplicates {work.path}" in late.notes[0]


@pytest.mark.usefixtures("hasty")
def test_an_audit_of_other_photographs_or_decisions_is_known(tmp_path: Path) -> None:
    work = made(tmp_path, {"mpox": 12, "other": 12})
    found = audit(work, shuffles=0)
    table = work.fresh("audit")
    assert table is not None
    assert table["cue"].to_pylist() == [one.cue for one in found.rows]
    assert made_of(work.table("audit-labels")) == work.state()

    fewer = replace(work.manifest(), records=work.manifest().records[1:])
    write_manifest(fewer, work.table("clean"), work.state("clean"))
    with pytest.raises(DataError, match=r"audit\.parquet: made before .*; mpoxlens data audit"):
        work.fresh("audit")


@pytest.mark.usefixtures("hasty")
def test_every_label_is_asked_for_and_one_can_be_left_out(tmp_path: Path) -> None:
    work = made(tmp_path, {"mpox": 12, "chickenpox": 12, "healthy": 12, "measles": 3})
    found = audit(work, without=["healthy", "nothing"], shuffles=0)
    assert found.questions == (
        ("mpox", ("chickenpox", "measles")),
        ("chickenpox", ("measles", "mpox")),
        ("mpox", ("chickenpox", "healthy", "measles")),
    )
    assert any("label measles: 3 clusters are too few" in note for note in found.notes)
    (unknown,) = (note for note in found.notes if note.startswith("No photograph is labelled nothing"))
    assert unknown.endswith("the labels are chickenpox, healthy, measles, mpox.")
    assert (found.rows[0].photographs, found.readings[-1].photographs) == (27, 39)

    table = parquet.read_table(work.table("audit"))
    assert set(table["positives"].to_pylist()) == {"mpox"}
    assert table["against"].to_pylist()[0] == ["chickenpox", "measles"]
    assert table["auroc"].to_pylist() == [one.auroc for one in found.rows]
    assert parquet.read_table(work.table("audit-labels")).num_rows == len(found.readings)


@pytest.mark.parametrize(
    ("labels", "positive", "without", "against"),
    [
        (("mpox", "measles", "healthy"), "mpox", None, ("measles",)),
        (("mpox", "measles", "healthy"), "mpox", (), ("healthy", "measles")),
        (("mpox", "measles", "healthy"), "mpox", ("measles",), ("healthy",)),
        (("mpox", "measles", "healthy"), "healthy", None, ("measles", "mpox")),
        (("mpox", "healthy"), "mpox", None, ("healthy",)),
    ],
)
@pytest.mark.usefixtures("hasty")
def test_healthy_is_left_out_unless_told_otherwise(
    tmp_path: Path, labels: tuple[str, ...], positive: str, without: tuple[str, ...] | None, against: tuple[str, ...]
) -> None:
    found = audit(made(tmp_path, dict.fromkeys(labels, 6)), positive, without, shuffles=0)
    assert found.questions[0] == (positive, against)
    told = any(note.startswith("Photographs labelled healthy were left out") for note in found.notes)
    assert told == (without is None and "healthy" not in (positive, *against))


def test_a_figure_clearly_below_a_coin_is_explained(tmp_path: Path) -> None:
    work = made(tmp_path, {"mpox": 12, "other": 12})
    found = audit(work, shuffles=0)
    turned = replace(found.rows[-1], auroc=0.23, low=0.10, high=0.38)
    assert words(turned) == "read as chance: turned round between folds"
    assert words(replace(turned, high=0.52)) == "no more than chance gives"
    shown = replace(found, readings=(*found.rows[:-1], turned))
    write_page(shown, work.manifest().records, cues(work), work.path / "turned.html")
    said = f"Clearly below .5: {turned.cue}. What the probe learned of some clusters turned round in others"
    assert said in (work.path / "turned.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("counts", "positive", "without", "says"),
    [
        ({"mpox": 3, "other": 9}, "mpox", (), "label mpox: 3 clusters are too few for 5 folds"),
        ({"mpox": 9, "other": 2}, "mpox", (), "label other: 2 clusters are too few for 5 folds"),
        ({"mpox": 6}, "mpox", (), "nothing is left to tell it from"),
        ({"mpox": 6, "healthy": 6}, "mpox", ("healthy",), "leave out fewer labels"),
        ({"mpox": 6, "other": 6}, "acne", (), "label acne: no photograph has it; name one of mpox, other"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    tmp_path: Path, counts: dict[str, int], positive: str, without: tuple[str, ...], says: str
) -> None:
    work = made(tmp_path, counts)
    with pytest.raises(DataError, match=re.escape(says)):
        audit(work, positive=positive, without=without)
    assert not (work.path / "audit.html").exists()


@pytest.mark.usefixtures("hasty")
def test_a_photograph_that_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    work = made(tmp_path, {"mpox": 12, "other": 12})
    next(iter(work.manifest().paths.values())).unlink()
    found = audit(work, shuffles=0)
    assert found.rows[0].photographs == 23
    assert any(note.startswith("1 photographs could not be read") for note in found.notes)


@pytest.mark.usefixtures("hasty")
def test_the_page_stands_alone_and_speaks(tmp_path: Path) -> None:
    work = made(tmp_path, {"mpox": 12, "other": 12, "<b>few": LEAST - 1}, {"mpox": framed(0.9), "other": framed(0.5)})
    found = audit(work, shuffles=5)
    page = (work.path / "audit.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<link|https?:|//|\bstyle=|url\(", re.sub(r'src="data:image/png[^"]*"', "", page))
    assert page.count("data:image/png;base64,") == 4  # the means of two labels, of two kinds
    assert all("alt=" in image for image in re.findall(r"<img[^>]*>", page))
    assert all("aria-label=" in one or 'aria-hidden="true"' in one for one in re.findall(r"<svg[^>]*>", page))
    assert "<b>few" not in page
    assert f"Fewer than {LEAST} photographs, so not drawn: &lt;b&gt;few" in page
    assert all(f'<th scope="row">{one.cue}</th>' in page for one in found.rows)
    assert "Border ring alone gives" in page


def test_every_cue_is_explained() -> None:
    from mpoxlens.datasets.audit.cue_texts import ABOUT

    assert set(ABOUT) == {cue.name for cue in CUES} | {"background picture", "source"}
    assert {about.measure for about in ABOUT.values()} - {""} <= {name for cue in CUES for name in cue.columns}
