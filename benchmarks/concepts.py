"""Claims: on phantoms, how far count and extent of lesions can be believed, and what changing one thing does.

    python benchmarks/concepts.py [--quick]

Counts by the network's map of the whole photograph and by windows; every figure has its 95 % interval over phantoms.
Goal: the count by windows is nearer than always guessing the mean.
"""

from __future__ import annotations

from mpoxlens.bundle import Bundle, default_path
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.explain.bundle_map import check_map
from mpoxlens.explain.concepts.counterfactual import Effects, effects
from mpoxlens.explain.concepts.lesions import WINDOWS
from mpoxlens.explain.concepts.validate import Validation, validate
from record import Row, arguments, finish

PHANTOMS, PAIRS, INPUTS = 80, 40, 40


def main() -> None:
    """Measure and record."""
    options = arguments(__doc__).parse_args()
    phantoms, pairs, inputs = (8, 3, 4) if options.quick else (PHANTOMS, PAIRS, INPUTS)
    bundle = Bundle.load(default_path(), threads=1)
    rows = []
    for windows, name in ((1, "one map of the whole photograph"), (WINDOWS, f"windows of 1/{WINDOWS} of the side")):
        rows += _validation(validate(bundle, phantoms, windows=windows), name, goal=windows > 1)
    rows += _effects(effects(bundle, pairs))
    found = check_map(default_path(), inputs)
    limit = f"all weights shuffled, map of the phantoms as before: rank correlation, {{}} (upper bound, {inputs})"
    rows += [
        Row(limit.format("signs kept"), found.signed.high, "", found.limit),
        Row(limit.format("signs left out"), found.absolute.high, "", found.limit),
    ]
    finish("concepts", rows, quick=options.quick, notes=_notes(phantoms, pairs), packages=("numpy", "onnxruntime"))


def _validation(found: Validation, name: str, *, goal: bool) -> list[Row]:
    return [
        _row(f"{name}: error of the count by the line", found.error, "lesions"),
        _row(f"{name}: error of always guessing the mean", found.mean_error, "lesions"),
        Row(f"{name}: nearer than the mean by, lower bound", found.gain.low, "lesions", 0.0 if goal else None, True),
        _row(f"{name}: correlation of the count", found.count, ""),
        _row(f"{name}: correlation of the extent", found.extent, ""),
    ]


def _effects(found: Effects) -> list[Row]:
    rows = [_row("as drawn: contrast", found.contrast, "logits"), _row("as drawn: P(mpox)", found.probability, "")]
    for one in found.changes:
        rows += [
            _row(f"{one.edit}: contrast", one.contrast, "logits"),
            _row(f"{one.edit}: P(mpox)", one.probability, ""),
        ]
    return rows


def _row(measure: str, found: Figure, unit: str) -> Row:
    return Row(f"{measure} ({found.low:.2f} to {found.high:.2f})", found.value, unit)


def _notes(phantoms: int, pairs: int) -> str:
    return (
        f"The default bundle on drawn phantoms. Counts: {phantoms} phantoms of 0 to 30 lesions, every stage, tones "
        f"from -50° to 60°; half fit the line, half are measured. Changes: {pairs} phantoms of 12 pustules, after less "
        "before. A drawing is no photograph: of these, nothing here is measured."
    )


if __name__ == "__main__":
    main()
