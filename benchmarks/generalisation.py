"""Claim: which test on one collection foretells what a network is worth on another curator's photographs.

Linear probes on frozen features, mpox against the other rashes; healthy skin is learned from and not tested. The tests:
grouped folds, as everywhere; whole kinds of look held out (k-means on CLIP features, pairs compared within a part
alone, the mean over some starts); whole bands of skin tone held out, likewise; grouped folds with harsh variants
judged; and the grouped folds again, pairs of one tone band alone. No group is cut by any.

A run that is stopped goes on where it was when it is given the same --work.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

import probing
import record
from held_out import Ground, both, ground_of, held_out
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, WeightsError
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.subgroups import Answers, auroc_within
from mpoxlens.schema import Floats

LOOKING = "clip-vit-b16"  # whose features tell kinds of look apart
FAMILIES = (LOOKING, "efficientnet-lite0", "efficientnet-lite2", "dinov2-s", "mobilenet-v1")
KNOWN = {LOOKING: 0.886, "efficientnet-lite0": 0.791}  # AUROC of the same probes on another curator's photographs
LOOKS = 6
FOLDS, HELD_LOOK, HELD_TONE, HARSH, WITHIN = (
    "grouped folds",
    "held-out looks",
    "held-out tones",
    "harsh variants",
    "grouped folds, within tone",
)
TESTS = (FOLDS, HELD_LOOK, HELD_TONE, HARSH, WITHIN)
Drawn = Mapping[str, Doubles]  # AUROC [1 + B] by test


def main() -> None:
    """Make features, hold out, and compare."""
    parser = record.arguments(__doc__)
    parser.add_argument("--data", type=Path, help="a workspace of the shared photographs after `apply`")
    parser.add_argument("--work", type=Path, help="keep the features here")
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES, help=f"{LOOKING} is needed")
    parser.add_argument("--variants", type=int, default=2, help="harsh ones a photograph; 0 leaves that test out")
    parser.add_argument(
        "--predictions", action="append", default=[], metavar="NAME=FILE", help="a run's predictions.parquet as well"
    )
    given = parser.parse_args()
    if not given.quick and given.data is None:
        parser.error("--data is needed, a workspace after `mpoxlens data apply`")
    torch.manual_seed(0)  # the quick run's network has no base weights
    with tempfile.TemporaryDirectory() as scratch:
        manifest, features = _features(given, Path(scratch))
        ground = ground_of(manifest, features[LOOKING][0], 2 if given.quick else LOOKS, 5 if given.quick else 10)
        found = {name: _tried(ground, each) for name, each in features.items()}
        trained = dict(_trained(ground, one) for one in given.predictions)
    rows = [*_rows(found), *_foretold(found), *_rows(trained)]
    packages = ("mpoxlens", "torch", "timm", "transformers", "scikit-learn")
    record.finish("generalisation", rows, quick=given.quick, notes=_notes(ground, found), packages=packages)


def _features(given: argparse.Namespace, folder: Path) -> tuple[Manifest, dict[str, Floats]]:
    """Return the features [V, N, D] of each family that can be had, plain photographs first."""
    if given.quick:
        manifest = probing.drawn(folder / "drawn")
        views = 1 + given.variants
        return manifest, {LOOKING: probing.features_of(manifest, probing.QUICK, folder / "quick.parquet", views)}
    work, found = Workspace(given.data), {}
    manifest = work.clean()
    for family in dict.fromkeys([LOOKING, *given.families]):
        try:
            found[family] = _views(work, family, given.work or folder, given.variants)
        except WeightsError as error:
            if family == LOOKING:
                raise
            print(f"{family} left out: {error}", file=sys.stderr, flush=True)
    return manifest, found


def _views(work: Workspace, family: str, folder: Path, variants: int) -> Floats:
    manifest = work.clean()
    known = probing.plain_of(work, family, folder)
    plain = np.stack([known[r.sha256] for r in manifest.records])[None]
    if not variants:
        return plain
    path = folder / f"varied-{family}.parquet"
    varied = probing.features_of(manifest, probing.model_of(family), path, 1 + variants)
    return np.concatenate([plain, varied[1:]])


def _tried(ground: Ground, features: Floats) -> Drawn:
    """Put one network's features [V, N, D] to every test."""
    rash, positive, draws = ground.rash, ground.positive, ground.draws
    plain, *harsh = held_out(ground, features, ground.fold)
    looks = [ground.within(held_out(ground, features[:1], part)[0], part) for part in ground.look]
    tones = ground.within(held_out(ground, features[:1], ground.held_tone)[0], ground.held_tone)
    found = {
        FOLDS: weighted.auroc(positive, plain[rash], draws.weights),
        HELD_LOOK: np.mean(looks, axis=0),
        HELD_TONE: tones,
        WITHIN: ground.within(plain, ground.tone),
    }
    if harsh:
        varied, weights = np.concatenate([score[rash] for score in harsh]), np.tile(draws.weights, len(harsh))
        found[HARSH] = weighted.auroc(np.tile(positive, len(harsh)), varied, weights)
    return found


