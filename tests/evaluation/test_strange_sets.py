"""What must be refused: a score that knows strange from known gets AUROC 1, one that does not gets chance."""

from collections.abc import Sequence

import numpy as np
from judges import RULES, photographs

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.phantom import draw
from mpoxlens.evaluation.judge import BundleJudge, Judgement
from mpoxlens.evaluation.strange_pictures import SIDE, made, things
from mpoxlens.evaluation.strange_sets import other_labels, strange_sets
from mpoxlens.schema import ImageRecord, Photo, Pixels
from mpoxlens.screening import gate

KNOWN = photographs([draw(i, count=8, size=128).pixels for i in range(6)], [True] * 3 + [False] * 3)


class SizeKnower:
    """Sure of mpox always; finds strange whatever has not the known photographs' size."""

    labels, positive = ("mpox", "other"), 0

    def judge(self, pixels: Sequence[Pixels], _keys: Sequence[str]) -> Judgement:
        score = np.array([0.5 if one.shape[0] == 128 else 2.0 for one in pixels])
        gates = [gate.check(Photo(one, "", "", one.shape[1], one.shape[0])) for one in pixels]
        return RULES.decided(np.full(len(pixels), 0.9), score, gates)


def test_one_that_knows_what_is_strange() -> None:
    found = strange_sets(SizeKnower(), KNOWN, count=5)
    assert found.known.unfamiliar.value == 0.0
    assert found.known.told_likely.value == 1.0
    assert found.known.auroc is None
    for one in found.sets:
        assert one.pictures == 5
        assert one.auroc is not None
        assert (one.auroc.value, one.auroc.low) == (1.0, 1.0)
        assert (one.unfamiliar.value, one.cannot_tell.value, one.told_likely.value) == (1.0, 1.0, 0.0)
    pages = [gate.check(Photo(one, "", "", SIDE, SIDE)).usable for one in made(0, 5)["documents"]]
    assert found.set("documents").refused.value == 1 - np.mean(pages) > 0.5  # white paper has no skin's colour


def test_the_gate_stops_what_the_score_does_not_know(tiny_path) -> None:  # type: ignore[no-untyped-def]
    """The tiny bundle finds nothing strange; only the gate stands against pages, and phantoms pass as skin."""
    found = strange_sets(BundleJudge(Bundle.load(tiny_path, threads=1)), KNOWN, count=5)
    pages, phantoms = found.set("documents"), found.set("phantoms")
    assert pages.unfamiliar.value == phantoms.unfamiliar.value == phantoms.refused.value == 0.0
    assert pages.cannot_tell.value >= pages.refused.value > 0.5
    assert found.verdicts[0].startswith(f"{found.sets[0].name}: ")
    assert found.to_dict()["known"]["auroc"] is None


def test_pictures_are_made_alike_from_the_same_seed() -> None:
    first, again, other = made(0, 2), made(0, 2), made(1, 2)
    assert len(first) == 7
    for name, pictures in first.items():
        assert all(one.shape == (SIDE, SIDE, 3) and one.dtype == np.uint8 for one in pictures), name
        assert all((a == b).all() for a, b in zip(pictures, again[name], strict=True)), name
        assert (pictures[0] != other[name][0]).any(), name
        assert (pictures[0] != pictures[1]).any(), name


def test_things_are_cut_out_of_photographs_that_are_clusters() -> None:
    pictures, of = things(8, 0)
    assert len(pictures) == len(of) == 8
    assert {"palace", "flower"} <= set(of)


def test_labels_that_the_judge_does_not_have_are_strange() -> None:
    def record(i: int, label: str) -> ImageRecord:
        return ImageRecord(str(i), f"{i}.png", label, "made", None, 128, 128, f"group {i}")

    labels = ["mpox", "acne", "healthy", "acne", "eczema", "other"]
    records = [record(i, label) for i, label in enumerate(labels)]
    found = other_labels(records, KNOWN.pixels, ("mpox", "other", "healthy"))
    assert sorted(found) == ["acne", "eczema"]
    assert found["acne"].key == ("1", "3")
    assert found["acne"].cluster == ("group 1", "group 3")
