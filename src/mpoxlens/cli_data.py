"""`mpoxlens data`: one verb a step of making a data set. Verbs and no logic, as in `cli`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mpoxlens.errors import MissingExtraError

if TYPE_CHECKING:
    from mpoxlens.datasets.manifest import Manifest
    from mpoxlens.datasets.workspace import Workspace

FOLDER = click.Path(path_type=Path)
EPILOG = """\b
Exit codes: 0 done; 1 done, but for some files, which are named; 2 nothing could be done; 130 stopped with Ctrl-C.
Every verb can be stopped and given again: it goes on where it was. Photographs are never altered."""


class _InOrder(click.Group):
    """Lists the verbs in the order in which they are used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, epilog=EPILOG)
def data() -> None:
    """Make a trustworthy data set: WORK is a folder of tables, one a step."""


def workshop(module: str, feature: str, extra: str) -> Any:
    """Import a module of the workshop.

    Raises:
        MissingExtraError: a package of its extra is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("mpoxlens"):
            raise
        raise MissingExtraError(feature, extra, error.name) from None


def _step(name: str) -> Any:
    return workshop(f"mpoxlens.datasets.{name}", "mpoxlens data", "data")


def _work(folder: Path) -> Workspace:
    found: Workspace = _step("workspace").Workspace(folder)
    return found


@contextmanager
def _at_work(folder: Path) -> Iterator[Any]:
    """Show progress, and keep a second run out of the workspace meanwhile."""
    with _step("workspace").alone(_work(folder)), _step("progress").progress() as tell:
        yield tell


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.argument("folders", metavar="DIR...", type=FOLDER, nargs=-1, required=True)
@click.option("--layout", help="How the folders are laid out, instead of by what is in them.")
@click.pass_context
def ingest(ctx: click.Context, work: Path, folders: Sequence[Path], layout: str | None) -> None:
    """Read labelled folders, tables and published data sets into WORK."""
    summary = _step("summary")
    before = summary.known(_work(work))
    with _at_work(work) as tell:
        found = _step("steps").ingest(_work(work), folders, layout, tell)
    summary.ingested(found, before)
    ctx.exit(1 if found.problems else 0)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.option("--pictures", type=FOLDER, help="Draw every link into this folder, the weakest first.")
@click.pass_context
def duplicates(ctx: click.Context, work: Path, pictures: Path | None) -> None:
    """Find every pair that shows the same photograph: links.csv, groups.csv."""
    with _at_work(work) as tell:
        links, problems = _step("steps").duplicates(_work(work), tell)
        if pictures:
            _step("duplicates.evidence").write_pictures(links, _work(work).manifest().paths, pictures, tell)
    _step("summary").linked(_work(work), links)
    ctx.exit(1 if _step("summary").told(problems) else 0)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.pass_context
def quality(ctx: click.Context, work: Path) -> None:
    """Measure quality, and flag what may be no plain photograph of skin."""
    with _at_work(work) as tell:
        table = _step("quality.quality").quality(_work(work), tell)
    ctx.exit(1 if _step("summary").flagged(table) else 0)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.option("--predictions", type=FOLDER, help="predictions.parquet of a run; else a probe is fitted here (torch).")
@click.pass_context
def labels(ctx: click.Context, work: Path, predictions: Path | None) -> None:
    """List labels to doubt: conflicts between copies, and probable mislabels."""
    module = _step("labels")
    with _at_work(work) as tell:

        def predicted(manifest: Manifest) -> Any:
            features = workshop("mpoxlens.vision.features", "mpoxlens data labels without --predictions", "train")
            return module.probe(*features.frozen_features(manifest, _work(work).table("features"), tell=tell))

        given = (lambda _: module.read_predicted(predictions)) if predictions else predicted
        doubts, problems = _step("steps").labels(_work(work), given, tell)
    _step("summary").doubted(_work(work), doubts)
    ctx.exit(1 if _step("summary").told(problems) else 0)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.option("--reviewer", required=True, help="Your name or initials, as the decisions shall carry it.")
@click.option("--decisions", type=FOLDER, required=True, help="Your decisions file (CSV); made if it does not exist.")
@click.option("--compared", type=FOLDER, nargs=2, help="Two reviewers' files: what they disagree on comes first.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the page; any free one by default.")
@click.option("--browser/--no-browser", default=True, help="Open the page.")
def review(
    work: Path, reviewer: str, decisions: Path, compared: tuple[Path, Path] | None, port: int, browser: bool
) -> None:
    """Walk through conflicts, groups and flags on a local page."""
    server = _step("review.server")
    server.serve(_work(work), decisions, reviewer, port, browser, compared=compared or None)


@data.command(epilog=EPILOG)
@click.argument("files", metavar="FILE FILE", type=FOLDER, nargs=2)
@click.option("--work", type=FOLDER, help="With a workspace the intervals are by cluster.")
@click.option("--out", type=FOLDER, help="Write the disagreements as CSV.")
@click.option("--common", type=FOLDER, help="Write a decisions file with what both agree on.")
def agreement(files: tuple[Path, Path], work: Path | None, out: Path | None, common: Path | None) -> None:
    """Tell how far two reviewers agree: Cohen's kappa, and where they do not."""
    reviews, kappa = _step("reviews"), _step("review.kappa")
    a, b = (reviews.read_reviews(file) for file in files)
    found = kappa.agreement(a, b, _work(work).clustered() if work else None)
    _step("summary").agreed(found)
    if out:
        kappa.write_disagreements(found.disagreements, out)
    if common:
        reviews.write_reviews(reviews.common(a, b), common)


