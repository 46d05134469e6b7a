"""Claim: what the parts of MpoxVLM are worth to mini, on photographs alone.

Each variant is recipes/vlm-mini.toml without one part, all of them with the same few steps of tuning, on the same folds
and from the same reading of histories. Differences are paired, their intervals by bootstrap of clusters, their p-values
corrected for the number of variants (Holm). What a second training with another seed would change is not in the
intervals. A fold that is done is not done again: give the same --work to go on.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import record
import vlm
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.vlm import crossval
from mpoxlens.vlm.evaluate.ablation import FULL, ablations
from mpoxlens.vlm.evaluate.scores import Scores, of_predictions
from mpoxlens.vlm.recipe import VlmRecipe, load

STEPS, FOLDS = 100, (0, 1)
READING = "reading"  # of a run: what it learned of histories alone


def variants(recipe: VlmRecipe) -> dict[str, VlmRecipe]:
    """Return the recipe and what it is without each part."""
    t = recipe.train
    changed = {
        FULL: t,
        "without CLIP": replace(t, blind="photo"),
        "without the skin expert": replace(t, blind="skin"),
        "without histories": replace(t, no_history=1.0, diagnosis=1.0),
        "without stage 1 and the probed beginning": replace(t, align_steps=0, probed=False),
    }
    return {name: replace(recipe, train=train) for name, train in changed.items()}


def main() -> None:
    """Train what is not trained yet, and compare."""
    parser = record.arguments(__doc__)
    parser.add_argument("--data", type=Path, help="a workspace of the shared photographs after `apply`")
    parser.add_argument("--instructions", type=Path, help="folder of `mpoxlens vlm instructions` on it")
    parser.add_argument("--features", type=Path, help="keeps what the encoders see; --work without it")
    parser.add_argument("--work", type=Path, help="a folder for the runs, one a variant")
    given = parser.parse_args()
    if not given.quick and None in (given.data, given.instructions, given.work):
        parser.error("--data, --instructions and --work are needed")
    with tempfile.TemporaryDirectory() as scratch:
        if given.quick:
            given.work, given.data = vlm.tiny(Path(scratch))
            given.instructions = Path(scratch) / "asked"
            recipe = load(Path(scratch) / "tiny.toml")
        else:
            recipe = load(record.ROOT / "recipes" / "vlm-mini.toml")
            recipe = replace(recipe, train=replace(recipe.train, tune_steps=STEPS))
        features = given.features or given.work
        runs = {name: _scores(name, one, given, features) for name, one in variants(recipe).items()}
    found = ablations(runs.pop(FULL), runs)
    notes = (
        f"Folds {' and '.join(str(fold + 1) for fold in FOLDS)} of {recipe.train.folds}, "
        f"{recipe.train.tune_steps} steps of stage 2 each; rash only is {found['rash_only']['photos']} photographs. "
        "All begin with what was learned of histories alone. The teacher of every variant is a probe of CLIP, so that "
        "without CLIP its word is still learned from."
    )
    rows = [row for row in _rows(found) if math.isfinite(row.value)]
    record.finish(
        "vlm_ablations", rows, quick=given.quick, notes=notes, packages=("mpoxlens", "torch", "transformers", "peft")
    )


def _scores(name: str, recipe: VlmRecipe, given: Any, features: Path) -> Scores:
    out = given.work / name.replace(" ", "-")
    first = given.work / FULL / READING
    if first.exists() and not (out / READING).exists():
        shutil.copytree(first, out / READING)  # the same for all: no variant changes it
    print(name, file=sys.stderr, flush=True)
    with crossval.opened(recipe, given.data, given.instructions, out, features) as work:
        found = crossval.cross_validate(work, FOLDS)
    records = {r.sha256: r for r in Workspace(given.data).clean().records if r.sha256 in set(found.sha256)}
    labels, groups = ({sha: getattr(r, what) for sha, r in records.items()} for what in ("label", "group"))
    return of_predictions(found, labels, groups)


def _rows(found: Mapping[str, Any]) -> Iterator[record.Row]:
    for question, judged in found.items():
        words = question.replace("_", " ")
        for name, one in judged["judges"].items():
            for key, statistic in vlm.STATISTICS.items():
                yield vlm.row(f"{statistic}, {words}, {name}", one[key])
        for one in judged["differences"]:
            for key, statistic in vlm.STATISTICS.items():
                p = one[key]["p_holm"]
                yield vlm.row(f"{statistic}, {words}, {one['of']} less {FULL}, p {p:.3f} (Holm)", one[key])


if __name__ == "__main__":
    main()
