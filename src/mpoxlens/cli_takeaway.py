"""The verbs for what people bring along: codes and locked files. Verbs and no logic, as in `cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mpoxlens.cli_data import workshop

FOLDER = click.Path(path_type=Path)


@click.command(name="read-code")
@click.argument("code", metavar="TEXT-OR-PICTURE")
@click.option("--bundle", type=FOLDER, help="Compare with this bundle instead of the shipped one.")
def read_code(code: str, bundle: Path | None) -> None:
    """Read and verify the code of a result. It shows that nothing was changed by mistake, not who made it."""
    from mpoxlens import takeaway
    from mpoxlens.bundle import Bundle, default_path
    from mpoxlens.schema import INTENDED_USE
    from mpoxlens.screening.decide import next_after, percent

    typed = code.strip().upper().startswith("MPOXLENS:")
    found = takeaway.read_code(code if typed else _pictures().find_code(code))
    low, high = percent(found.interval.low), percent(found.interval.high)
    same = takeaway.same_bundle(found, Bundle.load(bundle or default_path(), threads=1).sha256)
    click.echo(f"{found.decision}: {percent(found.probability)} (95 % interval {low} to {high})")
    click.echo(next_after(found.decision))
    click.echo(f"made {found.made:%Y-%m-%d %H:%M} UTC by mpoxlens {found.software}")
    click.echo(f"model: {'the same bundle as here' if same else 'another bundle'} ({found.bundle}...)")
    click.echo("The code is unchanged. It does not show who made it.")
    click.echo(INTENDED_USE)


def _pictures() -> Any:
    return workshop("mpoxlens.datasets.qr_code", "reading a QR code from a picture", "data")


@click.group()
def handover() -> None:
    """Receive what people lock for you as a remote expert."""


@handover.command()
@click.argument("file", type=FOLDER)
def key(file: Path) -> None:
    """Make a pair of keys: write the private key to FILE, print the public key to give away."""
    click.echo(_module().make_key(file))


@handover.command(name="open")
@click.argument("file", type=FOLDER)
@click.option("--key", "private", type=FOLDER, required=True, help="Your private key's file.")
def open_(file: Path, private: Path) -> None:
    """Open a locked file and print the record in it, JSON."""
    opening = _module()
    click.echo(opening.open_file(file, opening.read_key(private)), nl=False)


def _module() -> Any:
    return workshop("mpoxlens.handover", "mpoxlens handover", "handover")


VERBS = (read_code, handover)
