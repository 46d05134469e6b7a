"""What an evaluation found, as one JSON object whose form `summary.schema.json` publishes, and as a short table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime

import mpoxlens
from mpoxlens.bundle import Spec
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.evaluation.caveats import caveats
from mpoxlens.evaluation.leak import Leak
from mpoxlens.schema import INTENDED_USE
from mpoxlens.screening.output import write_whole

SCHEMA_VERSION = 1
FIGURES = {
    "auroc": "AUROC",
    "sensitivity": "sensitivity at the shipped threshold",
    "specificity": "specificity at the shipped threshold",
    "sensitivity_at_specificity_90": "sensitivity at specificity .90",
    "ece": "expected calibration error",
}


@dataclass(frozen=True)
class Summary:
    """An evaluation's results, in plain JSON."""

    content: Mapping[str, Any]

    def to_json(self) -> str:
        """Return one JSON object in ASCII."""
        return json.dumps(self.content, allow_nan=False, indent=1)


def schema_text() -> str:
    """Return the published JSON Schema of a summary."""
    return (resources.files("mpoxlens.evaluation") / "summary.schema.json").read_text(encoding="utf-8")


def write(summary: Summary, path: Path) -> None:
    """Write the JSON, whole or not at all."""

    def put(part: Path) -> None:
        part.write_text(summary.to_json() + "\n", encoding="utf-8", newline="\n")

    write_whole(path, put)


def described(
    spec: Spec, sha256: str, dataset: Path, manifest: Manifest, kept: Manifest, leak: Leak, notes: Sequence[str]
) -> dict[str, Any]:
    """Return what was judged, by what, and what the leak check found.

    Args:
        spec: of the bundle that judges, or of what is told of as one.
        sha256: of it.
        dataset: as the user named it; of its path the last part alone is told.
        manifest: of all photographs.
        kept: those that are not shared with the training photographs.
        leak: the check.
        notes: on how labels were read.
    """
    labels = Counter(record.label for record in kept.records)
    return {
        "schema_version": SCHEMA_VERSION,
        "intended_use": INTENDED_USE,
        "bundle": {
            "name": spec.name,
            "version": spec.version,
            "sha256": sha256,
            "labels": list(spec.labels),
            "positive": spec.positive,
            "operating_point": spec.operating_point,
            "alpha": spec.conformal.alpha,
            "training": {k: v for k, v in spec.training.items() if k != "photographs"},
        },
        "dataset": {
            "name": dataset.resolve().name,
            "manifest_sha256": kept.sha256,
            "found": len(manifest.records),
            "photographs": len(kept.records),
            "clusters": len({record.group for record in kept.records}),
            "labels": {label: labels[label] for label in spec.labels if labels[label]},
            "other_labels": {label: n for label, n in sorted(labels.items()) if label not in spec.labels},
            "copies_of_the_same_file": len(manifest.copies),
            "not_usable": len(manifest.problems),
            "notes": list(notes),
        },
        "leak": leak.to_dict(),
        "versions": {"mpoxlens": mpoxlens.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
    }


def show(summary: Summary, *, as_json: bool = False, out: Path | None = None) -> None:
    """Print the JSON, or what most ask for."""
    if as_json:
        click.echo(summary.to_json())
        return
    for line in lines(summary.content):
        click.echo(line)
    if out is not None:
        click.echo(f"report: {out / 'report.html'}")


def lines(content: Mapping[str, Any]) -> Iterator[str]:
    """Give the short table line by line."""
    bundle, data, leak = content["bundle"], content["dataset"], content["leak"]
    yield f"{bundle['name']} {bundle['version']} on {data['name']}: {data['photographs']} of {data['found']} photos"
    yield from (f"  {label:28}{count:6}" for label, count in (data["labels"] | data["other_labels"]).items())
    yield leak_sentence(leak)
    yield from data["notes"]
    if content["figures"]:
        rash = content["figures"]["rash_only"]
        yield from (f"  {title:44}{bracketed(rash[key])}" for key, title in FIGURES.items() if key in rash)
        yield from caveats(rash, bundle["positive"])
    for key, title in (("decided", "get a decision"), ("right_when_decided", "of these right")):
        if "rash_only" in content["decisions"]:
            yield f"  {title:44}{bracketed(content['decisions']['rash_only'][key])}"
    for label, one in _mimics(content["mimics"]):
        at = one["called_at_sensitivity_90"]
        told = f"{bracketed(one['called'])} called mpox, {bracketed(one['told_likely'])} told likely"
        yield f"  {label:28}{told}" + (f", {bracketed(at)} at 90 % sensitivity" if at else "")


def leak_sentence(leak: Mapping[str, Any]) -> str:
    """Say how copies of training photographs were looked for, and what came out."""
    if not leak["possible"]:
        return " ".join(["Leak check: not possible.", *leak["notes"], "Give --against the training photographs."])
    ways = " and ".join(leak["checked"])
    return " ".join([f"Leak check by {ways}: {leak['shared']} photographs shared and left out.", *leak["notes"]])


def bracketed(figure: Mapping[str, float | None]) -> str:
    """Return a figure with its interval, as in ".912 [.880–.941]"."""
    if figure["value"] is None:
        return "not defined"
    low, high = ("?" if figure[end] is None else _short(figure[end]) for end in ("low", "high"))
    between = " to " if low.startswith("−") else "–"
    return f"{_short(figure['value'])} [{low}{between}{high}]"


def _short(value: float | None) -> str:
    text = f"{value:.3f}".replace("-", "−")
    return text.replace("0.", ".", 1) if text.lstrip("−").startswith("0.") else text


def _mimics(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    if not found:
        return []
    return [("all other diseases", found["all"]), *found["by_label"].items()]
