"""The order in which a reviewer sees what there is to decide."""

from review_made import Made

from mpoxlens.datasets.review.queue import Disputed, read_queue


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
