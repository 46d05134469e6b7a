"""What a precision costs on photographs that the network did not learn from: the run's own folds, written one by one.

A network has learned its own photographs by heart, and rounding hardly moves an answer that is sure. Each fold's
network is therefore written as the file is, with ranges from the photographs that this fold learned from, and judges
those that it did not. Together these are the out-of-fold predictions of the file, compared with those in float.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mpoxlens.bundle import Outputs
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.evaluation.out_of_fold import OutOfFoldJudge
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.optimise import parity
from mpoxlens.optimise.parity import Checked, Parity
from mpoxlens.optimise.runtimes import load
from mpoxlens.optimise.source import MIN_CALIBRATION, Photographs, Source, calibration_inputs
from mpoxlens.schema import Floats
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.data import inputs

Make = Callable[[Classifier, Floats], bytes]  # a fold's network and its calibration inputs -> a file
Judge = Callable[[bytes, Floats], Outputs]  # a file and [N, 3, size, size]


@dataclass(frozen=True, eq=False)
class Folds:
    """The float networks of a run's first repeat, and which of them has not seen a photograph."""

    networks: Mapping[int, Classifier]
    fold: Mapping[str, int]  # by sha256


@dataclass(frozen=True)
class HeldOut:
    """A way of writing, judged on photographs that no network in question has learned from."""

    folds: int
    bytes: int  # of the largest of their files
    auroc: Figure  # of the files; people with a rash, 95 % interval by cluster
    float_auroc: Figure
    decided: Figure  # share of people with a rash for whom the files give a decision
    found: Parity

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        figures = {name: getattr(self, name).to_dict() for name in ("auroc", "float_auroc", "decided")}
        return {"folds": self.folds, "bytes": self.bytes, **figures, "parity": self.found.to_dict()}


def folds_of(run: Path) -> Folds:
    """Return the folds of a run of `mpoxlens train`.

    Raises:
        MpoxlensError: a fold's network, its outputs or the table of predictions is missing or damaged.
    """
    table = Predictions.read(run / "predictions.parquet")
    first = np.flatnonzero(table.repeat == 0)
    return Folds(OutOfFoldJudge(run).networks, {table.sha256[i]: int(table.fold[i]) for i in first})


def held_out(
    source: Source, folds: Folds, found: Photographs, make: Make, judge: Judge, tell: Tell = silent
) -> HeldOut:
    """Write each fold's network and compare it with its float network on what the fold did not learn from.

    Decisions are by the bundle's rules, which were fitted on these folds' own predictions.

    Args:
        source: the run; its bundle's rules and golden drawings.
        folds: of the same run.
        found: N photographs of the workspace that the run was trained on.
        make: writes a file.
        judge: runs it.
        tell: shows how far it is.

    Raises:
        DataError: a photograph is not of the run, or a fold learned from fewer than `MIN_CALIBRATION`.
        MpoxlensError: whatever writing and running raise.
    """
    fold = _fold_of_each(folds, found)
    golden = source.golden()
    order: list[int] = []
    outputs: list[list[Outputs]] = []
    largest = 0
    for done, (k, network) in enumerate(folds.networks.items(), 1):
        seen, unseen = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        content = make(network, calibration_inputs(source.spec, _learned(found, seen, k)))
        largest = max(largest, len(content))
        order.extend(unseen.tolist())
        both = (_inputs(source, found, unseen), golden)
        pairs = [(parity.float_outputs(network, x), judge(content, x)) for x in both]
        outputs.append([*pairs[0], *pairs[1]])
        tell("folds", done, len(folds.networks))
    full, small, drawn_full, drawn_small = map(joined, zip(*outputs, strict=True))
    checked = _checked(source, found, order)
    compared = parity.compare(full, small, (drawn_full, drawn_small), source.spec, checked)
    area, float_area = (parity.area(source.spec, one, checked) for one in (small, full))
    told = parity.decided(source.spec, small, checked)
    return HeldOut(len(folds.networks), largest, area, float_area, told, compared)


def _fold_of_each(folds: Folds, found: Photographs) -> np.ndarray:
    """Return the fold [N] that did not learn from each photograph; one that no fold judged may not stand for any."""
    strange = sum(record.sha256 not in folds.fold for record in found.records)
    if strange:
        why = f"{strange} of its photographs are not of the run"
        raise DataError("--data", why, "name the workspace that the run was trained on")
    return np.array([folds.fold[record.sha256] for record in found.records])


def _learned(found: Photographs, rows: np.ndarray, fold: int) -> Photographs:
    if len(rows) < MIN_CALIBRATION:
        why = f"it learned from {len(rows)} photographs, and int8 ranges need {MIN_CALIBRATION}"
        raise DataError(f"fold {fold}", why, "add photographs, or train with more folds")
    return Photographs([found.pixels[i] for i in rows], tuple(found.records[i] for i in rows))


def _inputs(source: Source, found: Photographs, rows: np.ndarray) -> Floats:
    return inputs([found.pixels[i] for i in rows], source.spec.preprocess)


def _checked(source: Source, found: Photographs, order: Sequence[int]) -> Checked:
    nothing = np.zeros((0, 3, 1, 1), np.float32)  # what was judged fold by fold is compared by its outputs alone
    rows = np.array(order)
    positive, asked = found.positive(source.spec)[rows], found.asked(source.without)[rows]
    return Checked(nothing, nothing, positive, asked, tuple(found.records[i].group for i in order))


def joined(parts: Sequence[Outputs]) -> Outputs:
    """Return outputs for several batches as those for one."""
    return Outputs(*(np.concatenate([getattr(part, n) for part in parts]) for n in ("logits", "cam", "embedding")))


def judged_by(suffix: str) -> Judge:
    """Return what runs a file in the runtime that its ending names."""

    def judge(content: bytes, batch: Floats) -> Outputs:
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"model{suffix}"
            path.write_bytes(content)
            return load(path).run(batch)

    return judge
