"""The verbs that judge written files and set them side by side. No logic; what they need is imported inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mpoxlens.cli_data import workshop

PATH = click.Path(path_type=Path)
EPILOG = """\b
Exit codes: 0 done; 2 nothing could be done, or the file fails the bar of its precision; 130 stopped with Ctrl-C."""


@click.command(epilog=EPILOG)
@click.argument("file", type=PATH)
@click.argument("run", type=PATH)
@click.option("--data", type=PATH, required=True, help="Workspace that the run was trained on.")
@click.option("--web", type=PATH, help="Folder dist of onnxruntime-web: run the file itself in Chromium instead.")
def parity(file: Path, run: Path, data: Path, web: Path | None) -> None:
    """Judge a written file on what was not learned from: RUN's folds, each written as FILE is."""
    proving = workshop("mpoxlens.optimise.prove", "mpoxlens parity", "train")
    proving.show(proving.prove(file, run, data, web), file)


@click.command(epilog="Exit codes: 0 done; 2 nothing could be done.")
@click.argument("benchmarks", metavar="BENCHMARK.json...", type=PATH, nargs=-1, required=True)
@click.option("--out", type=PATH, required=True, help="Folder for pareto.md and pareto.html.")
def pareto(benchmarks: Sequence[Path], out: Path) -> None:
    """Set files side by side: AUROC against size, latency and memory, and which of them the default bundle takes."""
    drawing = workshop("mpoxlens.optimise.pareto", "mpoxlens pareto", "train")
    drawing.show(*drawing.write(benchmarks, out), out)


VERBS = (parity, pareto)
