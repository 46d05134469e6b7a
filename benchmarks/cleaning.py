"""Claim: what cleaning and grouping change in a figure, on the shared photographs.

One probe (logistic regression on frozen ImageNet features of EfficientNet-Lite0, five folds), three data sets: the
files as published with every file its own group, the same files in their groups, and what is left after review in its
groups. Intervals are by the final groups throughout. The second probe, the label of the nearest photograph on the
learning side, remembers and nothing else. Then what cheap cues tell of mpox against the other rashes, before and after
(see `mpoxlens data audit`), and how far the two readers agree.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import record
from mpoxlens.datasets.audit.audit import audit
from mpoxlens.datasets.labels import FOLDS, SEED, probe
from mpoxlens.datasets.manifest import Manifest, clustered
from mpoxlens.datasets.review.kappa import agreement
from mpoxlens.datasets.reviews import read_reviews, reviewed_links
from mpoxlens.datasets.split import folds
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.evaluation.metrics import Figure, auroc, with_interval
from mpoxlens.schema import Floats, ImageRecord
from mpoxlens.vision.features import frozen_features

DATA = record.ROOT.parent / "shared" / "data" / "skin"
REVIEWS = ("common.csv", "third-reading.csv")
RASH = ("mpox", "chickenpox", "measles")


def main() -> None:
    """Ingest, find copies, apply the decisions, and probe each of the three."""
    parser = record.arguments(__doc__)
    parser.add_argument("--work", type=Path, help="keep the workspace here, so that a second run is quick")
    options = parser.parse_args()
    if not DATA.is_dir():
        print("the shared photographs are not on this machine: nothing measured")
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = Workspace(options.work or Path(scratch))
        rows = list(measured(work))
    notes = "Shared photographs, 621 distinct files; mpox against the other labels; five folds."
    record.finish("cleaning", rows, quick=options.quick, notes=notes, packages=("mpoxlens", "scikit-learn", "timm"))


def measured(work: Workspace) -> list[record.Row]:
    """Return the figures of the three data sets."""
    ingest(work, [DATA])
    duplicates(work)
    work.table("clean").unlink(missing_ok=True)  # so that the first audit is of what was published
    before = audit(work, without=("healthy",), shuffles=0)
    reviews = [one for name in REVIEWS for one in read_reviews(record.ROOT / "reviews" / name)]
    clean, found = apply(work, reviews), work.manifest()
    grouped = replace(found, records=clustered(found, reviewed_links(work.links(), reviews)))
    alone = replace(found, records=tuple(replace(r, group=r.sha256) for r in found.records))
    feature = dict(
        zip([r.sha256 for r in found.records], frozen_features(found, work.table("features"))[1], strict=True)
    )
    final = {r.sha256: r.group for r in grouped.records}
    rows = [
        record.Row("photographs as published", len(found.records), ""),
        record.Row("groups among them", len(set(final.values())), ""),
        record.Row("photographs after review", len(clean.records), ""),
        record.Row("groups among them, after review", len({r.group for r in clean.records}), ""),
    ]
    sets: dict[str, Manifest] = {"as published": alone, "grouped": grouped, "grouped and reviewed": clean}
    for name, data in sets.items():
        for question, labels in (("rash only", RASH), ("with healthy", (*RASH, "healthy"))):
            records = [r for r in data.records if r.label in labels]
            features = np.stack([feature[r.sha256] for r in records])
            for what, figure in _figures(records, features, [final[r.sha256] for r in records]).items():
                rows.append(
                    record.Row(f"{name}, {question}: {what} [{figure.low:.3f}–{figure.high:.3f}]", figure.value, "")
                )
    after = {one.cue: one for one in audit(work, without=("healthy",), shuffles=0).rows}
    for one in before.rows:
        for name, seen in (("as published", one), ("grouped and reviewed", after[one.cue])):
            measure = f"{name}: mpox told from other rashes by {one.cue} alone [{seen.low:.3f}–{seen.high:.3f}]"
            rows.append(record.Row(measure, seen.auroc, ""))
    return [*rows, *_agreement(work)]


def _agreement(work: Workspace) -> Iterator[record.Row]:
    """Give what the readers decided, and how far they agree."""
    one, other = (read_reviews(record.ROOT / "reviews" / f"reviewer-{n}.csv") for n in (1, 2))
    for reason, count in Counter(r.reason for r in work.reviews() if r.action == "drop").most_common():
        yield record.Row(f"left out: {reason}", count, "")
    found = agreement(one, other, work.clustered())
    for name, figure in (("keep, drop or relabel", found.kappa), *found.kappa_flags.items()):
        yield record.Row(f"Cohen's kappa, {name} [{figure.low:.2f}–{figure.high:.2f}]", figure.value, "")


def _figures(records: list[ImageRecord], features: Floats, final: list[str]) -> dict[str, Figure]:
    predicted = probe(records, features)
    positive = np.array([r.label == "mpox" for r in records])
    score = predicted.probabilities[:, predicted.names.index("mpox")].astype(np.float64)
    near = _nearest_says_mpox(records, features)
    return {
        "AUROC of the probe": with_interval(lambda rows: auroc(positive[rows], score[rows]), final),
        "nearest photograph right": with_interval(lambda rows: float((near == positive)[rows].mean()), final),
    }


def _nearest_says_mpox(records: list[ImageRecord], features: Floats) -> np.ndarray:
    part = folds(records, FOLDS, SEED).part
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    alike = unit @ unit.T
    alike[part[:, None] == part[None, :]] = -np.inf
    return np.array([records[i].label == "mpox" for i in alike.argmax(axis=1)])


if __name__ == "__main__":
    main()