def _trained(ground: Ground, given: str) -> tuple[str, Drawn]:
    """Put a trained network's out-of-fold predictions to the tests that need no learning."""
    name, _, file = given.partition("=")
    p = Predictions.read(Path(file))
    band = {r.sha256: tone for r, tone in zip(ground.manifest.records, ground.tone, strict=True)}
    if p.labels != probing.RECIPE.data.labels or not set(p.sha256) <= set(band):
        raise DataError(file, "predictions of other photographs or labels", "give those of a run on --data")
    p = p.take(p.asked(probing.RECIPE.data.without))
    draws, score, positive = Draws.of(p.cluster), probing.score_of(p.logits), p.target == p.positive
    answers = Answers(positive, score, positive, p.cluster)
    within = auroc_within(answers, [band[sha] for sha in p.sha256], draws)
    return name, {FOLDS: weighted.auroc(positive, score, draws.weights), WITHIN: within}


def _rows(found: Mapping[str, Drawn]) -> Iterator[record.Row]:
    for name, drawn in found.items():
        for test in (test for test in TESTS if test in drawn):
            one = figure(drawn[test])
            yield record.Row(probing.told(f"{name}: {test}", one), one.value, "")


def _foretold(found: Mapping[str, Drawn]) -> Iterator[record.Row]:
    """Say how near each test comes to what is known of another curator's photographs, and to their difference."""
    if not KNOWN.keys() <= found.keys():
        return
    better, other = KNOWN
    for test in _done(found):
        off = float(np.mean([found[name][test][0] - known for name, known in KNOWN.items()]))
        yield record.Row(f"{test}: mean excess over the two known figures", off, "")
        gap = figure(found[better][test] - found[other][test])
        yield record.Row(probing.told(f"{test}: {better} less {other}", gap, signed=True), gap.value, "")


def _notes(ground: Ground, found: Mapping[str, Drawn]) -> str:
    positive = ground.positive
    clusters = len({ground.manifest.records[i].group for i in ground.rash})
    spread = [sum(both(ground, part)) for part in ground.look]
    told = (
        f"AUROC, {len(positive)} photographs of a rash in {clusters} clusters, {positive.sum()} of mpox; probes with C"
        f" {probing.RECIPE.train.inverse_penalty:g}; of the kinds of look {min(spread)} to {max(spread)} hold mpox and"
        " another rash. 95 % intervals by bootstrap of clusters, for fixed parts."
    )
    if not KNOWN.keys() <= found.keys():
        return told
    known = ", ".join(f"{name} {value:.3f}" for name, value in KNOWN.items())
    return (
        f"{told} Known for another curator's photographs: {known} (measured elsewhere, on photographs that are not"
        f" here). Nearest in size: {_nearest(found)}; nearest in the difference of the two: {_nearest_gap(found)}."
        f" {_ordering(found)}"
    )


def _done(found: Mapping[str, Drawn]) -> list[str]:
    """Return the tests that were made, in the order of `TESTS`."""
    return [test for test in TESTS if test in found[LOOKING]]


def _nearest(found: Mapping[str, Drawn]) -> str:
    return min(_done(found), key=lambda test: sum(abs(found[name][test][0] - known) for name, known in KNOWN.items()))


def _nearest_gap(found: Mapping[str, Drawn]) -> str:
    (better, high), (other, low) = KNOWN.items()
    return min(_done(found), key=lambda test: abs(found[better][test][0] - found[other][test][0] - (high - low)))


def _ordering(found: Mapping[str, Drawn]) -> str:
    better, other = KNOWN
    wrong = [test for test in _done(found) if found[better][test][0] <= found[other][test][0]]
    return f"Put in the wrong order by: {', '.join(wrong)}." if wrong else "Every test puts the two in the right order."


if __name__ == "__main__":
    main()