@data.command("apply", epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.option(
    "--decisions", type=FOLDER, multiple=True, help="A decisions file; of two verdicts the later file's holds."
)
@click.option("--forget", is_flag=True, help="Forget the decisions that were applied before.")
@click.pass_context
def apply_(ctx: click.Context, work: Path, decisions: Sequence[Path], forget: bool) -> None:
    """Apply reviewers' decisions and put every photograph into its cluster.

    Without --decisions, those that were applied before hold again.
    """
    given = [one for path in decisions for one in _step("reviews").read_reviews(path)]
    with _step("workspace").alone(_work(work)):
        reviews = given if given or forget else _work(work).reviews()
        clean = _step("steps").apply(_work(work), reviews)
    _step("summary").applied(_work(work), clean, len(reviews))
    ctx.exit(1 if clean.problems else 0)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.option("--folds", type=click.IntRange(2, 1000), help="So many parts of equal size.")
@click.option("--hold-out", type=float, help="Two parts, of which the test part has about this share.")
@click.option("--by-source", is_flag=True, help="One part a source, for leaving one out.")
@click.option("--published", is_flag=True, help="The publisher's own folds, refused if they cut a cluster.")
@click.option("--check", type=FOLDER, help="Only check a split of your own: a CSV of file,part or sha256,part.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of what is not split yet.")
@click.option("--fresh", is_flag=True, help="Split anew, instead of keeping every photograph in its earlier part.")
def split(
    work: Path,
    folds: int | None,
    hold_out: float | None,
    by_source: bool,
    published: bool,
    check: Path | None,
    seed: int,
    fresh: bool,
) -> None:
    """Split by label and cluster; refuse a leak by the names of its files."""
    if (
        sum(choice is not None and choice is not False for choice in (folds, hold_out, by_source, published, check))
        != 1
    ):
        raise click.UsageError("give one of --folds, --hold-out, --by-source, --published and --check")
    parts = _step("parts")
    if check:
        _step("summary").checked(check, *parts.check_split(_work(work), check))
        return
    with _step("workspace").alone(_work(work)):
        found = parts.split(_work(work), parts.Kind(folds, hold_out, published), seed, fresh=fresh)
    _step("summary").parted(_work(work), found)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.option("--positive", default="mpox", show_default=True, help="The label to be read from the cues.")
@click.option("--without", multiple=True, help="A label that is left out; healthy skin, where others remain.")
@click.option("--with-all", is_flag=True, help="Leave no label out.")
def audit(work: Path, positive: str, without: Sequence[str], with_all: bool) -> None:
    """Tell how much of the label can be read without the disease: audit.html."""
    left_out = tuple(without) if without or with_all else None
    with _at_work(work) as tell:
        found = _step("audit.audit").audit(_work(work), positive=positive, without=left_out, tell=tell)
    _step("summary").audited(_work(work), found)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--size", type=click.IntRange(32, 2048), default=224, show_default=True, help="Pixels a side.")
@click.option("--crop", type=click.Choice(("none", "skin", "lesion")), default="none", show_default=True)
@click.option("--colour", type=click.Choice(("none", "shades-of-grey")), default="none", show_default=True)
@click.pass_context
def preprocess(ctx: click.Context, work: Path, out: Path, size: int, crop: str, colour: str) -> None:
    """Write homogeneous copies of the photographs into OUT, recorded and repeatable."""
    module = _step("preprocess.homogenise")
    with _at_work(work) as tell:
        table = module.preprocess(_work(work), out, module.Settings(size, crop, colour), _work(work).reviews(), tell)
    ctx.exit(1 if _step("summary").written(_work(work), table, out) else 0)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--images", is_flag=True, help="With the photographs; only where their licences let you.")
@click.option("--sheets", is_flag=True, help="With contact sheets, faces hidden.")
@click.option("--unhidden", is_flag=True, help="Even if nobody looked for faces in the photographs.")
@click.option("--about", type=FOLDER, help="What only the publisher knows (TOML); see docs/howto-export.md.")
@click.pass_context
def export(
    ctx: click.Context, work: Path, out: Path, images: bool, sheets: bool, unhidden: bool, about: Path | None
) -> None:
    """Write card, Croissant metadata, tables for `datasets` and SHA256SUMS into OUT."""
    reviews = _work(work).reviews()
    words = _step("export.about").read_about(about) if about else None
    with _at_work(work) as tell:
        done = _step("export.export").export(
            _work(work), out, images=images, sheets=sheets, unhidden=unhidden, reviews=reviews, about=words, tell=tell
        )
    click.echo(f"exported: {out}")
    ctx.exit(1 if _step("summary").told(done.problems) else 0)


@data.command(epilog=EPILOG)
@click.argument("work", type=FOLDER)
def status(work: Path) -> None:
    """Show which steps are done, and what they found."""
    _step("summary").status(_work(work))
