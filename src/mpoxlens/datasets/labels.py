"""Labels to doubt: one photograph under two labels, and labels that out-of-fold predictions contradict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from mpoxlens.datasets.duplicates.groups import group
from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.split import folds
from mpoxlens.datasets.tables import read_table, write_table
from mpoxlens.errors import DataError
from mpoxlens.schema import Floats, ImageRecord

FOLDS = 5
SEED = 7
_SCHEMA = pa.schema(
    [
        ("sha256", pa.string()),
        ("kind", pa.string()),
        ("given", pa.string()),
        ("suggested", pa.string()),
        ("score", pa.float64()),
        ("others", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True)
class Doubt:
    """A photograph whose label is to be looked at."""

    sha256: str
    kind: str  # "conflict" or "mislabel"
    given: str
    suggested: str  # "" when nothing speaks for one label
    score: float  # 0 to 1; higher is surer that the given label is wrong
    others: tuple[str, ...] = ()  # sha256 of what it conflicts with; its own where one file came under two labels


def conflicts(manifest: Manifest, links: Sequence[Link]) -> list[Doubt]:
    """Return every photograph of which a copy or near-duplicate carries another label, the patient not considered."""
    alone = [replace(record, patient=None) for record in manifest.records]
    labels: dict[str, list[tuple[str, str]]] = defaultdict(list)  # cluster: sha256, label
    cluster = {record.sha256: record.group for record in group(alone, links)}
    for record in (*manifest.records, *manifest.copies):
        labels[cluster[record.sha256]].append((record.sha256, record.label))
    found = [_conflict(r, labels[cluster[r.sha256]]) for r in manifest.records]
    return [doubt for doubt in found if doubt]


def _conflict(record: ImageRecord, seen: list[tuple[str, str]]) -> Doubt | None:
    votes = Counter(label for _, label in seen).most_common()
    if len(votes) < 2:
        return None
    suggested = votes[0][0] if votes[0][1] > votes[1][1] else ""
    others = sorted({sha for sha, label in seen if label != record.label})
    score = 1 - dict(votes)[record.label] / len(seen)
    return Doubt(record.sha256, "conflict", record.label, suggested, round(score, 4), tuple(others))


@dataclass(frozen=True, eq=False)
class Predicted:
    """Out-of-fold probabilities: of models that saw nothing of a photograph's cluster."""

    sha256: tuple[str, ...]
    names: tuple[str, ...]  # of the labels
    probabilities: Floats  # [N, C]


def mislabels(records: Sequence[ImageRecord], predicted: Predicted) -> list[Doubt]:
    """Return probable mislabels by confident learning (Northcutt et al., JAIR 2021), as cleanlab finds them.

    Photographs without a prediction, or with a label that is none of the predicted, are passed over.
    """
    from cleanlab.filter import find_label_issues

    of = {record.sha256: record for record in records}
    rows = [i for i, sha in enumerate(predicted.sha256) if sha in of and of[sha].label in predicted.names]
    asked = [of[predicted.sha256[i]] for i in rows]
    given = np.array([predicted.names.index(record.label) for record in asked])
    probability = predicted.probabilities[rows]
    wrong = find_label_issues(given, probability, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        Doubt(
            sha256=asked[i].sha256,
            kind="mislabel",
            given=asked[i].label,
            suggested=predicted.names[int(probability[i].argmax())],
            score=round(1 - float(probability[i, given[i]]), 4),
        )
        for i in wrong.tolist()
    ]


def probe(records: Sequence[ImageRecord], features: Floats) -> Predicted:
    """Predict out of fold by a logistic regression on frozen features [N, D].

    Raises:
        DataError: a label has fewer clusters than there are folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = sorted({record.label for record in records})
    target = np.array([names.index(record.label) for record in records])
    found = np.zeros((len(records), len(names)), np.float32)
    part = folds(records, FOLDS, SEED).part
    for k in range(FOLDS):
        # Standardised features add up, so the more there are, the less each may weigh.
        model = make_pipeline(StandardScaler(), LogisticRegression(C=10 / features.shape[1], max_iter=2000))
        model.fit(features[part != k], target[part != k])
        found[part == k] = model.predict_proba(features[part == k])
    return Predicted(tuple(record.sha256 for record in records), tuple(names), found)


def read_predicted(path: Path) -> Predicted:
    """Return the probabilities of a run's out-of-fold table, uncalibrated.

    Raises:
        DataError: it is missing, damaged, or has no logits.
    """
    table = read_table(path, "name the predictions.parquet of a training run")
    columns = [column for column in table.column_names if column.startswith("logit_")]
    if not columns or "sha256" not in table.column_names:
        raise DataError(str(path), "no table of out-of-fold predictions", "name the predictions.parquet of a run")
    logits = np.stack([table[column].to_numpy() for column in columns], axis=1).astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    names = tuple(column.removeprefix("logit_") for column in columns)
    return Predicted(tuple(table["sha256"].to_pylist()), names, (odds / odds.sum(axis=1, keepdims=True)))


def write_doubts(doubts: Sequence[Doubt], path: Path, of: str = "") -> None:
    """Write the table of doubts, the surest first; `of` names what it was made from."""
    ordered = sorted(doubts, key=lambda d: (d.kind, -d.score, d.sha256))
    write_table(pa.Table.from_pylist([asdict(doubt) for doubt in ordered], _SCHEMA), path, of)
