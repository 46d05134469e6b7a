"""Claim: how well the language-vision model judges photographs, alone and with a simulated history.

The models of a cross-validation, each on photographs of which it saw no patient and no near-duplicate, against the
default bundle's network, a frozen-CLIP probe, the history by itself and the exact combination. Nothing is trained here:
the runs of `mpoxlens vlm crossval` and `mpoxlens crossval` are named. A stopped evaluation goes on where it was.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import probing
import record
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.vlm import crossval
from mpoxlens.vlm.evaluate.figures import BOTH, EXACT, HISTORY, PHOTO, PROBE, STUDENT
from mpoxlens.vlm.evaluate.plan import Settings
from mpoxlens.vlm.evaluate.report import evaluation, read_rivals
from mpoxlens.vlm.instructions import make
from mpoxlens.vlm.instructions import run as asking

PAPER = 0.9038  # accuracy, as MpoxVLM's authors report it on photographs of their own
STATISTICS = {"accuracy": "accuracy", "auroc": "AUROC"}
TINY = """
[data]
labels = ["mpox", "chickenpox", "measles", "healthy"]
[model]
size = "tiny"
[train]
folds = 2
batch = 2
views = 1
window = 2
read_steps = 1
align_steps = 1
tune_steps = 1
"""


def main() -> None:
    """Evaluate, and record what is claimed."""
    parser = record.arguments(__doc__)
    parser.add_argument("--run", type=Path, help="folder that `mpoxlens vlm crossval` left")
    parser.add_argument("--data", type=Path, help="the workspace that it was run on")
    parser.add_argument("--student", type=Path, help="predictions.parquet of the default bundle's cross-validation")
    parser.add_argument("--probe", type=Path, help="predictions.parquet of a frozen-CLIP probe's")
    parser.add_argument("--ablation", action="append", default=[], help="NAME=FOLDER of a run without a part")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings()
        if options.quick:
            settings = Settings(worded=4, spoilt=3, drawn=4, described=2)
            options.run, options.data = tiny(Path(scratch))
        elif options.run is None or options.data is None:
            parser.error("name a run and its workspace, or give --quick")
        rivals = read_rivals(options.run, options.student, options.probe, options.ablation)
        found = evaluation(options.run, options.data, settings, rivals, _log)
    record.finish(
        "vlm",
        [one for one in _rows(found) if math.isfinite(one.value)],
        quick=options.quick,
        notes=_notes(found, settings),
        packages=("mpoxlens", "torch", "transformers", "peft"),
    )


def _rows(found: Mapping[str, Any]) -> Iterator[record.Row]:
    yield from _accuracy(found["accuracy"])
    histories = found["histories"]
    for question in ("rash_only", "with_healthy"):
        one, words = histories[question], question.replace("_", " ")
        yield row(f"divergence from the exact combination, {words}", one["divergence"], "nat", goal=0.05)
        yield row(f"the same, history not read, {words}", one["divergence_unread"], "nat")
    if histories["flips"]["flips"]:
        yield row("an answer flipped: moves the right way", histories["flips"]["right_direction"])
        yield row("an answer flipped: slope on the exact change", histories["flips"]["slope"])
    consistency = found["consistency"]
    yield row("same decision in all wordings of training", consistency["trained"]["all"], goal=0.98, at_least=True)
    yield row("same decision in pairs of these wordings", consistency["trained"]["pairs"])
    yield row("same decision in all wordings held out", consistency["held-out"]["all"])
    yield row("AUROC, wordings held out less those of training", consistency["auroc"]["difference"])
    refusal = found["refusal"]
    if drawn := refusal.get("no photograph of skin"):
        yield row("refused of what is no photograph of skin", drawn["refused"], goal=0.95, at_least=True)
    yield row("refused of what cannot be judged", refusal["cannot be judged"]["refused"], goal=0.95, at_least=True)
    for kind, one in refusal["cannot be judged"]["by_kind"].items():
        yield row(f"refused, {kind}", one)
    yield row("refused of photographs of a rash", refusal["rash"]["refused"])
    for topic, one in found["phantoms"].items():
        yield row(f"drawings: stated wrongly, {topic}", one["wrong"])
        yield row(f"the same, nothing plain stated, {topic}", one["unclear"])
        yield record.Row(f"the same, the commonest always told, {topic}", one["wrong_by_commonest"], "")
    for one in found.get("ablations", {}).get("rash_only", {}).get("differences", []):
        for name, words in STATISTICS.items():
            p = one[name]["p_holm"]
            yield row(f"{words}, rash only, {one['of']} less {one['over']}, p {p:.3f} (Holm)", one[name])


def _accuracy(found: Mapping[str, Any]) -> Iterator[record.Row]:
    for question, judged in found.items():
        words = question.replace("_", " ")
        for name, one in judged["judges"].items():
            goal = PAPER if name == PHOTO else None
            yield row(f"accuracy, {words}, {name}", one["accuracy"], goal=goal, at_least=True)
            yield row(f"AUROC, {words}, {name}", one["auroc"])
        for one in judged["differences"]:
            # With a history better than either part; alone not below the default bundle.
            wanted = (one["of"], one["over"]) in ((BOTH, PHOTO), (BOTH, HISTORY), (PHOTO, STUDENT))
            for name, words_ in STATISTICS.items():
                measure = f"{words_}, {words}, {one['of']} less {one['over']}, p {one[name]['p_holm']:.3f} (Holm)"
                yield row(measure, one[name], goal=0.0 if wanted else None, at_least=True)


def row(
    measure: str,
    figure: Mapping[str, float | None],
    unit: str = "",
    goal: float | None = None,
    *,
    at_least: bool = False,
) -> record.Row:
    """Return a figure of an evaluation as a row, its interval in the measure."""
    low, high = figure["low"], figure["high"]
    interval = "" if low is None or high is None else f" [{low:.3f} to {high:.3f}]"
    value = figure["value"]
    return record.Row(f"{measure}{interval}", float("nan") if value is None else value, unit, goal, at_least)


def _notes(found: Mapping[str, Any], settings: Settings) -> str:
    all_, rash = (found["accuracy"][question] for question in ("with_healthy", "rash_only"))
    told = found["histories"]["with_healthy"]["unknown_answers"]
    return (
        f"{all_['photos']} photographs in {all_['clusters']} groups, {rash['photos']} of a rash, judged out of fold;"
        f" 95 % intervals by bootstrap of groups. Histories are simulated under the profile {settings.profile}, with"
        f" {told:.0%} of the answers unknown. {EXACT}: the model's own calibrated answer to the photograph with the"
        f" history by Bayes. {STUDENT} and {PROBE}: their own grouped cross-validation. Divergence: D(exact || model)."
    )


def tiny(scratch: Path) -> tuple[Path, Path]:
    """Return run and workspace of a random model on drawings: the script alone is tried."""
    data, recipe, run = probing.workspace(scratch, 8), scratch / "tiny.toml", scratch / "run"
    recipe.write_text(TINY, encoding="utf-8")
    asking.run(Workspace(data), scratch / "asked", make.Settings(phantoms=2, per_photo=1))
    crossval.run(recipe, data, scratch / "asked", run)
    return run, data


def _log(stage: str, done: int, of: int) -> None:
    print(f"{stage}: {done} of {of}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
