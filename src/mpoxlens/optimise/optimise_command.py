"""The verbs that write a model for a phone and measure it. Verbs and no logic; what they need is imported inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mpoxlens.cli_data import workshop
from mpoxlens.optimise.prove_command import VERBS as PROVE_VERBS
from mpoxlens.optimise.qat_settings import Settings

FOLDER = click.Path(path_type=Path)
TO = ("onnx", "litert", "executorch")
QAT = "qat-int8"
PRECISIONS = ("fp32", "fp16", "dynamic-int8", "static-int8", QAT)
EPILOG = """\b
Exit codes: 0 done; 2 nothing could be done, or the file is too far from the float network and was not written;
130 stopped with Ctrl-C."""


@click.command(epilog=EPILOG)
@click.argument("run", metavar="BUNDLE_OR_RUN", type=FOLDER)
@click.option("--to", type=click.Choice(TO), default="onnx", show_default=True)
@click.option("--precision", type=click.Choice(PRECISIONS), default="static-int8", show_default=True)
@click.option("--data", type=FOLDER, required=True, help="Workspace that the run was trained on: ranges come from it.")
@click.option("--check", type=FOLDER, help="Workspace to compare on, instead of the one of --data.")
@click.option("--out", type=FOLDER, required=True, help="Folder for the file and its description.")
@click.option("--epochs", type=click.IntRange(1), default=Settings.epochs, show_default=True, help="Of qat-int8.")
@click.option("--batch", type=click.IntRange(1), default=Settings.batch, show_default=True, help="Of qat-int8.")
@click.option(
    "--lr",
    type=click.FloatRange(0, 1, min_open=True),
    default=Settings.lr,
    show_default=True,
    help="Learning rate of qat-int8.",
)
@click.option("--seed", type=click.IntRange(0), default=Settings.seed, show_default=True, help="Of qat-int8.")
def optimise(
    run: Path,
    to: str,
    precision: str,
    data: Path,
    check: Path | None,
    out: Path,
    **training: Any,
) -> None:
    """Write a trained model for a runtime and a precision, once it is shown to agree with the float network."""
    ctx = click.get_current_context()
    given = [name for name in training if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given and precision != QAT:
        raise click.UsageError(f"--{given[0]} is a setting of --precision {QAT}")
    writing = workshop("mpoxlens.optimise.write", "mpoxlens optimise", "train")
    writing.show(writing.write(run, to, precision, data, check, out, Settings(**training)))


@click.command(epilog="Exit codes: 0 done; 2 nothing could be done; 130 stopped with Ctrl-C.")
@click.argument("files", metavar="BUNDLE_OR_FILE...", type=FOLDER, nargs=-1, required=True)
@click.option("--threads", default="1", show_default=True, help="Numbers of threads, separated by commas.")
@click.option("--runs", type=click.IntRange(1, 100000), default=100, show_default=True, help="Passes timed.")
@click.option("--out", type=FOLDER, help="Write the figures to this JSON file too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def benchmark(files: Sequence[Path], threads: str, runs: int, out: Path | None, as_json: bool) -> None:
    """Measure models on this machine: size, load time, latency, throughput, peak memory."""
    measuring = workshop("mpoxlens.optimise.benchmark", "mpoxlens benchmark", "train")
    try:
        numbers = [int(word) for word in threads.split(",")]
    except ValueError:
        raise click.BadParameter("numbers separated by commas, such as 1,2", param_hint="--threads") from None
    measuring.show(measuring.benchmark(files, numbers, runs), as_json=as_json, out=out)


VERBS = (optimise, benchmark, *PROVE_VERBS)
