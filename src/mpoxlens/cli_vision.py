"""The verbs that make and judge models. Verbs and no logic, as in `cli`; what they need is imported inside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mpoxlens.cli_data import workshop

FOLDER = click.Path(path_type=Path)
EPILOG = """\b
Exit codes: 0 done; 2 nothing could be done; 130 stopped with Ctrl-C.
A run that was stopped goes on when the same command is given again."""
DATA = click.option("--data", type=FOLDER, required=True, help="Photographs by class or table, or a workspace of data.")
OUT = click.option("--out", type=FOLDER, required=True, help="The run's folder; a run that stopped goes on from there.")


@click.command(epilog=EPILOG)
@click.argument("recipe", type=FOLDER)
@DATA
@OUT
def train(recipe: Path, data: Path, out: Path) -> None:
    """Train a model by a recipe and write its bundle."""
    training = workshop("mpoxlens.vision.train", "mpoxlens train", "train")
    bundle = training.run(recipe, data, out)
    workshop("mpoxlens.vision.summary", "mpoxlens train", "train").trained(bundle)


@click.command(epilog=EPILOG)
@click.argument("recipe", type=FOLDER)
@DATA
@OUT
def crossval(recipe: Path, data: Path, out: Path) -> None:
    """Cross-validate a recipe: predictions.parquet, figures.json."""
    validation = workshop("mpoxlens.vision.crossval", "mpoxlens crossval", "train")
    found = validation.run(recipe, data, out)
    summary = workshop("mpoxlens.vision.summary", "mpoxlens crossval", "train")
    summary.cross_validated(found)
    summary.written(predictions=out / "predictions.parquet", figures=out / "figures.json")


@click.command(epilog=EPILOG)
@click.argument("recipe", type=FOLDER)
@DATA
@OUT
@click.option("--storage", default="", help="URL of a database that several machines share; else a file in OUT.")
def search(recipe: Path, data: Path, out: Path, storage: str) -> None:
    """Search the settings of [search] inside the training folds: best.toml, trials.csv."""
    searching = workshop("mpoxlens.vision.search", "mpoxlens search", "train")
    found = searching.run(recipe, data, out, storage)
    workshop("mpoxlens.vision.summary", "mpoxlens search", "train").searched(found)
    click.echo(f"recipe: {out / 'best.toml'}")


@click.command(epilog=EPILOG)
@click.argument("recipe", type=FOLDER)
@DATA
@OUT
def compare(recipe: Path, data: Path, out: Path) -> None:
    """Compare the backbones of [compare] on the same folds: compare.md, compare.html."""
    comparing = workshop("mpoxlens.vision.compare", "mpoxlens compare", "train")
    found = comparing.run(recipe, data, out)
    summary = workshop("mpoxlens.vision.summary", "mpoxlens compare", "train")
    summary.compared(found)
    summary.written(comparison=out / "compare.md")


@click.command(epilog=EPILOG)
@click.argument("recipe", type=FOLDER)
@click.option("--data", type=FOLDER, multiple=True, required=True, help="Photographs without labels; may be repeated.")
@OUT
@click.option("--apart", type=FOLDER, help="Photographs that will be tested on; none of them, and no copy, is used.")
def mae(recipe: Path, data: Sequence[Path], out: Path, apart: Path | None) -> None:
    """Continue the training of a vision transformer on photographs without labels."""
    continuing = workshop("mpoxlens.vision.mae", "mpoxlens mae", "train")
    click.echo(f"weights: {continuing.run(recipe, data, out, apart)}")


@click.command(epilog=EPILOG)
@click.argument("bundle", type=FOLDER)
@click.argument("dataset", type=FOLDER)
@click.option("--against", type=FOLDER, help="Workspace of what the bundle learned from, to look for copies there.")
@click.option("--out", type=FOLDER, help="Write the report and all figures into this folder.")
@click.option(
    "--stress/--no-stress", default=True, help="Probe shortcuts and robustness, which takes most of the time."
)
@click.option("--json", "as_json", is_flag=True, help="Print all figures as one JSON object.")
def evaluate(bundle: Path, dataset: Path, against: Path | None, out: Path | None, stress: bool, as_json: bool) -> None:
    """Judge a bundle, or an adapter of vlm, on photographs that it has not learned from."""
    external = workshop("mpoxlens.evaluation.external", "mpoxlens evaluate", "train")
    external.command(bundle, dataset, against, out, as_json, stress)


VERBS = (train, crossval, search, compare, mae, evaluate)
