"""Claim: how far from its probe towards its tuned end a network should go, by kinds of look that it has not seen.

The recipe of the default bundle is trained without one kind of look (k-means on CLIP features, as in generalisation.py)
and judges it, for each kind that holds both mpox and another rash. The networks on the straight line from the frozen
probe (0) to the tuned end (1) are judged by the AUROC of mpox against other rashes, pairs within a kind alone; 95 %
intervals by bootstrap of clusters, differences to the shipped share paired. One training a kind, and two or so kinds.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

import probing
import record
from ablations import QUICK
from held_out import UNHELD, Ground, both, ground_of
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.evaluation.bootstrap import figure
from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.checkpoint import NETWORK
from mpoxlens.vision.crossval import fit_part
from mpoxlens.vision.data import inputs
from mpoxlens.vision.fit import predict
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.run_folder import Run, opened

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
LOOKING, LOOKS, FOLDS = "clip-vit-b16", 6, 10


def main() -> None:
    """Train without each kind of look, and judge the line."""
    parser = record.arguments(__doc__)
    parser.add_argument("--data", type=Path, help="a workspace of the shared photographs after `apply`")
    parser.add_argument("--work", type=Path, help="a folder for features and runs, so that a stopped run goes on")
    parser.add_argument("--recipe", type=Path, default=record.ROOT / "recipes" / "lite0.toml")
    given = parser.parse_args()
    if not given.quick and None in (given.data, given.work):
        parser.error("--data and --work are needed")
    with tempfile.TemporaryDirectory() as scratch:
        if given.quick:
            given.data, given.work = probing.workspace(Path(scratch)), Path(scratch)
            recipe = replace(QUICK, train=replace(QUICK.train, start="probe", blend=0.5))
        else:
            recipe = load(given.recipe)
        ground = _ground(Workspace(given.data), given.work, quick=given.quick)
        with opened(recipe, given.data, given.work / "blend") as run:
            scores = _scores(run, ground)
    rows = [*_rows(ground, scores, recipe.train.blend)]
    held = len({k for k in ground.look[0].tolist() if k != UNHELD})
    notes = (
        f"{recipe.bundle.name} {recipe.bundle.version} without one kind of look; {sum(both(ground, ground.look[0]))} of"
        f" {held} kinds hold mpox and another rash; {len(ground.rash)} photographs of a rash."
    )
    record.finish("blend", rows, quick=given.quick, notes=notes, packages=("mpoxlens", "torch", "timm"))


def _ground(work: Workspace, folder: Path, *, quick: bool) -> Ground:
    manifest = work.clean()
    if quick:
        return ground_of(manifest, probing.features_of(manifest, probing.QUICK, folder / "quick.parquet"), 2, 2)
    known = probing.plain_of(work, LOOKING, folder)
    return ground_of(manifest, np.stack([known[r.sha256] for r in manifest.records]), LOOKS, FOLDS)


def _scores(run: Run, ground: Ground) -> Mapping[float, Doubles]:
    """Return the scores [N] of every photograph by the networks of each share that have not seen its kind."""
    part = ground.look[0]
    scores = {share: np.zeros(len(part)) for share in SHARES}
    for k, asked in zip(sorted(set(part[ground.rash].tolist()) - {UNHELD}), both(ground, part), strict=True):
        if not asked:
            continue
        folder, rows = run.out / f"look{k}", np.flatnonzero(part == k)
        kept = fit_part(run.recipe, run.manifest, run.pixels, np.flatnonzero(part != k), folder, f"look {k}", run.tell)
        batch = inputs([run.pixels[i] for i in rows], preprocess_of(kept, run.recipe.model.size))
        for share, network in _line(run.recipe, folder):
            scores[share][rows] = probing.score_of(predict(network, batch)[0])
        print(f"look {k} done", file=sys.stderr, flush=True)
    return scores


def _line(recipe: Recipe, folder: Path) -> Iterator[tuple[float, Classifier]]:
    """Give the networks between start and end: what was kept lies at `train.blend`, the moving average at 1."""
    kept = load_file(folder / NETWORK)
    end: dict[str, Tensor] = torch.load(folder / "checkpoint.pt", weights_only=True)["average"]
    model = create(replace(recipe.model, weights="none"), len(recipe.data.labels)).eval()
    for share in SHARES:
        back = (1 - share) / (1 - recipe.train.blend)  # as multiples of the step from the end to what was kept
        model.load_state_dict({n: w.lerp(kept[n], back) if w.is_floating_point() else w for n, w in end.items()})
        yield share, model


def _rows(ground: Ground, scores: Mapping[float, Doubles], shipped: float) -> Iterator[record.Row]:
    part = ground.look[0]
    drawn = {share: ground.within(score, part) for share, score in scores.items()}
    for share, values in drawn.items():
        found = figure(values)
        yield record.Row(probing.told(f"{share:.0%} of the way: AUROC", found), found.value, "")
    for share in (share for share in drawn if share != shipped):
        found = figure(drawn[shipped] - drawn[share])
        yield record.Row(probing.told(f"{shipped:.0%} less {share:.0%}", found, signed=True), found.value, "")


if __name__ == "__main__":
    main()
