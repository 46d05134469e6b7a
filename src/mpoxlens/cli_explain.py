"""`mpoxlens explain`: verbs that say why, and whether what they say is true. Verbs and no logic, as in `cli`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mpoxlens.explain.concepts_command import check_map, concepts
from mpoxlens.explain.history_command import history
from mpoxlens.explain.leaderboard_command import leaderboard
from mpoxlens.explain.study_command import study

FOLDER = click.Path(path_type=Path)
EPILOG = """\b
Methods for every bundle: cam (default; exact, one pass), occlusion, rise, lime, kernel_shap.
Methods that need torch and --run: gradcam, gradcam++, hirescam, layercam,
integrated_gradients, smoothgrad, rollout.
Exit codes: 0 everything done; 1 some photos were refused; 2 nothing could be done; 130 stopped with Ctrl-C."""


@click.group()
def explain() -> None:
    """Ask why the network says what it says, and whether that is true."""


@explain.command(epilog=EPILOG)
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True)
@click.option("--method", default="cam", show_default=True, help="How to explain.")
@click.option("--bundle", type=FOLDER, help="The bundle's folder, instead of the shipped bundle.")
@click.option("--run", type=FOLDER, help="The folder of a run of `mpoxlens train`: its float network is explained.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of whatever is random.")
@click.option("--samples", type=click.IntRange(1), help="Passes of a sampling method, instead of its default.")
@click.option("--out", type=FOLDER, help="Folder for a picture of each photo with the heat over it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def photo(
    ctx: click.Context,
    photos: Sequence[str],
    method: str,
    bundle: Path | None,
    run: Path | None,
    seed: int,
    samples: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show where in a photo the evidence lies: files, folders with all below them, and patterns."""
    from mpoxlens.explain.photo_command import Asked, command

    ctx.exit(command(photos, bundle, run, Asked(method, seed, samples, out, as_json)))


for verb in (history, leaderboard, check_map, concepts, study):
    explain.add_command(verb)
