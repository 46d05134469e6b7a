"""Claim: what masked-autoencoder continuation does for a frozen probe, against the same encoder without it.

The shared photographs, cleaned and grouped, in grouped folds. In each fold DINOv2-S goes on learning on the training
side alone, labels unread, with the settings of recipes/mae.toml; then logistic regression is fitted on the features of
both encoders, and both judge the test side. The difference is paired, and its interval is by bootstrap of clusters.
A run that is stopped goes on where it was when it is given the same --work.

Five folds of 12 epochs. The comparison that decides was chosen before the first run to the end: rash only, class token.
The others are told for completeness.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import record
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest, clustered
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.reviews import read_reviews
from mpoxlens.datasets.split import folds
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.metrics import Doubles, auroc, with_interval
from mpoxlens.evaluation.paired import cluster_bootstrap_difference
from mpoxlens.schema import Floats, Pixels
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.data import inputs, load_pixels
from mpoxlens.vision.mae import check_unseen, continue_on
from mpoxlens.vision.mae.model import Transformer
from mpoxlens.vision.probe import fit_probe
from mpoxlens.vision.recipe import MaeRecipe, ModelRecipe, Recipe, load

DATA = record.ROOT.parent / "shared" / "data" / "skin"
REVIEWS = ("common.csv", "third-reading.csv")
POOLS = ("mean of the patches", "class token")
LOOKS = {"mpox": ("pustule", 9), "chickenpox": ("vesicle", 9), "measles": ("macule", 30), "healthy": ("macule", 0)}
ARMS = ("base weights", "continued")


@dataclass(frozen=True, eq=False)
class Measured:
    """Out-of-fold logits of both arms, and what the continuation cost."""

    logits: dict[tuple[str, str], Floats]  # [N, C] by (arm, pool)
    milliseconds: float  # a photograph and epoch


def main() -> None:
    """Continue, probe, and compare."""
    parser = record.arguments(__doc__)
    parser.add_argument("--data", type=Path, help="a workspace of the shared photographs after `apply`")
    parser.add_argument("--work", type=Path, help="keep the encoders here, so that a stopped run goes on")
    parser.add_argument("--epochs", type=int, default=12, help="of the continuation; the recipe has more")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        recipe = load(record.ROOT / "recipes" / "mae.toml")
        recipe = replace(recipe, mae=replace(recipe.mae, epochs=options.epochs))
        if options.quick:
            manifest, recipe, options.folds = _drawn(Path(scratch) / "drawn"), _small(recipe), 2
        elif DATA.is_dir():
            manifest = _shared(options.data or Path(scratch) / "work")
        else:
            print("the shared photographs are not on this machine: nothing measured")
            return
        found = _measure(recipe, manifest, options.folds, options.work or Path(scratch))
    notes = (
        f"{len(manifest.records)} photographs, {options.folds} grouped folds; {recipe.model.backbone},"
        f" {recipe.model.size} px, masked {recipe.mae.mask:.0%}, {recipe.mae.epochs} epochs on the training side of"
        " each fold; logistic regression on frozen features."
    )
    rows = [*_rows(recipe, manifest, found)]
    record.finish("mae_ablation", rows, quick=options.quick, notes=notes, packages=("mpoxlens", "torch", "timm"))


def _measure(recipe: Recipe, manifest: Manifest, count: int, work: Path) -> Measured:
    pixels = load_pixels(manifest.root, manifest.records)
    fold = folds(manifest.records, count, recipe.train.seed).part
    logits = {
        (arm, pool): np.zeros((len(pixels), len(recipe.data.labels)), np.float32) for arm in ARMS for pool in POOLS
    }
    plain = _features(create(recipe.model, 2), recipe, pixels)
    spent = 0.0
    for k in range(count):
        seen, unseen = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        begun = time.perf_counter()
        encoder = continue_on(recipe, manifest, pixels, seen.tolist(), work / f"fold{k}", _Log(f"fold {k + 1}"))
        spent += time.perf_counter() - begun
        check_unseen(encoder, manifest, unseen.tolist())
        continued = _features(create(replace(recipe.model, weights=str(encoder)), 2), recipe, pixels)
        for arm, features in zip(ARMS, (plain, continued), strict=True):
            for pool, values in features.items():
                logits[arm, pool][unseen] = _probed(recipe, manifest, values, seen, unseen)
        print(f"fold {k + 1} of {count} done", file=sys.stderr, flush=True)
    learned_from = (count - 1) * len(pixels)  # by all folds together
    return Measured(logits, 1000 * spent / (learned_from * recipe.mae.epochs))


@torch.inference_mode()
def _features(model: Classifier, recipe: Recipe, pixels: Sequence[Pixels]) -> dict[str, Floats]:
    """Return the features [N, D] of each pool."""
    transformer = Transformer(model.backbone.eval(), recipe.model.size)
    spec = preprocess_of(model, recipe.model.size)
    parts: dict[str, list[Floats]] = {pool: [] for pool in POOLS}
    for first in range(0, len(pixels), 16):
        with torch.autocast("cpu", torch.bfloat16):
            tokens = transformer.features(torch.from_numpy(inputs(pixels[first : first + 16], spec))).float()
        parts[POOLS[0]].append(tokens[:, transformer.prefix :].mean(dim=1).numpy())
        parts[POOLS[1]].append(tokens[:, 0].numpy())
    return {pool: np.concatenate(part) for pool, part in parts.items()}


def _probed(recipe: Recipe, manifest: Manifest, features: Floats, seen: np.ndarray, unseen: np.ndarray) -> Floats:
    unsure = {sha for sha, flags in manifest.flags.items() if flags & set(recipe.data.unsure)}
    sure = [i for i in seen.tolist() if manifest.records[i].sha256 not in unsure]
    targets = [recipe.data.labels.index(manifest.records[i].label) for i in sure]
    probe = fit_probe(features[sure], targets, [manifest.records[i].group for i in sure], recipe)
    return probe.logits(features[unseen])


def _rows(recipe: Recipe, manifest: Manifest, found: Measured) -> Iterator[record.Row]:
    label = np.array([r.label for r in manifest.records])
    cluster = np.array([r.group for r in manifest.records])
    for question, left_out in (("rash only", recipe.data.without), ("with healthy", ())):
        asked = ~np.isin(label, left_out)
        positive, clusters = label[asked] == recipe.data.positive, cluster[asked].tolist()
        for pool in POOLS:
            scores = {arm: _score(recipe, found.logits[arm, pool][asked]) for arm in ARMS}
            for arm, score in scores.items():
                figure = with_interval(lambda r, p=positive, s=score: auroc(p[r], s[r]), clusters)  # type: ignore[misc]
                measure = f"AUROC, {question}, {pool}, {arm} [{figure.low:.3f}–{figure.high:.3f}]"
                yield record.Row(measure, figure.value, "")
            gain = cluster_bootstrap_difference(
                lambda s, w, p=positive: weighted.auroc(p, s, w),  # type: ignore[misc]
                scores[ARMS[1]],
                scores[ARMS[0]],
                clusters,
            )
            measure = f"gain by continuation, {question}, {pool} [{gain.low:+.3f}–{gain.high:+.3f}], p {gain.p:.2f}"
            yield record.Row(measure, gain.value, "")
    yield record.Row("continuation, a photograph and epoch", found.milliseconds, "ms")


def _score(recipe: Recipe, logits: Floats) -> Doubles:
    """Return the log-odds [N] of the positive label against the others."""
    column = recipe.data.labels.index(recipe.data.positive)
    others = np.delete(logits.astype(np.float64), column, axis=1)
    return np.asarray(logits[:, column] - np.logaddexp.reduce(others, axis=1))


class _Log:
    """A line an epoch or so on stderr."""

    def __init__(self, name: str) -> None:
        self.name, self.shown = name, 0

    def __call__(self, stage: str, done: int, of: int) -> None:
        if done * 10 // of > self.shown:
            self.shown = done * 10 // of
            print(f"{self.name}: {stage}, {done} of {of} steps", file=sys.stderr, flush=True)


def _shared(path: Path) -> Manifest:
    work = Workspace(path)
    if not work.table("clean").exists():
        ingest(work, [DATA])
        duplicates(work)
        apply(work, [one for name in REVIEWS for one in read_reviews(record.ROOT / "reviews" / name)])
    return work.clean()


def _drawn(root: Path) -> Manifest:
    for row, (label, (stage, count)) in enumerate(LOOKS.items()):
        (root / label).mkdir(parents=True)
        for i in range(8):
            phantom = draw(100 * row + i, stage=stage, count=count, tone=50 - 12 * i, size=96)  # type: ignore[arg-type]
            Image.fromarray(phantom.pixels).save(root / label / f"{i}.png")
    found = collect([root])
    return replace(found, records=clustered(found, []))


def _small(recipe: Recipe) -> Recipe:
    model = ModelRecipe(backbone="test_vit", weights="none", frozen_blocks=0, size=160)
    return replace(recipe, model=model, mae=MaeRecipe(epochs=2, batch=8, decoder_width=64))


if __name__ == "__main__":
    main()
