"""The bundle's card, written from its specification, so that no figure in it is typed by hand."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from mpoxlens.bundle import Spec
from mpoxlens.evaluation.caveats import caveats
from mpoxlens.evaluation.summary import bracketed

TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "sensitivity": "Sensitivity at the operating point",
    "specificity": "Specificity at the operating point",
    "sensitivity_at_specificity_90": "Sensitivity at specificity .90",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    "decided": "Share that gets a decision",
    "right_when_decided": "Right, of those decided",
    "mpox_told_unlikely": "Of mpox, told unlikely",
    "others_told_likely": "Of the others, told likely",
}
LIMITS = """\
**One collection.** All figures are internal. On photographs from another curator, models of this kind have done much
worse, specificity above all. The figures are upper bounds.

**Other rashes** than {others} were not learned. The bundle may call them {positive}, and its test for "unlike anything
it knows" catches only some.

Nothing is stated about the people in the photographs, nor about how their labels were established."""
WIDTH = 120  # columns of a limit's lines


def write_card(spec: Spec) -> str:
    """Return the card in Markdown."""
    f = spec.figures
    parts = [
        f"# {spec.name}, version {spec.version}",
        f"**{spec.intended_use}**",
        _what(spec),
        "## How good",
        f"Measured on {f['measured_on']}. In brackets: 95 % interval by cluster bootstrap.",
        *(f"**{sentence}**" for sentence in caveats(f["rash_only"], spec.positive)),
        _table(f),
        _classes(f["four_class"]),
        _tones(f.get("auroc_by_tone", {})),
        _parity(f),
        "## Limits",
        _limits(spec),
        "## Licences",
        "\n".join(f"- {name}: {text}" for name, text in spec.licences.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _limits(spec: Spec) -> str:
    """What the recipe states, or what holds for every run."""
    others = ", ".join(label for label in spec.labels if label != spec.positive)
    stated = spec.training.get("limits") or LIMITS.format(others=others, positive=spec.positive).split("\n\n")
    return "\n".join(textwrap.fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ") for text in stated)


def _what(spec: Spec) -> str:
    t = spec.training
    photos = ", ".join(f"{n} {label} ({t['clusters'][label]} clusters)" for label, n in t["photos"].items())
    return (
        f"{t['backbone']} with base weights {t['base_weights']}, fine-tuned by `{t['recipe']}` (seed {t['seed']}) on"
        f" {photos}; sources {', '.join(t['sources'])}. A cluster is one person or one photograph with its copies."
        f" Probabilities are calibrated where {t['calibrated_at']:.0%} have mpox, the share among the photographs of a"
        f" rash; where mpox is rarer, fewer of those called likely have it."
        f" Operating point {spec.operating_point}; prediction sets at alpha {spec.conformal.alpha}: mpox from"
        f" {spec.conformal.mpox_from:.3f}, other up to {spec.conformal.other_to:.3f}."
    )


def _table(figures: Mapping[str, Any]) -> str:
    rash, every = figures["rash_only"], figures["with_healthy"]
    asked = f"rash only ({rash['photos']} photos, {rash['mpox']} mpox)"
    head = f"| | {asked} | healthy skin included ({every['photos']} photos) |"
    rows = [f"| {title} | {bracketed(rash[key])} | {bracketed(every[key])} |" for key, title in TITLES.items()]
    return "\n".join([head, "|---|---|---|", *rows])


def _classes(f: Mapping[str, Any]) -> str:
    return (
        f"As a four-class question: accuracy {bracketed(f['accuracy'])}, macro-F1 {bracketed(f['macro_f1'])},"
        f" recall of mpox {bracketed(f['mpox_recall'])}."
    )


def _tones(bands: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {b['photos']} | {b['mpox']} | {bracketed(b)} |" for name, b in bands.items()]
    return "\n".join(["| skin tone (ITA band), rash only | photos | mpox | AUROC |", "|---|---|---|---|", *rows])


def _parity(f: Mapping[str, Any]) -> str:
    p = f["int8_against_float"]
    return (
        f"The int8 file ({f['model_bytes'] / 1e6:.2f} MB) against its float parent on {p['photos']} photographs:"
        f" P(mpox) differs by {p['median_difference']} in the median and {p['max_difference']} at most;"
        f" {100 * p['same_side']:.1f} % fall on the same side of the operating point."
    )
