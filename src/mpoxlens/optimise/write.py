"""From a run to a file for a runtime: exported, tried in that runtime against the float network, only then written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from mpoxlens.cli_data import workshop
from mpoxlens.datasets.progress import progress
from mpoxlens.optimise import parity, qat
from mpoxlens.optimise.parity import Checked, Parity
from mpoxlens.optimise.qat_settings import Settings
from mpoxlens.optimise.runtimes import RUNTIMES, load
from mpoxlens.optimise.source import (
    Photographs,
    Source,
    calibration_inputs,
    learned_from,
    open_source,
    read_photographs,
)
from mpoxlens.schema import Floats
from mpoxlens.screening.output import write_whole
from mpoxlens.vision.data import inputs

QAT, STATIC = "qat-int8", "static-int8"  # the first is written as the second is, of a network readied for it
DEFAULT = Settings()
WRITERS = {"onnx": "precision", "litert": "litert", "executorch": "executorch"}
Writer = Callable[..., bytes]


@dataclass(frozen=True)
class Written:
    """A file that agrees with the float network."""

    file: Path
    about: Path  # the JSON beside it
    bytes: int
    float_bytes: int  # of the float network's weights
    found: Parity


def write(
    run: Path, to: str, precision: str, data: Path, check: Path | None, out: Path, settings: Settings = DEFAULT
) -> Written:
    """Write `out`/NAME.onnx, .tflite or .pte, and its description in JSON beside it.

    Args:
        run: the folder of a run of `mpoxlens train`, or of the bundle in it.
        to: onnx, litert or executorch.
        precision: fp32, fp16, dynamic-int8, static-int8 or qat-int8.
        data: the workspace that the run was trained on.
        check: a workspace to compare on, instead of `data`.
        out: the folder, made if need be; qat-int8 keeps its training there, for the other runtimes too.
        settings: of the training of qat-int8.

    Raises:
        MissingExtraError: the runtime's packages are not installed.
        BundleError: no float network, or an operator that the runtime does not take.
        DataError: too few photographs for the ranges.
        CheckpointError: the training of qat-int8 in `out` is damaged, or of another network or other settings.
        TrainingError: the file is too far from the float network; nothing is written.
    """
    writer = writer_of(to)
    source = open_source(run)
    found = read_photographs(data)
    learned = learned_from(source.spec, found, data)
    calibration = calibration_inputs(source.spec, learned)
    tuned = tuned_for(source, learned, calibration, settings, out) if precision == QAT else None
    checked = checked_on(source, read_photographs(check) if check else found)
    return write_variant(source, writer, to, precision, calibration, checked, out, tuned)


def tuned_for(source: Source, learned: Photographs, calibration: Floats, settings: Settings, out: Path) -> qat.Tuned:
    """Ready the float network for int8 in a folder of `out`, or go on with that; see `qat.tune`."""
    seen = hashlib.sha256("".join(record.sha256 for record in learned.records).encode()).hexdigest()
    identity = f"{source.bundle.sha256} {seen}"
    lesson = qat.Lesson(source.model, source.spec.preprocess, learned.pixels, calibration, identity)
    with progress() as tell:
        return qat.tune(lesson, settings, out / f"{source.spec.name}-qat", tell)


def writer_of(to: str) -> Writer:
    """Return what writes files of a runtime. MissingExtraError when its packages are not installed."""
    made: Writer = workshop(f"mpoxlens.optimise.{WRITERS[to]}", f"--to {to}", "train" if to == "onnx" else to).write
    return made


def checked_on(source: Source, photographs: Photographs) -> Checked:
    """Return what the file is compared on: these photographs and the bundle's golden drawings."""
    spec = source.spec
    return Checked(
        inputs(photographs.pixels, spec.preprocess),
        source.golden(),
        photographs.positive(spec),
        photographs.asked(source.without),
        tuple(record.group for record in photographs.records),
    )


def write_variant(
    source: Source,
    writer: Writer,
    to: str,
    precision: str,
    calibration: Floats | None,
    checked: Checked,
    out: Path,
    tuned: qat.Tuned | None = None,
) -> Written:
    """Export, compare in the real runtime, and write what agrees. See `write` for what is raised.

    With `tuned`, that network becomes the file; it is compared with the float network all the same.
    """
    name = f"{source.spec.name}-{precision}{RUNTIMES[to]}"
    about = describe(source, to, precision) | ({"tuned": dict(tuned.about)} if tuned else {})
    network, form = (tuned.model, STATIC) if tuned else (source.model, precision)
    content = writer(network, source.spec.preprocess.size, form, calibration, about)
    found = measured(source, content, RUNTIMES[to], checked)
    parity.require(found, name, form)
    return _kept(source, content, about, found, out, name)


def measured(source: Source, content: bytes, suffix: str, checked: Checked) -> Parity:
    """Run a file in its runtime and compare it with the float network."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"model{suffix}"
        path.write_bytes(content)
        loaded = load(path)
        small, drawn = loaded.run(checked.inputs), loaded.run(checked.golden)
    full, golden = (parity.float_outputs(source.model, x) for x in (checked.inputs, checked.golden))
    return parity.compare(full, small, (golden, drawn), source.spec, checked)


def describe(source: Source, to: str, precision: str) -> dict[str, Any]:
    """Return what a phone developer has to know of a file, as it stands in the file itself."""
    spec = source.spec
    size = spec.preprocess.size
    return {
        "format": 1,
        "name": spec.name,
        "version": spec.version,
        "runtime": to,
        "precision": precision,
        "intended_use": spec.intended_use,
        "licences": dict(spec.licences),
        "bundle_sha256": source.bundle.sha256,
        "input": {
            "name": "photo",
            "shape": [1, 3, size, size],
            "type": "float32",
            "layout": "NCHW, RGB",
            "resize": "the whole photograph, bilinear with a support that grows with the scale",
            "scale": "(pixel / 255 - mean) / std",
            **spec.preprocess.to_dict(),
        },
        "outputs": ["logits", "cam", "embedding"],
        "labels": list(spec.labels),
        "positive": spec.positive,
        "calibration": {"temperature": spec.calibration.temperature, "bias": spec.calibration.bias},
        "operating_point": spec.operating_point,
        "conformal": spec.conformal.to_dict(),
        **({"map": spec.map.to_dict()} if spec.map else {}),
    }


def _kept(source: Source, content: bytes, about: Mapping[str, Any], found: Parity, out: Path, name: str) -> Written:
    """Write file and description; the description comes last, so that its existence means that the file is whole."""
    out.mkdir(parents=True, exist_ok=True)
    file, beside = out / name, out / f"{name}.json"
    beside.unlink(missing_ok=True)
    write_whole(file, lambda part: _write(part, content))
    told = {
        **about,
        "ood": source.spec.ood.to_dict(),  # 86 kB, beside a network of two megabytes
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "parity": found.to_dict(),
    }
    text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(beside, lambda part: _write(part, text.encode()))
    weights = sum(p.numel() * p.element_size() for p in source.model.parameters())
    return Written(file, beside, len(content), weights, found)


def _write(part: Path, content: bytes) -> None:
    part.write_bytes(content)


def show(done: Written) -> None:
    """Print how near the file is to the float network, and where it is."""
    lines = [
        *parity.told(done.found),
        f"{done.bytes / 1e6:.2f} MB, {done.bytes / done.float_bytes:.0%} of the float weights",
        f"file: {done.file}",
        f"description: {done.about}",
    ]
    for line in lines:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
