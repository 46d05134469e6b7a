"""AUROC against size, latency and memory: a table in Markdown and a page with one picture a cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import resources
from math import isnan
from pathlib import Path
from typing import Any

from rich.console import Console

from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.evaluation.report.draw import Axis, Plot, nice
from mpoxlens.optimise.pick import COSTS, Variant, front, pick
from mpoxlens.optimise.runtimes import RUNTIMES
from mpoxlens.screening.output import write_whole
from mpoxlens.screening.report import csp_hash

UNITS = {"bytes": 1e6, "p50_ms": 1.0, "peak_mib": 1.0}
HEAD = ("file", "runtime", "precision", "AUROC, out of fold", "decided", "MB", "p50 ms", "model MiB", "")
UNKNOWN = Figure(float("nan"), float("nan"), float("nan"))
MEND = "make it with: mpoxlens benchmark FILES --out FILE.json"


def read(paths: Sequence[Path]) -> tuple[list[Variant], str]:
    """Return the variants that benchmarks measured, and the machine.

    AUROC and bar come from the description beside each file; of several numbers of threads the smallest counts.

    Raises:
        DataError: no benchmark, of several machines, or of a file without its description.
    """
    found = [_benchmark(path) for path in paths]
    machines = {one["machine"] for one in found}
    if len(machines) != 1:
        raise DataError(", ".join(map(str, paths)), "times of several machines cannot be compared", "measure on one")
    rows = sorted((row for one in found for row in one["rows"]), key=lambda row: int(row["threads"]))
    first: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        first.setdefault(row["file"], row)
    return [_variant(row) for row in first.values()], machines.pop()


def _benchmark(path: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(path.read_bytes())
        _ = found["machine"], [(row["file"], row["threads"], row["p50_ms"]) for row in found["rows"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(str(path), "not a benchmark that can be read", MEND) from None
    return found


def _variant(row: Mapping[str, Any]) -> Variant:
    file = Path(row["file"])
    beside = file.with_name(f"{file.name}.json")
    try:
        about = json.loads(beside.read_bytes())
        runtime = next(one for one in RUNTIMES if one == about["runtime"])
        area, decided = (_figure(about.get("held_out", {}).get(name)) for name in ("auroc", "decided"))
        passes = all(about.get(one, {}).get("passes", True) for one in ("held_out", "web"))
        cost = (int(row["bytes"]), float(row["p50_ms"]), float(row["model_mib"]))
        return Variant(file.name, runtime, about["precision"], *cost, area, decided, passes, int(row["threads"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        why = f"no readable {beside.name} beside it"
        raise DataError(str(file), why, "write the file again with mpoxlens optimise") from None


def _figure(told: Mapping[str, Any] | None) -> Figure:
    return Figure(*(float(told[key]) for key in ("value", "low", "high"))) if told else UNKNOWN


def to_markdown(variants: Sequence[Variant], taken: Variant | None) -> str:
    """Return the table as Markdown."""
    rows = [HEAD, tuple("---" for _ in HEAD), *rows_of(variants, taken)]
    return "\n".join("| {} |".format(" | ".join(cells)) for cells in rows) + "\n"


def rows_of(variants: Sequence[Variant], taken: Variant | None) -> Iterator[tuple[str, ...]]:
    """Yield a row a variant, by runtime and size; the last cell says which is picked, beaten or refused."""
    best = {one for key in COSTS for one in front(variants, key)}
    order = tuple(RUNTIMES)
    for one in sorted(variants, key=lambda v: (order.index(v.runtime), v.bytes)):
        mark = "picked" if one == taken else "not beaten" if one in best else "" if one.passes else "fails its bar"
        costs = (f"{one.cost(key) / unit:.3g}" for key, unit in UNITS.items())
        yield one.name, one.runtime, one.precision, *map(bracketed, (one.auroc, one.decided)), *costs, mark


def bracketed(figure: Figure) -> str:
    """Return ".936 [.896–.971]"."""
    if isnan(figure.value):
        return "not measured"
    value, low, high = (f"{x:.3f}".replace("0.", ".", 1) for x in (figure.value, figure.low, figure.high))
    return f"{value} [{low}–{high}]"


def picture(variants: Sequence[Variant], key: str) -> str:
    """Return AUROC with its interval against a cost as SVG; the front is a line."""
    known = [one for one in variants if not isnan(one.auroc.value)]
    low, high = _tenth(min(one.auroc.low for one in known)), 1.0
    most = 1.08 * max(one.cost(key) / UNITS[key] for one in known)
    plot = Plot(Axis(COSTS[key], 0, most, nice(0, most)), Axis("AUROC, out of fold", low, high, nice(low, high)))

    def at(one: Variant) -> float:
        return one.cost(key) / UNITS[key]

    best = front(variants, key)
    parts = [plot.line([(at(one), one.auroc.value) for one in best], "front")]
    for one in known:
        kind = one.runtime if one.passes else "refused"
        parts += [plot.whiskers([(at(one), one.auroc.low, one.auroc.high)], kind)]
        parts += [plot.dots([(at(one), one.auroc.value)], kind)]
    said = f"AUROC against {COSTS[key]}; not beaten: {', '.join(one.name for one in best) or 'none'}"
    return str(plot.svg(said, *parts))


def _tenth(value: float) -> float:
    return max(int(10 * value) / 10, 0.0)


def write(paths: Sequence[Path], out: Path) -> tuple[str, Variant | None]:
    """Write `out`/pareto.md and pareto.html; return the table and the variant that is picked, if any is.

    Raises:
        DataError: see `read`.
    """
    variants, machine = read(paths)
    try:
        taken = pick(variants)
    except DataError:
        taken = None  # files of other runtimes alone, or none judged on the folds yet
    table = to_markdown(variants, taken)
    content = {"pareto.md": table, "pareto.html": _page(variants, taken, machine)}
    out.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        write_whole(out / name, partial(_write, text))
    return table, taken


def show(table: str, taken: Variant | None, out: Path) -> None:
    """Print the table, what is picked, and where the page is."""
    picked = f"picked: {taken.name}" if taken else "picked: none; judge the .onnx files first with mpoxlens parity"
    if taken and "not measured" in table:
        picked += "; files that were not judged out of fold did not take part"
    told = (
        "Of each file the fewest threads that it was measured with; MiB is what the model took, its runtime left out."
    )
    for line in (table, told, picked, f"page: {out / 'pareto.html'}"):
        Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _page(variants: Sequence[Variant], taken: Variant | None, machine: str) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"csp": csp_hash}
    source = (resources.files("mpoxlens") / "optimise" / "pareto.html.jinja").read_text(encoding="utf-8")
    judged = any(not isnan(one.auroc.value) for one in variants)
    drawn = [Markup(picture(variants, key)) for key in COSTS] if judged else []  # noqa: S704  drawn here, names escaped
    rows = list(rows_of(variants, taken))
    return page.from_string(source).render(head=HEAD, rows=rows, drawn=drawn, machine=machine, runtimes=RUNTIMES)


def _write(text: str, part: Path) -> None:
    part.write_text(text, encoding="utf-8", newline="\n")
