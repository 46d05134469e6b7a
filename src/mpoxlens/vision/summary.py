"""What a verb prints when it is done: a short table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mpoxlens.evaluation.caveats import caveats
from mpoxlens.vision.compare_page import bracketed, stands_in
from mpoxlens.vision.processes import is_main

WIDTH = 120  # columns in a log
CROSS_VALIDATED = {  # title -> where it stands in figures.json
    "accuracy": ("four_class", "accuracy"),
    "macro-F1": ("four_class", "macro_f1"),
    "recall of the positive label": ("four_class", "mpox_recall"),
    "AUROC, rash only": ("rash_only", "auroc"),
    "AUROC, all": ("with_healthy", "auroc"),
    "sensitivity at specificity .90, rash only": ("rash_only", "sensitivity_at_specificity_90"),
    "sensitivity at the operating point, rash only": ("rash_only", "sensitivity"),
    "specificity at the operating point, rash only": ("rash_only", "specificity"),
    "expected calibration error, rash only": ("rash_only", "ece"),
}


def cross_validated(found: Mapping[str, Any]) -> None:
    """Print the figures that most ask for; figures.json has all."""
    table = _table("out of fold", "95 % interval by cluster")
    for title, (question, key) in CROSS_VALIDATED.items():
        table.add_row(title, bracketed(found[question][key]))
    _print(table)
    _lines(caveats(found["rash_only"]))


def trained(folder: Path) -> None:
    """Print the figures of a bundle that was just trained, and where it and its report are."""
    if not is_main():  # another process may not have written it yet
        return
    cross_validated(json.loads((folder / "bundle.json").read_text(encoding="utf-8"))["figures"])
    written(bundle=folder, report=folder.with_name("report.html"))


def written(**paths: Path) -> None:
    """Print where the results are, a line each."""
    _lines(f"{name}: {path}" for name, path in paths.items())


def searched(found: Mapping[str, Any]) -> None:
    """Print the winner of a search, and what it and the given recipe do on the fold that no trial has seen."""
    best, tested = found["best"], found["held_out"]
    table = _table(f"best of {found['trials']} trials, {found['pruned']} of them pruned", "")
    for name, value in best["settings"].items():
        table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    table.add_row("AUROC, mean over inner folds", f"{best['auroc']:.3f}".removeprefix("0"))
    table.add_row(f"AUROC, {tested['best']['photos']} photographs held out", bracketed(tested["best"]["auroc"]))
    table.add_row("the same of the recipe as given", bracketed(tested["as_given"]["auroc"]))
    _print(table)


def compared(found: Mapping[str, Any]) -> None:
    """Print what compare.md begins with."""
    table = _table("backbone", "AUROC, rash only", "sensitivity at specificity .90", "accuracy", "int8 MB", "int8 ms")
    for one in found["backbones"]:
        figures, cost = one["figures"], one["cost"]
        shown = [bracketed(figures[key]) for key in ("auroc", "sensitivity", "accuracy")]
        small = ["–" if cost[key] is None else f"{cost[key] / unit:.3g}" for key, unit in _SMALL.items()]
        table.add_row(one["name"], *shown, *small)
    _print(table)
    lines = [f"skipped {name}: {reason}" for name, reason in found["skipped"].items()]
    _lines(filter(None, [*lines, stands_in(found)]))


_SMALL = {"int8_bytes": 1e6, "int8_ms": 1}


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name)
    return table


def _lines(lines: Iterable[str]) -> None:
    for line in lines if is_main() else ():
        _console().print(line, markup=False, highlight=False, soft_wrap=True)


def _print(table: Table) -> None:
    if is_main():
        _console().print(table, markup=False, highlight=False)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)
