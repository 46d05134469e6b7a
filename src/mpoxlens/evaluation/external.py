"""A model on photographs that it has not learned from: leak check, judging, every figure, probes, summary and report.

Nothing is fitted here. Calibration, thresholds, prediction sets and the test for strangeness are the model's own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mpoxlens.bundle import Bundle, Spec
from mpoxlens.datasets.label_codes import code
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.places import outside_photographs
from mpoxlens.datasets.progress import Tell, progress, silent
from mpoxlens.datasets.sources.nouns import word
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.evaluation import leak
from mpoxlens.evaluation.battery import Rules, all_curves, apply_rules, figures, judged_of
from mpoxlens.evaluation.candidate import candidate
from mpoxlens.evaluation.judgements import Judgements, judge_all
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.report.external import write_external_report
from mpoxlens.evaluation.subgroups import groupings
from mpoxlens.evaluation.summary import Summary, described, show, write
from mpoxlens.evaluation.told import decisions, mimics
from mpoxlens.screening.output import unwritten

MEASURED_ON = "photographs of another data set; the bundle's shipped calibration and thresholds, nothing fitted to them"
WITHOUT = ("healthy",)
OTHER = "other"  # the second label of a model that knows only yes and no
NO_PROBES = (
    "The probes of shortcuts, robustness and strange pictures are made for bundles; of this model they were not made."
)
ALSO = {  # other words for a label, as `word` writes them
    "monkeypox": "mpox",
    "monkey_pox": "mpox",
    "mpx": "mpox",
    "varicella": "chickenpox",
    "chicken_pox": "chickenpox",
    "rubeola": "measles",
    "normal": "healthy",
    "normal_skin": "healthy",
    "healthy_skin": "healthy",
}


def command(bundle: Path, dataset: Path, against: Path | None, out: Path | None, as_json: bool, stress: bool) -> None:
    """Evaluate, and print the summary; without `out` nothing is kept."""
    with TemporaryDirectory() as folder, progress() as tell:
        found = run(bundle, dataset, against, out or Path(folder), tell, stress=stress)
    show(found, as_json=as_json, out=out)


def run(
    bundle: Path,
    dataset: Path,
    against: Path | None,
    out: Path,
    tell: Tell = silent,
    *,
    stress: bool = True,
    photos: bool = False,
) -> Summary:
    """Evaluate, and leave predictions.parquet, judgements.parquet, summary.json and report.html in `out`.

    Args:
        bundle: its folder, or that of an adapter of `mpoxlens vlm train`.
        dataset: labelled photographs as `datasets.sources` reads them, or a workspace of `mpoxlens data`.
        against: the workspace that the bundle was trained on, or its photographs, for the full search for copies.
        out: folder for the results; photographs that were read and compared are remembered there.
        tell: told how far it is.
        stress: run the probes of shortcuts, robustness and strange pictures too, which take most of the time; there
            are none for an adapter.
        photos: put the worst mistakes into the report as pictures, not only by their sha256.

    Raises:
        BundleError: the bundle is damaged.
        CheckpointError: the adapter is damaged.
        DataError: no label that could be judged, or every photograph was learned from.
        MpoxlensError: whatever else of data or disk cannot be used, in one line.
    """
    loaded = candidate(bundle)
    try:
        out.mkdir(parents=True, exist_ok=True)
        manifest, notes = _checked(loaded.spec, _manifest(loaded.spec, dataset, out, tell))
        leaked = leak.find(loaded.spec.training, manifest, out / "data" / "prints", against, tell)
        kept = replace(manifest, records=leak.without(manifest, leaked))
        _usable(loaded.spec, kept)
        judged = judge_all(loaded.judge, kept.root, kept.records, tell)
        judged.write(out / "judgements.parquet")
        notes += _apart(loaded.spec, kept) + ([NO_PROBES] if stress and loaded.bundle is None else [])
        content = described(loaded.spec, loaded.sha256, dataset, manifest, kept, leaked, notes) | _measured(
            loaded.spec, judged, out
        )
        content["stress"] = _stressed(loaded.bundle, kept, tell) if stress and loaded.bundle else None
        summary = Summary(content)
        write(summary, out / "summary.json")
        write_external_report(summary, loaded.spec, judged, out / "report.html", root=kept.root if photos else None)
    except OSError as error:
        raise unwritten(Path(error.filename or out), error) from None
    return summary


def _manifest(spec: Spec, dataset: Path, out: Path, tell: Tell) -> Manifest:
    """Return the photographs in their clusters; those that reviewers dropped or nobody could decide on left out.

    What cannot be used at all is refused before copies are looked for, which takes time.
    """
    work = Workspace(dataset)
    if work.table("manifest").exists():
        found = work.clean() if work.table("clean").exists() else work.clustered()
        outside_photographs(out, found.root, work)
        return found
    own = Workspace(out / "data")
    manifest, _ = _checked(spec, ingest(own, [dataset], tell=tell))
    leak.without(manifest, leak.by_content(spec.training, manifest))
    duplicates(own, tell=tell)
    return apply(own)


def _checked(spec: Spec, manifest: Manifest) -> tuple[Manifest, list[str]]:
    """Return the manifest with other words for the bundle's labels replaced, and a line for each of these.

    Raises:
        DataError: no label of the bundle's, and none that is known to be another disease.
    """
    labels = sorted({record.label for record in manifest.records})
    meant = {name: _meant(name, spec.labels) for name in labels}
    changed = {name: to for name, to in meant.items() if name != to}
    if not set(meant.values()) & set(spec.labels) and not any(code(name) for name in meant.values()):
        why = f"none of its labels ({', '.join(labels)}) is one of the bundle's ({', '.join(spec.labels)})"
        raise DataError(str(manifest.root), why, f"rename the labels, {spec.positive} first of all")
    records = tuple(replace(record, label=meant[record.label]) for record in manifest.records)
    return replace(manifest, records=records), [f"The label {a} is read as {b}." for a, b in changed.items()]


def _meant(label: str, labels: tuple[str, ...]) -> str:
    if label in labels:
        return label
    plain = ALSO.get(word(label), word(label))
    if OTHER in labels and len(set(labels) - set(WITHOUT)) == 2:  # it knows yes and no, and every label is one of them
        return plain if plain in labels else OTHER
    return plain if plain in (*labels, *WITHOUT) or code(plain) else label


def _apart(spec: Spec, kept: Manifest) -> list[str]:
    """Say which photographs are in no figure but those of other diseases."""
    counts = Counter(record.label for record in kept.records if record.label not in spec.labels)
    if not counts:
        return []
    which = ", ".join(f"{label} ({counts[label]} photographs)" for label in sorted(counts))
    what = f"How many of them are taken for {spec.positive} is told apart."
    why = "they are in no AUROC, sensitivity or specificity, which are of the bundle's own labels."
    return [f"The bundle has no label for {which}: {why} {what}"]


def _usable(spec: Spec, kept: Manifest) -> None:
    """Refuse what is left when nothing can be said of it."""
    counts = Counter(record.label for record in kept.records)
    if not set(counts) & set(spec.labels) and not any(map(code, counts)):
        why = f"of what the bundle has not seen, nothing has one of its labels ({', '.join(spec.labels)})"
        raise DataError(str(kept.root), why, "name photographs that it has not seen")


def _measured(spec: Spec, judged: Judgements, out: Path) -> dict[str, Any]:
    """Write the table of predictions, and compute every figure from it as it was written."""
    found: dict[str, Any] = {"figures": None, "curves": None}
    path = out / "predictions.parquet"
    path.unlink(missing_ok=True)
    if judged.known.any():
        judged.predictions().write(path)
        found = battery_of(Predictions.read(path), spec, judged)
    return found | {"decisions": decisions(judged, WITHOUT), "mimics": mimics(judged)}


def battery_of(p: Predictions, spec: Spec, judged: Judgements) -> dict[str, Any]:
    """Return figures and curves of predictions by the bundle's own rules."""
    asked = judged_of(p, WITHOUT)
    if not asked.asked.any():  # nobody with a rash: what is told of healthy skin stands among the decisions
        return {"figures": None, "curves": None}
    fitted = apply_rules(asked, Rules(spec.calibration, spec.operating_point, spec.conformal))
    angles = {r.sha256: float(a) for r, a in zip(judged.records, judged.angle, strict=True)}
    groups = groupings(p.sha256, judged.records, angles)
    found = figures(asked, fitted, groups=groups, measured_on=MEASURED_ON)
    return {"figures": found, "curves": all_curves(asked, fitted)}


def _stressed(bundle: Bundle, kept: Manifest, tell: Tell) -> dict[str, Any] | None:
    from mpoxlens.evaluation.stress import probes

    return probes(bundle, kept, WITHOUT, tell)
