"""The tables and the picture of a comparison: Markdown, and one HTML page that stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpoxlens.screening.report import csp_hash
from mpoxlens.vision.run_folder import write_text
from mpoxlens.vision.scores import TITLES

if TYPE_CHECKING:
    from jinja2 import Template

COSTS = ("parameters, millions", "float, MB", "int8, MB", "MACs, 10⁹", "float, ms", "int8, ms")
TESTS = {
    "auroc": "AUROC, clusters drawn",
    "auroc_delong": "AUROC, DeLong",
    "sensitivity": "sensitivity at specificity .90",
    "accuracy": "accuracy",
}
CLOCK = "For one photograph; time is the median processor time on one thread of the machine used."
NOTE = (
    "Differences (a positive one speaks for the backbone of the row), and p-values corrected by Holm within each"
    " column. DeLong's test takes photographs for independent, which those of one person are not: where the two"
    " differ, believe the one that draws clusters."
)
ALONE = "It is the only backbone that could be judged, so there is no other to test against it."
DRAWN = {  # the panels of the forest plot
    "auroc": "AUROC, rash only",
    "sensitivity": "sensitivity at specificity .90",
    "accuracy": "accuracy, all labels",
}
LABELS, PANEL, GAP, ROW, TOP = 190, 220, 34, 26, 46  # px of the forest plot


def to_markdown(found: Mapping[str, Any]) -> str:
    """Return the tables as Markdown."""
    parts = [
        "# Backbones compared",
        told(found),
        _table(("backbone", "mode", *TITLES.values()), _figures(found)),
        "## What each costs",
        CLOCK,
        _table(("backbone", "pixels", *COSTS), _costs(found)),
        f"## Against {found['reference']}",
        stands_in(found),
        *([NOTE, _table(("backbone", *TESTS.values()), _tests(found))] if len(found["backbones"]) > 1 else [ALONE]),
        _skipped(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def told(found: Mapping[str, Any]) -> str:
    """Return in a sentence what the figures were measured on."""
    m = found["measured_on"]
    labels = ", ".join(f"{n} {label}" for label, n in m["labels"].items())
    times = f", {m['repeats']} times" if m["repeats"] > 1 else ""
    rash = f" Rash only leaves out {', '.join(m['without'])}." if m["without"] else ""
    return (
        f"Out-of-fold predictions of {m['photos']} photographs in {m['clusters']} clusters ({labels}):"
        f" {m['folds']}-fold cross-validation{times}, the same folds for all, no cluster in"
        f" two. In brackets 95 % intervals, clusters drawn with replacement."
        f" AUROC and sensitivity ask for {m['positive']}.{rash} Accuracy and macro-F1 are those of the likeliest label"
        " after calibration, which is fitted on the other folds."
    )


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = ["| {} |".format(" | ".join(cells)) for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def _figures(found: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for one in found["backbones"]:
        mode = one["mode"] + (", from scratch" if one["weights"] == "none" else "")
        yield one["name"], mode, *(bracketed(one["figures"][key]) for key in TITLES)


def _costs(found: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for one in found["backbones"]:
        c = one["cost"]
        sizes = (scaled(c[key], 1e6) for key in ("parameters", "float_bytes", "int8_bytes"))
        times = (scaled(c[key], 1) for key in ("float_ms", "int8_ms"))
        yield one["name"], str(c["size"]), *sizes, scaled(c["macs"], 1e9), *times


def _tests(found: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for one in found["backbones"]:
        tests = one["against_reference"]
        if tests:
            yield one["name"], *(f"{signed(tests[key])}, {chance(tests[key]['p_holm'])}" for key in TESTS)


def _skipped(found: Mapping[str, Any]) -> str:
    lines = [f"- {name}: {reason}" for name, reason in found["skipped"].items()]
    return "\n".join(["## Skipped", "", *lines]) if lines else ""


def stands_in(found: Mapping[str, Any]) -> str:
    """Return the line that says which backbone is the reference because that asked for could not be had, if so."""
    asked, used = found["reference_asked_for"], found["reference"]
    return "" if asked == used else f"The reference asked for, {asked}, could not be had; {used} stands in for it."


def bracketed(figure: Mapping[str, float | None]) -> str:
    """Return a figure with its interval, as in ".912 [.880–.941]"."""
    if figure["value"] is None or figure["low"] is None or figure["high"] is None:
        return "not defined"
    return f"{short(figure['value'])} [{short(figure['low'])}–{short(figure['high'])}]"


def signed(figure: Mapping[str, float | None]) -> str:
    """Return a difference with its interval, as in "+.012 [-.020 to +.041]"."""
    if figure["value"] is None or figure["low"] is None or figure["high"] is None:
        return "not defined"
    value, low, high = (("+" if figure[k] >= 0 else "") + short(figure[k]) for k in ("value", "low", "high"))  # type: ignore[operator, arg-type]
    return f"{value} [{low} to {high}]"


def chance(p: float | None) -> str:
    """Return a p-value as papers print it."""
    if p is None:
        return "p not defined"
    return "p < .001" if p < 0.001 else f"p = {short(p)}"


def short(value: float) -> str:
    """Return a share as papers print it: .912."""
    return f"{value:.3f}".replace("0.", ".", 1)


def scaled(value: float | None, unit: float) -> str:
    """Return a size or time to three digits; a dash where there is none."""
    return "–" if value is None else f"{value / unit:.3g}"


def write_page(found: Mapping[str, Any], path: Path) -> None:
    """Write the HTML page, whole or not at all."""
    text = _template().render(
        found=found,
        told=told(found),
        note=NOTE if len(found["backbones"]) > 1 else ALONE,
        stands_in=stands_in(found),
        clock=CLOCK,
        plot=forest(found),
        titles=list(TITLES.values()),
        figures=list(_figures(found)),
        cost_titles=COSTS,
        costs=list(_costs(found)),
        test_titles=list(TESTS.values()),
        tests=list(_tests(found)),
    )
    write_text(text, path)


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"csp": csp_hash}
    source = resources.files("mpoxlens") / "vision" / "compare.html.jinja"
    return page.from_string(source.read_text(encoding="utf-8"))


def forest(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the places of a forest plot: backbones from the best AUROC down, a panel a figure, each with its scale."""
    rows = sorted(found["backbones"], key=lambda one: -(one["figures"]["auroc"]["value"] or 0.0))
    panels = [_panel(key, rows, found["reference"], LABELS + i * (PANEL + GAP)) for i, key in enumerate(DRAWN)]
    names = [{"name": one["name"], "y": TOP + i * ROW} for i, one in enumerate(rows)]
    width, height = LABELS + len(DRAWN) * (PANEL + GAP), TOP + len(rows) * ROW + 24
    return {"panels": panels, "names": names, "width": width, "height": height, "bottom": height - 32, "top": TOP - 16}


def _panel(key: str, rows: Sequence[Mapping[str, Any]], reference: str, left: int) -> dict[str, Any]:
    known = [one["figures"][key] for one in rows if one["figures"][key]["low"] is not None]
    least = min((f["low"] for f in known), default=0.0)
    start = min(0.9, int(10 * least) / 10)  # scales start at a tenth and end at 1

    def x(value: float) -> float:
        return round(left + PANEL * (value - start) / (1 - start), 1)

    marks = [
        {
            "y": TOP + i * ROW,
            "x": x(f["value"]),
            "low": x(f["low"]),
            "high": x(f["high"]),
            "text": bracketed(f),
            "frozen": one["mode"] == "frozen",
        }
        for i, one in enumerate(rows)
        if (f := one["figures"][key])["low"] is not None
    ]
    line = next((one["figures"][key]["value"] for one in rows if one["name"] == reference), None)
    ticks = [{"x": x(k / 10), "text": short(k / 10)[:-2]} for k in range(round(10 * start), 11)]
    where = None if line is None else x(line)
    return {"title": DRAWN[key], "x": left, "marks": marks, "ticks": ticks, "line": where}
