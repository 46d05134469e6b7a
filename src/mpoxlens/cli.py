"""The command line: verbs and no logic. What a verb needs is imported inside it, so that every verb starts at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mpoxlens import __version__
from mpoxlens.cli_data import data as data_verbs
from mpoxlens.cli_explain import explain as explain_verbs
from mpoxlens.cli_takeaway import VERBS as TAKEAWAY_VERBS
from mpoxlens.cli_vision import VERBS as VISION_VERBS
from mpoxlens.cli_vlm import VERBS as VLM_VERBS
from mpoxlens.cli_vlm import vlm as vlm_verbs
from mpoxlens.cli_web import web
from mpoxlens.errors import MpoxlensError
from mpoxlens.optimise.optimise_command import VERBS as OPTIMISE_VERBS

if TYPE_CHECKING:
    from mpoxlens.schema import ClinicalInfo
    from mpoxlens.screening.engine import Refused

FOLDER = click.Path(path_type=Path)
STAGES = ("macule", "papule", "vesicle", "pustule", "crust")  # as datasets.phantom has them; importing it takes numpy
EXIT_CODES = """\b
Exit codes: 0 everything done; 1 some photos were refused, the rest is screened; 2 nothing could be done;
130 stopped with Ctrl-C; 141 the reader of the output went away."""


class _Verbs(click.Group):
    """Turns what goes wrong into one line and an exit code."""

    def main(self, *args: Any, **extra: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # what an encoding lacks is shown as an escape
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return self._invoke(ctx)
        except BrokenPipeError:
            sys.stdout = sys.stderr = None  # or the interpreter would complain when it flushes
            ctx.exit(141)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except MpoxlensError as error:
            click.echo(f"mpoxlens: {error}", err=True)
            ctx.exit(2)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nmpoxlens: stopped", err=True)
            ctx.exit(130)
        except OSError as error:
            click.echo(f"mpoxlens: {error.filename or 'output'}: {error.strerror}", err=True)
            ctx.exit(2)
        else:
            return result


@click.group(cls=_Verbs, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="mpoxlens")
def main() -> None:
    """Could this rash be mpox, and how sure may we be? Research use only. Not a diagnosis."""


@main.command(epilog=EXIT_CODES)
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True)
@click.option("--together", is_flag=True, help="The photos show one person: one result for all of them.")
@click.option("--history", type=FOLDER, help="Answers about the person, a JSON object.")
@click.option("--ask", is_flag=True, help="Ask the questions here; every one may be skipped.")
@click.option("--bundle", type=FOLDER, help="The bundle's folder, instead of the shipped bundle.")
@click.option("--site", type=FOLDER, help="A site's table of likelihood ratios (TOML).")
@click.option("--report", type=FOLDER, help="Write an HTML report that stands alone in one file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def screen(
    ctx: click.Context,
    photos: Sequence[str],
    together: bool,
    history: Path | None,
    ask: bool,
    bundle: Path | None,
    site: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Screen photos: files, folders with all below them, and patterns. The answers hold for all of them."""
    from mpoxlens.bundle import default_path
    from mpoxlens.schema import ClinicalInfo
    from mpoxlens.screening import output
    from mpoxlens.screening.engine import Screener
    from mpoxlens.screening.files import expand, require_some
    from mpoxlens.screening.history import load_table, read_history
    from mpoxlens.screening.report import save_together
    from mpoxlens.screening.stream import stream, stream_together

    if ask and history:
        raise click.UsageError("--ask and --history: give one of the two")
    paths = _reported(report, expand(photos), history, site) if report else expand(photos)
    table = load_table(site)
    if ask:
        require_some(photos)
    info = _asked() if ask else read_history(history) if history else ClinicalInfo()
    screener = Screener.from_path(bundle or default_path(), table)
    tally = (stream_together if together else stream)(screener, paths, info, as_json=as_json, keep=report is not None)
    if report and tally.kept:
        save = save_together if together else output.save_report
        save(tally.kept, report, screener.bundle.spec.conformal, tally.lines)
        click.echo(f"report: {report}", err=as_json)
    ctx.exit(tally.exit_code)


@main.command()
def questions() -> None:
    """List the questions about the person, with their fields for --history."""
    from mpoxlens.screening.questions import questions as all_questions

    for question in all_questions():
        click.echo(f"{question.field:26}{question.kind:14}{question.text}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of `mpoxlens screen --json`."""
    from mpoxlens.screening.json_lines import schema_text

    click.echo(schema_text(), nl=False)


@main.group()
def bundle() -> None:
    """Look into a bundle, or verify it."""


@bundle.command()
@click.argument("folder", type=FOLDER, required=False)
def show(folder: Path | None) -> None:
    """Print what a bundle was made of, how good it is, and its limits."""
    from mpoxlens.bundle import Bundle, default_path

    found = Bundle.load(folder or default_path(), threads=1)
    click.echo(f"{found.spec.name} {found.spec.version}  sha256 {found.sha256}\n")
    click.echo((found.path / "card.md").read_text(encoding="utf-8"), nl=False)


@bundle.command()
@click.argument("folder", type=FOLDER, required=False)
def verify(folder: Path | None) -> None:
    """Check a bundle's hashes and golden vectors; every use of a bundle does the same."""
    from mpoxlens.bundle import Bundle, default_path

    found = Bundle.load(folder or default_path(), threads=1)
    click.echo(f"{found.path}: {found.spec.name} {found.spec.version} is whole and gives what it gave when it was made")


@main.command()
@click.argument("out", type=FOLDER)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--count", type=click.IntRange(0, 500), default=12, show_default=True, help="Lesions.")
@click.option("--stage", type=click.Choice(STAGES), default="pustule", show_default=True)
@click.option(
    "--tone",
    type=click.FloatRange(-60, 70),
    default=30.0,
    show_default=True,
    help="Degrees; above 55 is very light, below -30 dark.",
)
@click.option("--size", type=click.IntRange(64, 4096), default=448, show_default=True, help="Pixels a side.")
def phantom(out: Path, seed: int, count: int, stage: Any, tone: float, size: int) -> None:
    """Draw skin with lesions, captioned as the drawing that it is."""
    from mpoxlens.datasets.phantom import draw, save
    from mpoxlens.screening.output import check_drawing, write_whole

    check_drawing(out)
    drawing = draw(seed, count=count, stage=stage, tone=tone, size=size)
    write_whole(out, lambda part: save(drawing, part))
    click.echo(f"drawn: {out}")


main.add_command(data_verbs)
main.add_command(vlm_verbs)
main.add_command(explain_verbs)
main.add_command(web)
for verb in (*VISION_VERBS, *VLM_VERBS, *OPTIMISE_VERBS, *TAKEAWAY_VERBS):
    main.add_command(verb)


def _reported(report: Path, paths: Iterator[Path | Refused], *others: Path | None) -> Iterator[Path | Refused]:
    """Return the photographs of a report; one that could not or must not be written is refused before any work."""
    from mpoxlens.screening import output

    few = list(islice(paths, output.MAX_IN_REPORT + 1))
    output.check_report(report, [one for one in (*few, *others) if isinstance(one, Path)])
    if len(few) > output.MAX_IN_REPORT:
        raise output.too_many(report)
    return iter(few)


def _asked() -> ClinicalInfo:
    from mpoxlens.screening.history import ask

    return ask(_prompt, lambda line: click.echo(line, err=True))


def _prompt(text: str) -> str:
    """Ask on stderr, so that stdout holds results alone; the end of input raises EOFError."""
    click.echo(f"{text} ", err=True, nl=False)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line
