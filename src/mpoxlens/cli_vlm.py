"""The verbs of the language-vision model. Verbs and no logic, as in `cli`; what they need is imported inside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from mpoxlens.cli_data import workshop

FOLDER = click.Path(path_type=Path)


def _step(name: str, feature: str) -> Any:
    return workshop(f"mpoxlens.vlm.{name}", feature, "vlm")


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


DATA = click.option("--data", type=FOLDER, required=True, help="A workspace of data, with decisions applied.")
INSTRUCTIONS = click.option(
    "--instructions", "asked", type=FOLDER, required=True, help="Of `mpoxlens vlm instructions`."
)
OUT = click.option("--out", type=FOLDER, required=True, help="The run's folder; a run that stopped goes on from there.")
FEATURES = click.option("--features", type=FOLDER, help="Keeps what the encoders see, shared between runs; else OUT.")


@vlm.command()
@click.argument("recipe", type=FOLDER)
@DATA
@INSTRUCTIONS
@OUT
@FEATURES
def train(recipe: Path, data: Path, asked: Path, out: Path, features: Path | None) -> None:
    """Train an adapter by a recipe on all photographs."""
    training = _step("crossval", "mpoxlens vlm train")
    adapter = training.fit_all(recipe, data, asked, out, features)
    if training.is_main():
        click.echo(f"adapter: {adapter}")


@vlm.command()
@click.argument("recipe", type=FOLDER)
@DATA
@INSTRUCTIONS
@OUT
@FEATURES
@click.option(
    "--fold",
    "only",
    type=click.IntRange(0),
    multiple=True,
    help="Do this one alone, the first is 0; may be given again.",
)
def crossval(recipe: Path, data: Path, asked: Path, out: Path, features: Path | None, only: tuple[int, ...]) -> None:
    """Cross-validate a recipe: predictions.parquet, histories.parquet."""
    validation = _step("crossval", "mpoxlens vlm crossval")
    found = validation.run(recipe, data, asked, out, features, only)
    if validation.is_main():
        where = out if only else out / "predictions.parquet"
        click.echo(f"judged out of fold: {len(found.sha256)} photographs; {where}")


@vlm.command()
@click.argument("size", type=click.Choice(["tiny", "mini", "7b"]))
@click.option("--gpus", type=click.IntRange(1, 4096), multiple=True, default=(1, 2, 4, 8), show_default=True)
@click.option("--rank", type=click.IntRange(0, 1024), default=16, show_default=True, help="Of LoRA.")
@click.option("--batch", type=click.IntRange(1, 4096), default=1, show_default=True, help="Conversations on each GPU.")
@click.option("--tokens", type=click.IntRange(1, 10**6), default=1024, show_default=True, help="Of a conversation.")
@click.option("--whole", is_flag=True, help="Train the language model itself, as a comparison.")
def plan(size: str, gpus: tuple[int, ...], rank: int, batch: int, tokens: int, whole: bool) -> None:
    """Print the memory that training needs on each of some GPUs, in GiB."""
    memory = _step("memory", "mpoxlens vlm plan")
    adapter = memory.Adapter(rank=rank)
    click.echo(memory.table(size, gpus, adapter=adapter, batch=batch, tokens=tokens, whole=whole))


def _count(name: str, default: int, text: str) -> Callable[[Any], Any]:
    return click.option(name, type=click.IntRange(0, 100_000), default=default, show_default=True, help=text)


@vlm.command()
@click.argument("run", type=FOLDER)
@DATA
@click.option("--student", type=FOLDER, help="predictions.parquet of the default bundle's cross-validation.")
@click.option("--probe", type=FOLDER, help="predictions.parquet of a frozen CLIP probe's.")
@click.option("--ablation", multiple=True, metavar="NAME=FOLDER", help="A run without a part; may be given again.")
@_count("--worded", 150, "Photographs that are asked about in every wording.")
@_count("--spoilt", 120, "Photographs of which a damaged copy is shown.")
@_count("--drawn", 120, "Drawings and pictures of no skin that should be refused.")
@_count("--described", 60, "Drawings that are described in words.")
def evaluate(
    run: Path,
    data: Path,
    student: Path | None,
    probe: Path | None,
    ablation: tuple[str, ...],
    **counts: int,
) -> None:
    """Judge the models of a cross-validation: accuracy, histories, wordings, refusals, drawings.

    Writes RUN/evaluation/figures.json.
    """
    judging = _step("evaluate.report", "mpoxlens vlm evaluate")
    judging.command(run, data, judging.Settings(**counts), student, probe, ablation)


ADAPTER = click.option("--adapter", type=FOLDER, help="The adapter's folder, instead of the shipped adapter.")
SKIN = click.option("--skin", help="File of another skin expert, where the adapter was trained with one.")
OFFLINE = click.option("--offline", is_flag=True, help="Never download base weights.")


@click.command()
@click.argument("photos", metavar='PHOTO... ["QUESTION"]', nargs=-1, required=True)
@click.option("--history", type=FOLDER, help="Answers about the person, a JSON object.")
@ADAPTER
@SKIN
@OFFLINE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def ask(
    ctx: click.Context,
    photos: Sequence[str],
    history: Path | None,
    adapter: Path | None,
    skin: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Ask the language-vision model about photos; without a question, whether this could be mpox.

    The first use downloads base weights, and says so before. Exit codes are those of `mpoxlens screen`.
    """
    run = workshop("mpoxlens.vlm.ask_command", "mpoxlens ask", "vlm")
    ctx.exit(run.command(photos, history, adapter=adapter, skin=skin, offline=offline, as_json=as_json))


@click.command("serve-chat")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; by default this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@ADAPTER
@SKIN
@OFFLINE
def serve_chat(host: str, port: int, adapter: Path | None, skin: str | None, offline: bool) -> None:
    """Serve the language-vision model to programs that speak OpenAI's chat completions."""
    server = workshop("mpoxlens.vlm.chat_server", "mpoxlens serve-chat", "vlm")
    server.run(host, port, adapter, skin, offline=offline)


VERBS = (ask, serve_chat)
