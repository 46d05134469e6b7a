"""Claim: what cleaning a data set does for what is learned from it, and what a leak does for the figure.

Linear probes on frozen features, ten folds. The cleaned photographs are judged twice, by probes that learned from the
cleaned training side, and from the files as published: every file, with the label it came with. No file of a test
group is learned from, whether links or a reviewer put it there. Then the files as published are judged by themselves,
in their groups, and in folds drawn file by file, as most papers on these photographs do.

A run that is stopped goes on where it was when it is given the same --work.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

import probing
import record
from mpoxlens.datasets.manifest import Manifest, clustered
from mpoxlens.datasets.reviews import reviewed_links
from mpoxlens.datasets.split import folds
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.evaluation.paired import cluster_bootstrap_difference
from mpoxlens.schema import Floats, ImageRecord

FAMILIES = ("clip-vit-b16", "efficientnet-lite0")
CLEAN, PUBLISHED = "cleaned judged, learned from cleaned", "cleaned judged, learned from as published"
GROUPED, LEAK = "as published judged, grouped folds", "as published judged, folds of single files"
AUROC, ACCURACY = "AUROC, rash only", "four-class accuracy"


@dataclass(frozen=True, eq=False)
class Sides:
    """The photographs before and after cleaning."""

    clean: Manifest
    published: tuple[ImageRecord, ...]  # labels as they came, groups by the links that were found
    reviewed: Mapping[str, str]  # group of each sha256 once reviewers had cut and added links


@dataclass(frozen=True, eq=False)
class Judged:
    """Out-of-fold logits [N, C] of some photographs."""

    records: Sequence[ImageRecord]
    logits: Floats

    @property
    def clusters(self) -> list[str]:
        """Group of each."""
        return [record.group for record in self.records]

    def auroc(self, weights: Doubles) -> Doubles:
        """AUROC [B] of mpox against the other rashes, of weights [B, N]."""
        label = np.array([record.label for record in self.records])
        rash = ~np.isin(label, probing.RECIPE.data.without)
        positive = label[rash] == probing.RECIPE.data.positive
        return weighted.auroc(positive, probing.score_of(self.logits[rash]), weights[:, rash])

    def accuracy(self, weights: Doubles) -> Doubles:
        """Share [B] of all photographs whose highest logit is that of their label, of weights [B, N]."""
        right = self.logits.argmax(axis=1) == probing.targets(self.records)
        return np.asarray(weights @ right / weights.sum(axis=1))


def main() -> None:
    """Learn four ways, and compare."""
    parser = record.arguments(__doc__)
    parser.add_argument("--data", type=Path, help="a workspace of the shared photographs after `apply`")
    parser.add_argument("--work", type=Path, help="keep the features here")
    given = parser.parse_args()
    if not given.quick and given.data is None:
        parser.error("--data is needed, a workspace after `mpoxlens data apply`")
    torch.manual_seed(0)  # the quick run's network has no base weights
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.work or Path(scratch)
        if given.quick:
            sides, features = _quick(Path(scratch))
        else:
            work = Workspace(given.data)
            sides = _sides(work)
            features = {family: probing.plain_of(work, family, folder) for family in FAMILIES}
        count = 5 if given.quick else probing.RECIPE.train.folds
        rows = [row for family, known in features.items() for row in _measured(family, sides, known, count)]
    notes = (
        f"{len(sides.published)} files as published, {len(sides.clean.records)} photographs after cleaning; {count}"
        f" folds; probes with C {probing.RECIPE.train.inverse_penalty:g}; learned from in the mean"
        f" {_mean_learned(sides, count)}. 95 % intervals by bootstrap of clusters."
    )
    packages = ("mpoxlens", "torch", "timm", "transformers", "scikit-learn")
    record.finish("cleaning_ablation", rows, quick=given.quick, notes=notes, packages=packages)


def _sides(work: Workspace) -> Sides:
    found = work.manifest()
    links = reviewed_links(work.links(), work.reviews())
    reviewed = {r.sha256: r.group for r in clustered(found, links)}
    return Sides(work.clean(), work.clustered().records, reviewed)


def _quick(scratch: Path) -> tuple[Sides, dict[str, dict[str, Floats]]]:
    """Drawings, of which cleaning drops two and gives another label to two."""
    found = probing.drawn(scratch / "drawn")
    drawn = probing.features_of(found, probing.QUICK, scratch / "quick.parquet")
    wrong = [replace(r, label="measles" if i < 2 else r.label) for i, r in enumerate(found.records)]
    sides = Sides(replace(found, records=found.records[:-2]), tuple(wrong), {r.sha256: r.group for r in found.records})
    return sides, {"drawn": {r.sha256: row for r, row in zip(found.records, drawn, strict=True)}}


def _measured(family: str, sides: Sides, known: Mapping[str, Floats], count: int) -> Iterator[record.Row]:
    alone = [replace(r, group=r.sha256) for r in sides.published]
    judged = {
        CLEAN: _clean(sides, known, count),
        PUBLISHED: _from_published(sides, known, count),
        GROUPED: _folded(sides.published, sides.published, known, count),
        LEAK: _folded(alone, sides.published, known, count),
    }
    for way, one in judged.items():
        weights = Draws.of(one.clusters).weights
        for what, values in ((AUROC, one.auroc(weights)), (ACCURACY, one.accuracy(weights))):
            found = figure(values)
            yield record.Row(probing.told(f"{family}, {way}: {what}", found), found.value, "")
    for name, better, other in (("gain by cleaning", CLEAN, PUBLISHED), ("gain by the leak", LEAK, GROUPED)):
        yield from _gains(f"{family}, {name}", judged[better], judged[other])


def _gains(name: str, a: Judged, b: Judged) -> Iterator[record.Row]:
    for what, statistic in ((AUROC, Judged.auroc), (ACCURACY, Judged.accuracy)):
        gain = cluster_bootstrap_difference(statistic, a, b, a.clusters)
        measure = f"{name}: {what} [{gain.low:+.3f}–{gain.high:+.3f}], p {gain.p:.2f}"
        yield record.Row(measure, gain.value, "")


def _clean(sides: Sides, known: Mapping[str, Floats], count: int) -> Judged:
    """Learn from the cleaned training side, those left out that a reviewer doubts."""
    records, features = sides.clean.records, _of(sides.clean.records, known)
    part, sure = folds(records, count, probing.RECIPE.train.seed).part, probing.sure(sides.clean)
    logits = np.zeros((len(records), len(probing.RECIPE.data.labels)), np.float32)
    for k in range(count):
        logits[part == k] = probing.learned(features, records, sure & (part != k), features[part == k])
    return Judged(records, logits)


def _from_published(sides: Sides, known: Mapping[str, Floats], count: int) -> Judged:
    """Judge the same folds by what was learned from the files as published."""
    records, features = sides.clean.records, _of(sides.clean.records, known)
    raw = _of(sides.published, known)
    logits = np.zeros((len(records), len(probing.RECIPE.data.labels)), np.float32)
    for tested, rows in _published_sides(sides, count):
        logits[tested] = probing.learned(raw, sides.published, rows, features[tested])
    return Judged(records, logits)


def _published_sides(sides: Sides, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give which cleaned photographs a fold tests, and which files as published may be learned from."""
    part = folds(sides.clean.records, count, probing.RECIPE.train.seed).part
    found = {r.sha256: r.group for r in sides.published}
    for k in range(count):
        tested = [r for r, p in zip(sides.clean.records, part.tolist(), strict=True) if p == k]
        shown = {r.sha256 for r in tested}
        by_links = {found[sha] for sha in shown}
        by_review = {sides.reviewed[sha] for sha in shown}
        groups = {r.group for r in tested}
        beside = {r.sha256 for r in sides.clean.records if r.group in groups}
        apart = [
            r.group not in by_links and sides.reviewed[r.sha256] not in by_review and r.sha256 not in beside
            for r in sides.published
        ]
        yield part == k, np.array(apart)


def _mean_learned(sides: Sides, count: int) -> str:
    part = folds(sides.clean.records, count, probing.RECIPE.train.seed).part
    sure = probing.sure(sides.clean)
    clean = np.mean([(sure & (part != k)).sum() for k in range(count)])
    published = np.mean([rows.sum() for _, rows in _published_sides(sides, count)])
    return f"{clean:.0f} cleaned photographs, or {published:.0f} files as published"


def _folded(
    records: Sequence[ImageRecord], published: Sequence[ImageRecord], known: Mapping[str, Floats], count: int
) -> Judged:
    """Learn and judge by the groups of `records`; intervals are by those of the same photographs as published."""
    features = _of(records, known)
    part = folds(records, count, probing.RECIPE.train.seed).part
    logits = np.zeros((len(records), len(probing.RECIPE.data.labels)), np.float32)
    for k in range(count):
        logits[part == k] = probing.learned(features, records, part != k, features[part == k])
    return Judged(published, logits)


def _of(records: Sequence[ImageRecord], known: Mapping[str, Floats]) -> Floats:
    return np.stack([known[r.sha256] for r in records])


if __name__ == "__main__":
    main()
