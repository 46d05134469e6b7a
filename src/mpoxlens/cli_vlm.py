"""The verbs of the language-vision model. Verbs and no logic, as in `cli`; what they need is imported inside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mpoxlens.cli_data import workshop

FOLDER = click.Path(path_type=Path)


def _step(name: str, feature: str) -> Any:
    return workshop(f"mpoxlens.vlm.{name}", feature, "train")


@click.group()
def vlm() -> None:
    """Make and judge the model that reads photographs and histories."""


@vlm.command()
@click.option("--data", type=FOLDER, required=True, help="A workspace of data, with decisions applied.")
@click.option("--out", type=FOLDER, required=True, help="Where the question-answer set is written.")
@click.option(
    "--phantoms", type=click.IntRange(0, 100_000), default=300, show_default=True, help="Drawings that are asked about."
)
@click.option(
    "--per-photo",
    type=click.IntRange(0, 100),
    default=4,
    show_default=True,
    help="Questions after the diagnosis of each photograph, each with a history of its own.",
)
@click.option("--seed", type=click.IntRange(0, 1_000_000), default=7, show_default=True, help="Of all that is drawn.")
@click.option("--profile", default="2022", show_default=True, help="Of the frequencies that histories are drawn from.")
@click.pass_context
def instructions(
    ctx: click.Context, data: Path, out: Path, phantoms: int, per_photo: int, seed: int, profile: str
) -> None:
    """Make the question-answer set: Parquet, LLaVA JSON, Croissant.

    Histories are simulated. Photographs are named by their sha256 and never copied.
    """
    run = _step("instructions.run", "mpoxlens vlm instructions")
    ctx.exit(run.command(data, out, phantoms=phantoms, per_photo=per_photo, seed=seed, profile=profile))
