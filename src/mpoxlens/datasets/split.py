"""Folds that no cluster crosses, with every label in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord

Folds = NDArray[np.int64]


def folds(records: Sequence[ImageRecord], count: int, seed: int) -> Folds:
    """Return the fold [N] of each record, stratified by label, grouped by cluster.

    Raises:
        DataError: a label has fewer clusters than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    labels = [r.label for r in records]
    clusters = [r.group for r in records]
    _check_enough(labels, clusters, count)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    fold = np.zeros(len(records), dtype=np.int64)
    for k, (_, test) in enumerate(splitter.split(labels, labels, clusters)):
        fold[test] = k
    check_no_leak(records, fold)
    return fold


def check_no_leak(records: Sequence[ImageRecord], fold: Folds) -> None:
    """Refuse folds that cut a cluster.

    Raises:
        DataError: names the two files.
    """
    first: dict[str, tuple[int, str]] = {}
    for record, k in zip(records, fold.tolist(), strict=True):
        seen, path = first.setdefault(record.group, (k, record.path))
        if seen != k:
            why = f"shows the same person or photograph as {path}, yet they are in folds {k} and {seen}"
            raise DataError(record.path, why, "split by cluster")


def _check_enough(labels: Sequence[str], clusters: Sequence[str], count: int) -> None:
    for label, n in Counter(label for label, _ in set(zip(labels, clusters, strict=True))).items():
        if n < count:
            why = f"{n} clusters are too few for {count} folds"
            raise DataError(f"label {label}", why, f"add photographs or set folds = {n}")
