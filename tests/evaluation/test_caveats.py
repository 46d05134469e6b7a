"""What may be chance, or rests on few people, is said; what is neither is left alone."""

from typing import Any

import pytest

from mpoxlens.evaluation.caveats import caveats

FEW = "Only 12 clusters: intervals from so few are too narrow."
CHANCE = "Not shown to be of use: the AUROC's interval, {}, does not lie above .5, which is chance."
NONE = "No AUROC: it needs mpox and others that the bundle has a label for, and {} mpox."


def question(value: float | None, low: float | None, high: float | None, **counts: int) -> dict[str, Any]:
    return {"auroc": {"value": value, "low": low, "high": high}, "photos": 60, "mpox": 30, "clusters": 40} | counts


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (question(0.9, 0.8, 0.95), []),
        (question(0.9, 0.8, 0.95, clusters=12), [FEW]),
        (question(0.6, 0.5, 0.7), [CHANCE.format("0.500 to 0.700")]),
        (question(0.2, 0.1, 0.3, clusters=12), [CHANCE.format("0.100 to 0.300"), FEW]),
        (question(0.6, None, None), ["Not shown to be of use: the AUROC has no interval."]),
        (question(None, None, None, mpox=60), [NONE.format("all 60 are")]),
        (question(None, None, None, mpox=0), [NONE.format("none of the 60 is")]),
    ],
    ids=["well", "few", "touches chance", "below chance", "no interval", "mpox alone", "no mpox"],
)
def test_caveats(asked: dict[str, Any], said: list[str]) -> None:
    assert list(caveats(asked)) == said
