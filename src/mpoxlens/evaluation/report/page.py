"""The page: facts in, one HTML file out that asks nothing of the network and holds no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpoxlens.evaluation.report.charts import Scores, pictures, sweep
from mpoxlens.evaluation.report.checklist import checklist
from mpoxlens.evaluation.report.draw import interval
from mpoxlens.evaluation.summary import bracketed
from mpoxlens.screening.output import write_whole
from mpoxlens.screening.report import csp_hash

if TYPE_CHECKING:
    from jinja2 import Template

TITLES = {  # of the table of figures, in its order
    "auroc": "AUROC",
    "auprc": "AUPRC (average precision)",
    "sensitivity": "Sensitivity at the operating point",
    "specificity": "Specificity at the operating point",
    "sensitivity_at_specificity_90": "Sensitivity at specificity .90",
    "likelihood_ratio_positive": "Likelihood ratio of a call",
    "likelihood_ratio_negative": "Likelihood ratio of no call",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    "slope": "Calibration slope (1 is right)",
    "intercept": "Calibration intercept (0 is right)",
    "told_minus_seen": "Mean probability less share of mpox",
    "decided": "Share that gets a decision, by probability alone",
    "right_when_decided": "Right, of those decided",
    "mpox_told_unlikely": "Of mpox, told unlikely",
    "others_told_likely": "Of the others, told likely",
    "right_at_coverage_70": "Right, of the surest 70 %",
    "coverage_at_right_95": "Largest share answered with 95 % right",
}
SETS = {"coverage_mpox": "mpox in the set, of mpox", "coverage_other": "“other” in the set, of the others"}
SUBGROUP_FIGURES = {"auroc": "AUROC", "sensitivity": "Sensitivity", "specificity": "Specificity"}
TOLD = {"told_likely": "told likely", "told_unlikely": "told unlikely", "cannot_tell": "cannot tell"}


def write_page(facts: Mapping[str, Any], scores: Scores | None, path: Path) -> None:
    """Write the report, whole or not at all.

    Args:
        facts: title, lead (sentences), notes, positive, labels, intended_use, objective, partition, updating,
            difference, external, versions, counts, training, preprocess, figures, curves, decisions, mimics, stress,
            leak, dataset, worst, worst_what, study, bundle; see `report.training` and `report.external`. What is not
            there is None.
        scores: what ROC and reliability are drawn from; None where no photograph has a label of the bundle's.
        path: of the HTML file.

    Raises:
        MpoxlensError: it cannot be written.
    """
    figures, stress = facts["figures"], facts["stress"]
    # A name that is missing must be missing for the checklist too, so that its item counts as not answered.
    known = {name: value for name, value in facts.items() if value is not None}
    text = _template().render(
        facts,
        pictures=pictures(scores, figures["rash_only"], facts["curves"]["rash_only"]) if scores and figures else [],
        sweeps=[sweep(one) for one in stress["robustness"]["sweeps"]] if stress else [],
        checklist=checklist(known),
        rows=TITLES,
        sets=SETS,
        shown=SUBGROUP_FIGURES,
        told=TOLD,
        columns=_columns(figures),
    )

    def write(part: Path) -> None:
        part.write_text(text, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")

    write_whole(path, write)


def _columns(figures: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """The questions of the table: with healthy skin only where there is any."""
    if not figures:
        return []
    rash, everyone = figures["rash_only"], figures["with_healthy"]
    found = [("Photographs of a rash", rash)] if rash["photos"] else []
    if everyone["photos"] > rash["photos"]:
        found.append(("Healthy skin included", everyone))
    return found


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"csp": csp_hash, "bracketed": bracketed, "defined": _defined, "listed": _listed}
    page.globals |= {"interval": interval}
    source = resources.files("mpoxlens.evaluation.report") / "page.html.jinja"
    return page.from_string(source.read_text(encoding="utf-8"))


def _defined(figure: Mapping[str, Any] | None) -> bool:
    return figure is not None and figure.get("value") is not None


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
