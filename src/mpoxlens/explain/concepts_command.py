"""`mpoxlens explain concepts`: what the network sees, in clinical words. Verbs and no logic."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mpoxlens.errors import DataError

if TYPE_CHECKING:
    from mpoxlens.bundle import Bundle
    from mpoxlens.evaluation.metrics import Figure

FOLDER = click.Path(path_type=Path)
BUNDLE = click.option("--bundle", type=FOLDER, help="The bundle's folder, instead of the shipped bundle.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
SEED = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the drawings.")


class _InOrder(click.Group):
    """Lists the verbs in the order in which they are used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder)
def concepts() -> None:
    """What the network sees in clinical words: lesions, similar cases, and what if."""


@concepts.command()
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True)
@BUNDLE
@JSON
def lesions(photos: Sequence[str], bundle: Path | None, as_json: bool) -> None:
    """Count what stands out, and the share of the skin that speaks for mpox, as the network sees it."""
    from mpoxlens.explain.concepts.lesions import seen
    from mpoxlens.photo import read_photo

    network = _loaded(bundle)
    for name in photos:
        found = seen(network, read_photo(Path(name)).pixels)
        about: dict[str, Any] = {"count": found.count, "extent": round(found.extent, 4), "skin": round(found.skin, 4)}
        about |= {"cell_px": [round(side, 1) for side in found.cell], "peaks": [_rounded(p) for p in found.peaks]}
        line = (
            f"{name}: {found.count} places stand out, {found.extent:.0%} of the skin speaks for mpox "
            f"(as this network sees it; nothing finer than {found.cell[0]:.0f} × {found.cell[1]:.0f} px)"
        )
        click.echo(_json({"file": Path(name).name, **about}) if as_json else line)
    _warn(as_json)


@concepts.command()
@click.option("--phantoms", type=click.IntRange(8, 1000), default=40, show_default=True)
@SEED
@BUNDLE
@JSON
def check(phantoms: int, seed: int, bundle: Path | None, as_json: bool) -> None:
    """Say on phantoms how far count and extent can be believed."""
    from mpoxlens.datasets.progress import progress
    from mpoxlens.explain.concepts.validate import table, validate

    with progress() as tell:
        found = validate(_loaded(bundle), phantoms, seed, tell=tell)
    _table(list(table(found)), as_json, {"phantoms": found.phantoms, "line": vars(found.line)})


@concepts.command()
@click.argument("work", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="The index, a .parquet file.")
@BUNDLE
def index(work: Path, out: Path, bundle: Path | None) -> None:
    """Make an index of the photographs of WORK, a workspace or a run: neutral numbers, labels, embeddings."""
    from mpoxlens.datasets.progress import progress
    from mpoxlens.explain.concepts.similar import build, workspace_of

    manifest = workspace_of(work).clean()
    with progress() as tell:
        found = build(_loaded(bundle), manifest, tell)
    found.write(out)
    click.echo(f"{len(found.cases)} cases in {len(set(found.clusters))} clusters, {found.left_out} could not be read")
    click.echo(f"index: {out}")


@concepts.command()
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True)
@click.option("--index", "path", type=FOLDER, required=True, help="What `index` wrote.")
@click.option("--count", type=click.IntRange(1, 50), default=5, show_default=True, help="Cases, one a cluster.")
@BUNDLE
@JSON
def similar(photos: Sequence[str], path: Path, count: int, bundle: Path | None, as_json: bool) -> None:
    """Name the training cases whose embeddings lie nearest, by neutral numbers."""
    from mpoxlens.explain.concepts.similar import Index
    from mpoxlens.photo import read_photo
    from mpoxlens.screening.classify import classify

    network = _loaded(bundle)
    known = Index.read(path, network)
    for name in photos:
        (found,) = classify(network, [read_photo(Path(name))])
        cases = known.nearest(found.embedding, count)
        if as_json:
            click.echo(_json({"file": Path(name).name, "cases": [_rounded(case) for case in cases]}))
            continue
        click.echo(f"{name}: nearest cases, one a cluster")
        for case in cases:
            others = f", {case.others} more of its cluster" if case.others else ""
            click.echo(f"  {case.distance:.3f}  {case.label:12} {case.name} ({case.cluster}{others})")
    _warn(as_json)


@concepts.command()
@click.option("--phantoms", type=click.IntRange(2, 1000), default=40, show_default=True)
@SEED
@BUNDLE
@JSON
def counterfactual(phantoms: int, seed: int, bundle: Path | None, as_json: bool) -> None:
    """Say what the score does when the lesions go, or the skin is darker: pairs of phantoms, one thing changed."""
    from mpoxlens.datasets.progress import progress
    from mpoxlens.explain.concepts.counterfactual import effects

    with progress() as tell:
        found = effects(_loaded(bundle), phantoms, seed, tell)
    rows = [("as drawn: contrast", found.contrast), ("as drawn: P(mpox)", found.probability)]
    for one in found.changes:
        rows += [(f"{one.edit}: contrast", one.contrast), (f"{one.edit}: P(mpox)", one.probability)]
    _table(rows, as_json, {"phantoms": found.phantoms})


@click.command("check-map")
@click.argument("bundle", type=FOLDER)
@click.option("--inputs", type=click.IntRange(4, 1000), default=40, show_default=True, help="Phantoms.")
@SEED
@click.option("--record/--no-record", "recorded", default=False, help="Write the result into BUNDLE.")
@JSON
def check_map(bundle: Path, inputs: int, seed: int, recorded: bool, as_json: bool) -> None:
    """Put a bundle's heat map to its sanity check; a recorded failure keeps the map from being shown."""
    from mpoxlens.datasets.progress import progress
    from mpoxlens.explain import bundle_map

    with progress() as tell:
        found = bundle_map.check_map(bundle, inputs, seed, tell)
    if recorded:
        try:
            bundle_map.record(bundle, found)
        except OSError as error:
            raise DataError(str(bundle), f"cannot be written ({error.strerror})", "copy it elsewhere") from None
    if as_json:
        click.echo(_json(found.to_dict()))
        return
    for name, one in (("with signs", found.signed), ("without signs", found.absolute)):
        click.echo(f"alike, {name}: {one.value:.2f} ({one.low:.2f} to {one.high:.2f}), to be below {found.limit}")
    click.echo("passed: the map may be shown" if found.passed else "failed: the map is not to be shown")


def _loaded(folder: Path | None) -> Bundle:
    from mpoxlens.bundle import Bundle, default_path

    return Bundle.load(folder or default_path(), threads=1)


def _table(rows: Sequence[tuple[str, Figure]], as_json: bool, about: dict[str, Any]) -> None:
    if as_json:
        click.echo(_json({**about, "figures": {name: figure.to_dict() for name, figure in rows}}))
        return
    for name, one in rows:
        click.echo(f"{name:52} {one.value:+7.3f}  ({one.low:+.3f} to {one.high:+.3f})")
    click.echo(f"{about['phantoms']} drawn phantoms, 95 % intervals; a drawing is no photograph", err=True)


def _rounded(one: object) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in vars(one).items()}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def _warn(as_json: bool) -> None:
    if not as_json:
        from mpoxlens.schema import INTENDED_USE

        click.echo(INTENDED_USE, err=True)
