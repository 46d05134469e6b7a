"""The card and the README: what they count, and what data hold shown letter by letter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from markdown_it import MarkdownIt
from tables_by_hand import review

import hand_made
from mpoxlens.datasets.export.about import About
from mpoxlens.datasets.export.data_card import cell, quoted
from mpoxlens.datasets.export.export import export
from mpoxlens.datasets.tables import write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.schema import ImageRecord

pytest.importorskip("datasets")


def test_the_card_counts_and_marks_what_nobody_counted(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    dropped = next(r for r in work.manifest().records if r.path == "mpox/4.jpg")
    row = {"cue": "tone", "positives": "mpox", "against": ["measles", "other"], "photographs": 3}
    write_table(
        pa.Table.from_pylist([row | {"auroc": 0.69, "low": 0.6, "high": 0.78}]),
        work.table("audit"),
        work.state("audit"),
    )
    reviews = [review(dropped.sha256, "drop", reason="drawing"), review(records[1].sha256, "relabel", "mpox")]
    facts = export(work, tmp_path / "out", reviews=reviews, about=About(name="Rash | set", licence="CC BY 4.0")).facts
    assert (facts.photographs, facts.ingested, facts.patients, facts.with_patient) == (3, 4, 1, 2)
    assert (facts.groups, facts.alone, facts.largest) == (2, 1, 2)
    assert facts.tones == {"5": 2, "": 1}
    assert facts.dropped == {"drawing": 1}
    assert facts.relabelled == {}  # it already had this label
    card = (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")
    for line in (
        "| mpox | 359814004 (Mpox) | 2 | 2 |",
        "| healthy | none verified | 1 | 1 |",
        "| drawing | 1 |",
        "| not published | 1 |",
        "| tone | mpox | measles, other | 3 | 0.69 (0.60 to 0.78) |",
        "| none known | no licence is known: not to be passed on | 1 |",
        "> **Not to be passed on as it is.** For 1 of 3 photographs no licence is known that permits",
        "- Did the people shown agree? **[to be filled in by the publisher]**",
        "- Licence of the set as a whole: CC BY 4.0",
        "- Repeated photographs were not looked for.",
        "| clinic | not known here: ask its publisher |",
    ):
        assert line in card.splitlines(), line


def test_a_cluster_in_two_parts_is_told_on_the_card(
    work: Workspace, tmp_path: Path, records: list[ImageRecord]
) -> None:
    hand_made.split(work, {r.sha256: str(k % 2) for k, r in enumerate(records)})
    export(work, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out" / "data").iterdir()) == [
        "fold_0-00000-of-00001.parquet",
        "fold_1-00000-of-00001.parquet",
    ]
    assert "**1 clusters stand in several of them**" in (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")


def test_a_decision_of_two_people_counts_as_two(work: Workspace, tmp_path: Path, records: list[ImageRecord]) -> None:
    sha = records[0].sha256
    reviews = [replace(review(sha, "keep"), reviewer=name) for name in ("reviewer-1+reviewer-2", "reviewer-2")]
    assert export(work, tmp_path / "out", reviews=reviews).facts.reviewers == 2


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://t/x.png)",
        r"a\|b",
        "a|b",
        "*a* _b_ __c__ `d` ~~e~~",
        "<img src=x>",
        "&lt;b&gt;",
        r"\\",
        "hand_foot",
        "a!",
    ],
)
def test_what_data_hold_is_shown_letter_by_letter(text: str) -> None:
    table = MarkdownIt("gfm-like", {"linkify": False}).parse(f"| head |\n|---|\n| {cell(text)} |\n")
    (shown,) = (token for token in table if token.type == "inline" and token.content != "head")
    assert {child.type for child in shown.children or ()} <= {"text", "text_special"}
    assert "".join(child.content for child in shown.children or ()) == text


def test_labels_of_any_letters_are_yaml() -> None:
    for text in ('mpox "2022"', "a: b\n- c", "皮肤 \U0001f600", "\x7f\u2028", "a\\", "no"):
        assert yaml.safe_load(f"- {quoted(text)}") == [text]


def test_strange_names_leave_every_page_whole(tmp_path: Path) -> None:
    odd = '![x](http://t/x.png) "a": b\n- c'
    record = hand_made.photograph(tmp_path / "photos", "mpox/1.jpg", 1, source=odd, licence="a|b")
    work = hand_made.workspace(tmp_path / "ws", tmp_path / "photos", [replace(record, label=odd)])
    hand_made.split(work, {record.sha256: "no"})  # which YAML would read as false
    export(work, tmp_path / "out")
    card = (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")
    assert "![" not in card
    assert "| a\\|b | read it before passing anything on | 1 |" in card.splitlines()
    header = yaml.safe_load((tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    label = next(one for one in header["dataset_info"]["features"] if one["name"] == "label")
    assert label["dtype"]["class_label"]["names"] == {"0": odd}
    assert header["configs"][0]["data_files"] == [{"split": "no", "path": "data/no-*.parquet"}]


def test_published_sets_are_cited(tmp_path: Path) -> None:
    record = hand_made.photograph(tmp_path / "photos", "mpox/1.jpg", 1, source="msld_v1")
    export(hand_made.workspace(tmp_path / "ws", tmp_path / "photos", [record]), tmp_path / "out")
    paper = "Monkeypox Skin Lesion Detection Using Deep Learning Models: A Preliminary Feasibility Study"
    card = (tmp_path / "out" / "data-card.md").read_text(encoding="utf-8")
    assert any(line.startswith(f"| msld_v1 | Ali et al., {paper}") for line in card.splitlines())
    assert f"\\nmsld_v1: Ali et al., {paper}" in (tmp_path / "out" / "croissant.json").read_text(encoding="utf-8")
