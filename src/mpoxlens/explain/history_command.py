"""`mpoxlens explain history`: what each answer is worth to the language-vision model. A verb and no logic."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mpoxlens.errors import HistoryError, PhotoError

if TYPE_CHECKING:
    from mpoxlens.explain.tokens import HistoryWorth
    from mpoxlens.schema import Photo

FOLDER = click.Path(path_type=Path)
FEATURE = "mpoxlens explain history"
LIMITS = (
    "A factor is what the odds of mpox are multiplied by: above 1 speaks for mpox. Answers overlap, so the factors of "
    "single answers need not multiply to that of all. The model learned from simulated histories: what it makes of an "
    "answer was never measured on real people."
)


@click.command()
@click.argument("photo", type=FOLDER)
@click.option("--history", type=FOLDER, required=True, help="Answers about the person, a JSON object.")
@click.option("--adapter", type=FOLDER, help="The adapter's folder, instead of the shipped adapter.")
@click.option("--skin", help="File of another skin expert, where the adapter was trained with one.")
@click.option("--offline", is_flag=True, help="Never download base weights.")
@click.option("--profile", default="2022", show_default=True, help="Of the table of frequencies beside the model.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def history(
    photo: Path, history: Path, adapter: Path | None, skin: str | None, offline: bool, profile: str, as_json: bool
) -> None:
    """Say what each answer of a history is worth to the language-vision model.

    Each answer is left out in turn. Beside the model stands the table of frequencies that its histories were drawn
    from: what the answer ought to be worth where that table holds.
    """
    from mpoxlens.cli_data import workshop
    from mpoxlens.schema import INTENDED_USE
    from mpoxlens.screening.history import read_history
    from mpoxlens.vlm.words import answers

    info = read_history(history)
    if not list(answers(info)):
        raise HistoryError(str(history), "it holds no answer, so there is nothing to weigh", "answer a question")
    seen = _judged(photo)
    tokens = workshop("mpoxlens.explain.tokens", FEATURE, "vlm")
    asking = workshop("mpoxlens.vlm.asking", FEATURE, "vlm")
    tokens.exact_log_ratio(info, tokens.load_frequencies(), profile)  # refuses a profile before anything is loaded
    assistant = asking.Assistant.load(adapter, skin=skin, offline=offline, say=lambda line: click.echo(line, err=True))
    found = tokens.worth_of(assistant.reader, seen, info, calibration=assistant.rules.calibration, profile=profile)
    if as_json:
        click.echo(json.dumps({"file": seen.name, **told(found), "adapter": assistant.about}, ensure_ascii=False))
        return
    for line in lines(seen.name, found):
        click.echo(line)
    click.echo(LIMITS, err=True)
    click.echo(INTENDED_USE, err=True)


def told(found: HistoryWorth) -> dict[str, Any]:
    """Return all figures as plain JSON; log-odds and worths in nats."""
    return {
        "answers": [asdict(one) for one in found.answers],
        "photo_log_odds": found.photo,
        "log_odds": found.together,
        "model": found.model,
        "exact": found.exact,
        "profile": found.profile,
        "versions": dict(found.versions),
        "limits": LIMITS,
    }


def lines(name: str, found: HistoryWorth) -> list[str]:
    """Return the table as text, a line each."""
    import numpy as np

    from mpoxlens.rules import sigmoid
    from mpoxlens.screening.terminal import percent

    rows = [(one.said, one.model, one.exact) for one in found.answers] + [("all together", found.model, found.exact)]
    width = max(len(said) for said, _, _ in rows)
    alone, both = (percent(float(chance)) for chance in sigmoid(np.array([found.photo, found.together])))
    return [
        f"{name}: chance of mpox {alone} by the photo alone, {both} with the answers",
        f"{'odds of mpox change by':{width}}  {'model':>8}  {'table':>8}",
        *(f"{said:{width}}  {_factor(model):>8}  {_factor(exact):>8}" for said, model, exact in rows),
    ]


def _factor(nats: float | None) -> str:
    """What cannot be had of the table, since by it nobody answers so, is a dash."""
    return "-" if nats is None else f"x {math.exp(nats):.3g}"


def _judged(path: Path) -> Photo:
    """Read a photograph that may be judged.

    Raises:
        PhotoError: it cannot be read, or the gate refuses it, and then there is no number to explain.
    """
    from mpoxlens.photo import read_photo
    from mpoxlens.screening import gate

    photo = read_photo(path)
    checked = gate.check(photo)
    if not checked.usable:
        first = checked.reasons[0]
        raise PhotoError(photo.name, f"it cannot be judged ({first.text.rstrip('.')})", first.next_step.rstrip("."))
    return photo
