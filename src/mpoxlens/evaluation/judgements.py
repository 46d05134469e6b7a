"""What a model says of every photograph of a data set, exactly as the clinic would: full photographs, gate and all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.tables import write_table
from mpoxlens.evaluation.judge import CHUNK, WORKERS, Judgement, Looker, Seen
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.tone import typology_angle
from mpoxlens.photo import read_photo
from mpoxlens.schema import Floats, Gate, ImageRecord
from mpoxlens.screening import gate


@dataclass(frozen=True, eq=False)
class Judgements:
    """N photographs and what was said of them."""

    labels: tuple[str, ...]  # the bundle's, in the order of the logits
    positive: int
    records: tuple[ImageRecord, ...]  # [N]
    logits: Floats  # [N, C]
    angle: Doubles  # [N] individual typology angle, degrees
    score: Doubles  # [N] out-of-distribution score
    found: Judgement  # [N]

    @property
    def label(self) -> np.ndarray:
        """The label of each photograph [N]."""
        return np.array([record.label for record in self.records])

    @property
    def known(self) -> Flags:
        """Which [N] have one of the bundle's labels."""
        return np.isin(self.label, self.labels)

    @property
    def clusters(self) -> tuple[str, ...]:
        """The cluster of each photograph [N]."""
        return tuple(record.group for record in self.records)

    def predictions(self) -> Predictions:
        """Return the table that the figures are computed from: the photographs whose label the bundle knows."""
        rows = np.flatnonzero(self.known)
        records = [self.records[i] for i in rows]
        none = np.zeros(len(rows), dtype=np.int64)
        return Predictions(
            self.labels,
            tuple(r.sha256 for r in records),
            np.array([self.labels.index(r.label) for r in records], dtype=np.int64),
            tuple(r.group for r in records),
            none,
            none,
            self.logits[rows],
            self.score[rows],
            self.positive,
        )

    def write(self, path: Path) -> None:
        """Write one row a photograph, of other labels too. MpoxlensError when it cannot be written."""
        columns = {
            "sha256": [r.sha256 for r in self.records],
            "file": [r.path for r in self.records],
            "label": [r.label for r in self.records],
            "cluster": [r.group for r in self.records],
            "probability": self.found.probability,
            "called": self.found.called,
            "refused": self.found.refused,
            "strange": self.score,
            "decision": [str(one) for one in self.found.decision],
            **{f"logit_{label}": self.logits[:, i] for i, label in enumerate(self.labels)},
        }
        write_table(pa.table(columns), path)


def judge_all(judge: Looker, root: Path, records: Sequence[ImageRecord], tell: Tell = silent) -> Judgements:
    """Judge photographs, in several threads.

    Raises:
        PhotoError: a file changed since it was ingested.
        BundleError: the network gave numbers that are not finite.
    """
    starts = range(0, len(records), CHUNK)
    parts: list[_Part] = []
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="judge") as pool:
        for part in pool.map(lambda i: _part(judge, root, records[i : i + CHUNK]), starts):
            parts.append(part)
            tell("judging", min(len(parts) * CHUNK, len(records)), len(records))
    logits, score, refuses = (
        np.concatenate([getattr(part.seen, name) for part in parts]) for name in ("logits", "score", "refuses")
    )
    p = judge.rules.calibration.probabilities(logits, judge.positive)[:, judge.positive]
    found = judge.rules.decided(p, score, [one for part in parts for one in part.gates], refuses)
    angle = np.concatenate([part.angle for part in parts])
    return Judgements(judge.labels, judge.positive, tuple(records), logits, angle, score, found)


@dataclass(frozen=True, eq=False)
class _Part:
    seen: Seen
    angle: Doubles
    gates: tuple[Gate, ...]


def _part(judge: Looker, root: Path, records: Sequence[ImageRecord]) -> _Part:
    photos = [read_photo(root / record.path) for record in records]
    angle = np.array([typology_angle(photo.pixels) for photo in photos])
    return _Part(judge.look(photos), angle, tuple(map(gate.check, photos)))
