"""The bundle's card, written from its specification, so that no figure in it is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpoxlens.bundle import Spec

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
- **Too few people.** The mpox photographs show only a few dozen people, nearly all with the widespread rash of classic
  disease. Genital and perianal lesions, typical since 2022, are absent.
- **Skin tone is confounded with the label** in the public photographs: mpox mostly on dark skin, chickenpox and measles
  mostly on light. See AUROC by tone; where a band has few photographs its figure says little.
- **One curator's eye.** All figures are internal. On photographs from another curator, models of this kind have done
  much worse, specificity above all. The figures are upper bounds.
- **Other rashes** (herpes, zoster, syphilis, scabies, molluscum, acne, eczema) were not learned. The bundle may call
  them mpox, and its test for "unlike anything it knows" catches only some.
- Labels come from the publishers, not from a laboratory; one reviewer dropped or doubted some by eye."""


def write_card(spec: Spec) -> str:
    """Return the card in Markdown."""
    f = spec.figures
    parts = [
        f"# {spec.name}, version {spec.version}",
        f"**{spec.intended_use}**",
        _what(spec),
        "## How good",
        f"Measured on {f['measured_on']}. In brackets: 95 % interval by cluster bootstrap.",
        _table(f),
        _classes(f["four_class"]),
        _tones(f.get("auroc_by_tone", {})),
        _parity(f),
        "## Limits",
        LIMITS,
        "## Licences",
        "\n".join(f"- {name}: {text}" for name, text in spec.licences.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def bracketed(figure: Mapping[str, float | None]) -> str:
    """Return a figure with its interval, as in ".912 [.880–.941]"."""
    if figure.get("value") is None:
        return "not defined"
    value, low, high = (f"{figure[key]:.3f}".replace("0.", ".", 1) for key in ("value", "low", "high"))
    return f"{value} [{low}–{high}]"


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
