"""`mpoxlens explain study`: a blinded reading study, from the folder to its analysis. Verbs and no logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mpoxlens.cli_data import workshop

FOLDER = click.Path(path_type=Path)


class _InOrder(click.Group):
    """Lists the verbs in the order in which they are used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)


def _part(name: str) -> Any:
    return workshop(f"mpoxlens.explain.{name}", "mpoxlens explain study", "data")


@click.group(cls=_InOrder)
def study() -> None:
    """Let readers judge photographs with and without the map, blinded and crossed."""


@study.command()
@click.argument("folder", type=FOLDER)
@click.argument("photos", metavar="[PHOTO]...", nargs=-1)
@click.option("--table", type=FOLDER, help="A CSV of file,label[,group], instead of photos in folders by label.")
@click.option("--phantoms", type=click.IntRange(4, 200), help="Draw so many phantoms instead, to try the page.")
@click.option("--method", "methods", multiple=True, default=("cam",), show_default=True, help="One arm each.")
@click.option("--bundle", type=FOLDER, help="The bundle's folder, instead of the shipped bundle.")
@click.option("--run", type=FOLDER, help="A run of mpoxlens train, for methods that need its float network.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--washout-days", type=click.IntRange(0, 365), default=28, show_default=True, help="Between sessions.")
@click.option("--key", type=FOLDER, help="Where the key goes, instead of key.json in FOLDER.")
def make(
    folder: Path,
    photos: Sequence[str],
    table: Path | None,
    phantoms: int | None,
    methods: tuple[str, ...],
    bundle: Path | None,
    run: Path | None,
    seed: int,
    washout_days: int,
    key: Path | None,
) -> None:
    """Make a study in a new FOLDER. Photos are labelled by the folder that each lies in.

    Every reader will read every case once without a map and once with each method's, one session each.
    """
    from mpoxlens.bundle import Bundle, default_path
    from mpoxlens.datasets.progress import progress

    if sum((bool(photos), table is not None, phantoms is not None)) != 1:
        raise click.UsageError("name photos, or a --table, or a number of --phantoms")
    if bundle and run:
        raise click.UsageError("--bundle and --run: give one of the two")
    sources, making, subjects = _part("study.sources"), _part("study.make"), _part("subject")
    found = Bundle.load(bundle or (run / "bundle" if run else default_path()), threads=1)
    settings = making.Settings(methods, seed, washout_days)
    explain = making.explainer(subjects.of_run(run)[0] if run else subjects.OnnxSubject(found), settings)
    if phantoms:
        labels, cases = sources.phantoms(phantoms, found.spec.positive, seed)
    else:
        listed = sources.by_table(table) if table else sources.by_folder(photos)
        labels, cases = [one.label for one in listed], sources.decoded(listed)
    with progress() as tell:
        made = making.make(folder, labels, cases, found, settings, explain, key, tell)
    click.echo(f"{len(made.cases)} cases in {len(made.arms)} arms and as many sessions: {folder}")
    click.echo(f"The key is {key or folder / 'key.json'}; no reader may see it.")


@study.command()
@click.argument("folder", type=FOLDER)
@click.option("--reader", required=True, help="Name or code; it stays in FOLDER, and exports say r1, r2.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the page; any free one by default.")
@click.option("--browser/--no-browser", default=True, help="Open the page.")
def serve(folder: Path, reader: str, port: int, browser: bool) -> None:
    """Serve the reading page to one reader; it goes on where that reader stopped."""
    _part("study.server").serve(folder, reader, port, browser)


@study.command()
@click.argument("folder", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--format", "form", type=click.Choice(("parquet", "csv")), default="parquet", show_default=True)
@click.option("--unblind", is_flag=True, help="Add method, truth and label from the key.")
@click.option("--key", type=FOLDER, help="The key, instead of key.json in FOLDER.")
def export(folder: Path, out: Path, form: str, unblind: bool, key: Path | None) -> None:
    """Write answers and drawings as tables into the folder OUT, by neutral ids alone."""
    tables, folders = _part("study.export"), _part("study.folder")
    opened = folders.read_key(key or folder / "key.json") if unblind else None
    for path in tables.export(folders.read_study(folder), out, form=form, key=opened):
        click.echo(f"written: {path}")


@study.command()
@click.argument("folder", type=FOLDER)
@click.option("--key", type=FOLDER, help="The key, instead of key.json in FOLDER.")
@click.option("--cut", type=click.IntRange(2, 5), default=4, show_default=True, help="Confidence that calls it mpox.")
@click.option("--json", "out", type=FOLDER, help="Write all figures as JSON.")
def analyse(folder: Path, key: Path | None, cut: int, out: Path | None) -> None:
    """Compare reading with and without the aid, and the maps with the readers' drawings."""
    folders = _part("study.folder")
    found = _part("study.analyse").analyse(
        folders.read_study(folder), folders.read_key(key or folder / "key.json"), cut
    )
    for line in _part("study.told").lines(found):
        click.echo(line)
    if out:
        folders.write_json(out, {"format": folders.FORMAT, **found})
