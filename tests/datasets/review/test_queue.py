"""The order in which a reviewer sees what there is to decide."""

import shutil
from pathlib import Path

from review_made import Made

from mpoxlens.datasets.phantom import draw, save
from mpoxlens.datasets.review.queue import Disputed, read_queue
from mpoxlens.datasets.steps import ingest


def _named(made: Made, shas: tuple[str, ...]) -> set[str]:
    return {name for name, sha in made.sha.items() if sha in shas}


def test_the_queue_is_in_the_order_of_need(made: Made) -> None:
    queue = read_queue(made.work, [Disputed(made.sha["plain"], "a: keep; b: drop")])
    assert [(item.kind, _named(made, item.photographs)) for item in queue.items] == [
        ("disagreement", {"plain"}),
        ("conflict", {"twice"}),
        ("conflict", {"one", "crop", "mirror"}),
        ("mislabel", {"doubted"}),
        ("group", {"pair", "pair2"}),
        ("flag", {"flagged"}),
        ("other", {"plain"}),
    ]
    assert queue.items[1].text == "One file, labelled healthy and measles"
    assert queue.items[2].text == "3 copies of one photograph, labelled measles and mpox"
    assert queue.items[3].text == "Labelled healthy, looks like mpox (score 0.93)"
    assert queue.notes == ()


def test_a_manifest_alone_is_enough(bare: Made) -> None:
    queue = read_queue(bare.work)
    # label_conflict is a flag of the manifest itself; all else is looked at in the order of the files
    assert [item.kind for item in queue.items] == ["conflict"] + ["other"] * 8
    assert [next(iter(_named(bare, item.photographs))) for item in queue.items[1:4]] == ["doubted", "flagged", "plain"]
    assert [note.split("; ")[1].split(" /")[0] for note in queue.notes] == [
        "mpoxlens data duplicates",
        "mpoxlens data quality",
        "mpoxlens data labels",
    ]


def test_tables_of_earlier_photographs_are_left_out_with_a_note(made: Made, photographs: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    shutil.copytree(photographs, more)
    save(draw(9, size=160), more / "mpox" / "new.png")
    ingest(made.work, [more])
    queue = read_queue(made.work)
    assert {item.kind for item in queue.items} == {"conflict", "other"}
    assert [note.rpartition("mpoxlens data ")[2].split()[0] for note in queue.notes] == [
        "duplicates", "quality", "labels",
    ]  # fmt: skip
    assert all("made before the last photographs" in note for note in queue.notes)
