"""`mpoxlens explain leaderboard`: which map is true enough to be shown. A verb and no logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mpoxlens.explain.leaderboard.rows import Contender, Picture

FOLDER = click.Path(path_type=Path)
QUICK = 8  # phantoms
QUICK_SAMPLES = 64


@click.command()
@click.option("--bundle", "bundles", type=FOLDER, multiple=True, help="A bundle's folder; the shipped one by default.")
@click.option("--run", "runs", type=FOLDER, multiple=True, help="A run of mpoxlens train: its float network.")
@click.option("--control", is_flag=True, help="Also networks that are known to read lesions; needs torch.")
@click.option("--data", type=FOLDER, help="A workspace, of whose mpox photographs --photos are taken.")
@click.option("--out", type=FOLDER, required=True, help="Where table and page go; what stopped goes on from there.")
@click.option("--methods", help="Names with commas between; all that a network allows by default.")
@click.option("--phantoms", type=click.IntRange(2), default=100, show_default=True, help="How many are drawn.")
@click.option("--photos", type=click.IntRange(1), default=20, show_default=True, help="How many of --data, at most.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--quick", is_flag=True, help=f"{QUICK} phantoms and few samples: it proves that it works, and no more.")
def leaderboard(
    bundles: Sequence[Path],
    runs: Sequence[Path],
    control: bool,
    data: Path | None,
    out: Path,
    methods: str | None,
    phantoms: int,
    photos: int,
    seed: int,
    quick: bool,
) -> None:
    """Measure how true each method's map is, and name the one to show by a written rule."""
    from mpoxlens.cli_data import workshop
    from mpoxlens.datasets.progress import progress
    from mpoxlens.explain.leaderboard.contenders import networks, photographs_of
    from mpoxlens.explain.leaderboard.rows import Plan

    board = workshop("mpoxlens.explain.leaderboard.run", "mpoxlens explain leaderboard", "data")
    page = workshop("mpoxlens.explain.leaderboard.page", "mpoxlens explain leaderboard", "data")
    contenders: list[Contender] = networks(bundles, runs, control=control)
    shown: list[Picture] = photographs_of(data, contenders[0], photos) if data else []
    plan = Plan(QUICK if quick else phantoms, len(shown), seed, samples=QUICK_SAMPLES if quick else 0)
    asked = [name.strip() for name in methods.split(",") if name.strip()] if methods else []
    with progress() as tell:
        found = board.run(contenders, asked, plan, out, shown, tell)
    for one in found:
        for sentence in page.lead(one):
            click.echo(sentence)
    click.echo(f"page: {out / 'leaderboard.html'}")
