"""The table of predictions that every figure is computed from, and the only thing that metrics read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mpoxlens.datasets.tables import read_table, write_table
from mpoxlens.errors import DataError
from mpoxlens.schema import Floats

MEND = "mpoxlens crossval RECIPE --data DIR --out RUN"
LOGIT = "logit_"
_FIXED = {"sha256": pa.string(), "label": pa.string(), "cluster": pa.string(), "fold": pa.int64(),
          "repeat": pa.int64(), "strange": pa.float64()}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Predictions:
    """Photographs judged by a network that saw nothing of their cluster: out of fold, or of another data set.

    A photograph has one row a repeat of the cross-validation. Predictions of another data set are fold 0 of repeat 0.

    Raises:
        DataError: columns differ in length, a number is not finite, a label is unknown, a photograph comes twice in a
            repeat, or a cluster lies in two folds of a repeat.
    """

    labels: tuple[str, ...]  # in the order of the logits
    sha256: tuple[str, ...]
    target: np.ndarray  # [N] int64, index of the label
    cluster: tuple[str, ...]  # resampled whole, so that the repeats of a photograph stay together
    fold: np.ndarray  # [N] int64
    repeat: np.ndarray  # [N] int64
    logits: Floats  # [N, C]
    strange: np.ndarray  # [N] float64, out-of-distribution score by statistics of the fold's training side
    positive: int = 0  # index of the label that is asked for

    def __post_init__(self) -> None:
        for holds, why in _laws(self):
            if not holds():
                raise DataError("predictions", why, "make them anew")

    def asked(self, without: Sequence[str] = ("healthy",)) -> np.ndarray:
        """Which rows [N] are of people with a rash: those whose label is not among `without`."""
        left_out = [i for i, label in enumerate(self.labels) if label in without]
        return np.asarray(~np.isin(self.target, left_out))

    def take(self, rows: np.ndarray) -> Predictions:
        """Return some of the rows, by index or flag."""
        chosen = np.arange(len(self.target))[rows]
        sha256, cluster = tuple(self.sha256[i] for i in chosen), tuple(self.cluster[i] for i in chosen)
        arrays = (self.fold[chosen], self.repeat[chosen], self.logits[chosen], self.strange[chosen])
        return Predictions(self.labels, sha256, self.target[chosen], cluster, *arrays, self.positive)

    def write(self, path: Path) -> None:
        """Write as Parquet, whole or not at all. MpoxlensError when it cannot be written."""
        columns = {
            "sha256": pa.array(self.sha256, pa.string()),
            "label": pa.array([self.labels[i] for i in self.target], pa.string()),
            "cluster": pa.array(self.cluster, pa.string()),
            "fold": pa.array(self.fold, pa.int64()),
            "repeat": pa.array(self.repeat, pa.int64()),
            "strange": pa.array(self.strange, pa.float64()),
            **{f"{LOGIT}{label}": pa.array(self.logits[:, i], pa.float32()) for i, label in enumerate(self.labels)},
        }
        about = {"labels": "\n".join(self.labels), "positive": self.labels[self.positive]}
        write_table(pa.table(columns).replace_schema_metadata(about), path)

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read what `write` wrote.

        Raises:
            DataError: it is not there, damaged, no table of predictions, or breaks a law of the class.
        """
        table = read_table(path, MEND)
        labels, positive = _about(table, path)
        number = {label: i for i, label in enumerate(labels)}
        logits = np.stack([table[f"{LOGIT}{label}"].to_numpy() for label in labels], axis=1)
        try:
            return cls(
                labels,
                tuple(table["sha256"].to_pylist()),
                np.array([number.get(label, -1) for label in table["label"].to_pylist()], dtype=np.int64),
                tuple(table["cluster"].to_pylist()),
                table["fold"].to_numpy(),
                table["repeat"].to_numpy(),
                logits.astype(np.float32),
                table["strange"].to_numpy(),
                labels.index(positive),
            )
        except DataError as error:
            raise DataError(str(path), error.why, f"remove it, then: {MEND}") from None


def _about(table: pa.Table, path: Path) -> tuple[tuple[str, ...], str]:
    """Return labels and positive label of a file, once it is certain that its columns are these."""
    about = table.schema.metadata or {}
    labels = tuple(about.get(b"labels", b"").decode().split("\n"))
    positive = about.get(b"positive", b"").decode()
    wanted = _FIXED | {f"{LOGIT}{label}": pa.float32() for label in labels}
    found = dict(zip(table.schema.names, table.schema.types, strict=True))
    whole = not any(column.null_count for column in table.columns)
    if positive not in labels or found != wanted or not whole:
        raise DataError(str(path), "no table of predictions of this version of mpoxlens", f"remove it, then: {MEND}")
    return labels, positive


def _laws(p: Predictions) -> Iterator[tuple[Callable[[], bool], str]]:
    """What must hold, each with the words for when it does not; a later one may rest on those before it."""
    n, c = len(p.target), len(p.labels)
    columns = (p.sha256, p.cluster, p.fold, p.repeat, p.strange)
    yield lambda: n > 0, "no row"
    yield lambda: all(len(x) == n for x in columns) and p.logits.shape == (n, c), "its columns differ in length"
    yield lambda: len(set(p.labels)) == c >= 2 and 0 <= p.positive < c, "two different labels at least are needed"
    yield lambda: bool(((p.target >= 0) & (p.target < c)).all()), "a row has a label that is not among its labels"
    yield lambda: bool(np.isfinite(p.logits).all()), "a logit is not finite"
    yield lambda: len(set(zip(p.repeat.tolist(), p.sha256, strict=True))) == n, "a photograph comes twice in a repeat"
    yield lambda: not split_clusters(p), "a cluster lies in two folds of a repeat, so that its rows are not out of fold"


def split_clusters(p: Predictions) -> list[str]:
    """Return the clusters that lie in more than one fold of a repeat."""
    held: dict[tuple[int, str], set[int]] = {}
    for repeat, cluster, fold in zip(p.repeat.tolist(), p.cluster, p.fold.tolist(), strict=True):
        held.setdefault((repeat, cluster), set()).add(fold)
    return sorted({cluster for (_, cluster), folds in held.items() if len(folds) > 1})
