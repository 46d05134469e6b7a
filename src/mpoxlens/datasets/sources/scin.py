"""SCIN, Skin Condition Image Network, Ward et al. 2024: some 10,000 photographs that 5,000 people in the US gave.

`scin_cases.csv` (case, up to three photographs, Fitzpatrick type as people answered) and `scin_labels.csv` (the
dermatologists' weighted differential). A case is one person's, so its id is the patient. The label is the condition
of the largest weight, the first of equals; below one half it is flagged. Some photographs stand in two cases: the
first is taken and the other told.
"""

from __future__ import annotations

import ast

from mpoxlens.datasets.sources.nouns import Entry, Found, Layout, LeftOut
from mpoxlens.datasets.sources.tables import rows
from mpoxlens.datasets.sources.tree import Tree
from mpoxlens.errors import DataError

CASES = ("scin_cases.csv", "dataset_scin_cases.csv")
LABELS = ("scin_labels.csv", "dataset_scin_labels.csv")
IMAGES = ("image_1_path", "image_2_path", "image_3_path")
DOUBTFUL = "label_weight_below_half"


def _read(tree: Tree) -> Found:
    weighted = _weights(tree)
    ungraded: list[str] = []
    for where, row in rows(tree.table(*CASES), ("case_id", *IMAGES[:1]), "scin"):
        case = row["case_id"]
        photos = [tree.find(row[image]) for image in IMAGES if row.get(image)]
        try:
            label, weight = _first(weighted.get(case, ""))
        except (ValueError, SyntaxError):
            yield DataError(where, f"the labels of case {case} are no weights by condition", "download the table anew")
            continue
        if not label:
            ungraded += [path for path in photos if path in tree.known]
            continue
        flags = (DOUBTFUL,) if weight < 0.5 else ()
        tone = row.get("fitzpatrick_skin_type", "")
        for path in photos:
            yield Entry(where, path, label, patient=case, tone=tone, flags=flags)
    if ungraded:
        yield LeftOut(tuple(ungraded), "no dermatologist named a condition", "nothing to mend")


def _weights(tree: Tree) -> dict[str, str]:
    """Return each case's weighted conditions, as written."""
    needs = ("case_id", "weighted_skin_condition_label")
    return {row["case_id"]: row["weighted_skin_condition_label"] for _, row in rows(tree.table(*LABELS), needs, "scin")}


def _first(written: str) -> tuple[str, float]:
    """Return the heaviest condition of "{'Eczema': 0.69, 'Psoriasis': 0.31}"; an empty one when there is none."""
    weights = ast.literal_eval(written or "{}")
    if not isinstance(weights, dict) or not all(isinstance(w, float | int) for w in weights.values()):
        raise ValueError(written)
    return max(weights.items(), key=lambda item: item[1], default=("", 0.0))


LAYOUT = Layout(
    "scin",
    lambda tree: tree.table(*CASES) is not None and tree.table(*LABELS) is not None,
    _read,
    licence="SCIN Data Use License",
    citation="Ward et al., Creating an Empirical Dermatology Dataset Through Crowdsourcing With Web Search "
    "Advertisements, JAMA Network Open 7(11):e2446615, 2024, doi:10.1001/jamanetworkopen.2024.46615",
    labels={
        "acne_vulgaris": "acne",
        "hand_foot_and_mouth_disease": "hand_foot_and_mouth",
        "varicella": "chickenpox",
    },
    open_words=True,
)
