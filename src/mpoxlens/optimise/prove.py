"""A written file judged once more, on photographs that its network did not learn from or in a browser."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mpoxlens.datasets.progress import progress
from mpoxlens.errors import DataError, TrainingError
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.optimise import browser, parity
from mpoxlens.optimise.held_out import folds_of, held_out, judged_by
from mpoxlens.optimise.parity import BARS
from mpoxlens.optimise.runtimes import RUNTIMES
from mpoxlens.optimise.source import Source, open_source, read_photographs
from mpoxlens.optimise.write import QAT, STATIC, checked_on, describe, writer_of
from mpoxlens.schema import Floats
from mpoxlens.screening.output import write_whole
from mpoxlens.vision.backbones import Classifier

AGAIN = "write the file again with mpoxlens optimise"


@dataclass(frozen=True, eq=False)
class Described:
    """A file of `mpoxlens optimise` with its description."""

    file: Path
    about: dict[str, Any]

    @property
    def beside(self) -> Path:
        """Where the description lies."""
        return self.file.with_name(f"{self.file.name}.json")


@dataclass(frozen=True, eq=False)
class Proven:
    """What came of it."""

    name: str  # in the description: held_out or web
    figures: dict[str, Any]
    failed: list[str]  # why it fails the bar of its precision; none where it passes
    told: list[str]


def described(file: Path) -> Described:
    """Read the description of a file.

    Raises:
        DataError: there is none, or it is of another file.
    """
    found = Described(file, {})
    try:
        content, about = file.read_bytes(), json.loads(found.beside.read_bytes())
        sha256, _ = about["sha256"], (RUNTIMES[about["runtime"]], BARS[about["precision"]], about["bundle_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(str(file), f"no readable {found.beside.name} beside it", AGAIN) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(str(file), f"{found.beside.name} describes another file", AGAIN)
    return Described(file, about)


def prove(file: Path, run: Path, data: Path, web: Path | None) -> Proven:
    """Judge a file's way of writing on the run's folds, or with `web` the file itself in a browser.

    What was found stands in the description afterwards, under `held_out` or `web`.

    Args:
        file: of `mpoxlens optimise`.
        run: the folder of the run that it was written from.
        data: the workspace that the run was trained on.
        web: the folder of onnxruntime-web's build.

    Raises:
        DataError: the file is of another run, not described, or not for a browser; or other photographs.
        MpoxlensError: whatever writing and running raise.
    """
    known = described(file)
    source = open_source(run)
    if known.about["bundle_sha256"] != source.bundle.sha256:
        raise DataError(str(file), f"it was not written from {run}", "name the run that it was written from")
    proven = _in_browser(known, source, data, web) if web else _on_folds(known, source, data)
    told = {**proven.figures, "passes": not proven.failed, "reasons": proven.failed}
    _keep(Described(file, known.about | {proven.name: told}))
    return proven


def _on_folds(known: Described, source: Source, data: Path) -> Proven:
    to, precision = known.about["runtime"], known.about["precision"]
    if precision == QAT:
        why = "each fold would have to be readied for int8 by a training of its own"
        raise DataError(
            str(known.file), why, f"judge {STATIC} on the folds, or this one on new photographs with --check"
        )
    writer, size, about = writer_of(to), source.spec.preprocess.size, describe(source, to, precision)

    def make(network: Classifier, calibration: Floats) -> bytes:
        return writer(network, size, precision, calibration, about)

    folds, photographs = folds_of(source.bundle.path.parent), read_photographs(data)
    with progress() as tell:
        found = held_out(source, folds, photographs, make, judged_by(known.file.suffix), tell)
    areas = f"out of fold AUROC {_bracketed(found.auroc)}, float {_bracketed(found.float_auroc)}"
    failed = parity.failings(found.found, precision)
    return Proven("held_out", found.to_dict(), failed, [*parity.told(found.found), areas])


def _in_browser(known: Described, source: Source, data: Path, web: Path) -> Proven:
    if known.file.suffix != ".onnx":
        raise DataError(str(known.file), "a browser runs .onnx files alone", "name one, or leave out --web")
    checked, content = checked_on(source, read_photographs(data)), known.file.read_bytes()
    with browser.opened(web) as tab:
        small, drawn = tab.judge(content, checked.inputs), tab.judge(content, checked.golden)
    full, golden = (parity.float_outputs(source.model, x) for x in (checked.inputs, checked.golden))
    found = parity.compare(full, small.outputs, (golden, drawn.outputs), source.spec, checked)
    figures = {"onnxruntime_web": small.version, "p50_ms": round(float(np.median(small.took)), 2)}
    told = [*parity.told(found), f"onnxruntime-web {small.version}: {figures['p50_ms']:.3g} ms in the median"]
    failed = parity.failings(found, known.about["precision"])
    return Proven("web", {**figures, "parity": found.to_dict()}, failed, told)


def _keep(known: Described) -> None:
    text = json.dumps(known.about, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(known.beside, lambda part: _write(part, text))


def _write(part: Path, text: str) -> None:
    part.write_text(text, encoding="utf-8", newline="\n")


def show(proven: Proven, file: Path) -> None:
    """Print how near the file is to the float network.

    Raises:
        TrainingError: it fails the bar of its precision.
    """
    for line in proven.told:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    if proven.failed:
        mend = "calibrate with more photographs, or take another precision"
        raise TrainingError(str(file), "; ".join(proven.failed), mend)


def _bracketed(figure: Figure) -> str:
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"
