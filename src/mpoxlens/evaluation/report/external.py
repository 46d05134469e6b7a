"""The report of an evaluation on photographs of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.bundle import Spec
from mpoxlens.evaluation.caveats import LITTLE, caveats, too_narrow
from mpoxlens.evaluation.judgements import Judgements
from mpoxlens.evaluation.metrics import Flags
from mpoxlens.evaluation.reliability import bounded_odds
from mpoxlens.evaluation.report.charts import Scores
from mpoxlens.evaluation.report.page import write_page
from mpoxlens.evaluation.report.training import bundle_facts
from mpoxlens.evaluation.report.worst import worst
from mpoxlens.evaluation.summary import Summary, bracketed, leak_sentence
from mpoxlens.schema import Decision


def write_external_report(
    summary: Summary, spec: Spec, judged: Judgements, path: Path, *, root: Path | None = None
) -> None:
    """Write the report of an evaluation.

    Args:
        summary: as `external.run` makes it.
        spec: of the bundle.
        judged: every photograph that was judged.
        path: of the HTML file.
        root: folder of the photographs, to show the worst mistakes as pictures; None shows none.

    Raises:
        MpoxlensError: the report cannot be written.
    """
    c = summary.content
    about = bundle_facts(spec)
    about["bundle"] |= {"sha256": c["bundle"]["sha256"]}
    asked = judged.known & (judged.label != "healthy")
    positive = judged.label == spec.positive
    scores = Scores(positive[asked], judged.found.probability[asked], spec.operating_point) if asked.any() else None
    facts = {
        "title": f"{spec.name} {spec.version} on {c['dataset']['name']}",
        "lead": list(lead(c)),
        "notes": list(_notes(c)),
        "objective": "Validation of a finished model on photographs of others.",
        "partition": f"Nothing is divided: all photographs{_unseen(c)} are tested on. Clusters (person, or photograph "
        "with its copies) are resampled whole.",
        "updating": "No: calibration, thresholds and sets are the bundle's own.",
        "difference": "Another collection; its labels stand above, those of the training in the card.",
        "external": f"This report is one: photographs of another collection{_unseen(c)}.",
        "counts": c["dataset"]["labels"] | c["dataset"]["other_labels"],
        "leak_sentence": leak_sentence(c["leak"]),
        "worst_what": "Photographs that are told the opposite of their label; those without a decision are not here.",
        "worst": _worst(judged, asked, spec, root),
        "study": {},  # the recipe speaks of the photographs that were learned from, not of these
        **{
            name: c[name]
            for name in ("figures", "curves", "decisions", "mimics", "stress", "leak", "dataset", "versions")
        },
    }
    write_page(facts | about, scores, path)


def lead(c: Mapping[str, Any]) -> Iterator[str]:
    """Give the answer in sentences."""
    rash = c["figures"]["rash_only"] if c["figures"] else None
    if rash and rash["auroc"]["value"] is not None:
        yield f"On {rash['photos']} photographs of a rash{_unseen(c)}, the AUROC is {bracketed(rash['auroc'])}."
    if rash and rash["photos"]:
        yield (
            f"At its shipped threshold, sensitivity is {bracketed(rash['sensitivity'])} and specificity "
            f"{bracketed(rash['specificity'])}; the expected calibration error is {bracketed(rash['ece'])}."
        )
    if (told := c["decisions"].get("rash_only")) is not None:
        right = bracketed(told["right_when_decided"])
        yield f"{bracketed(told['decided'])} get a decision, of which {right} are right."
    if c["mimics"]:
        every = c["mimics"]["all"]
        yield f"Of {every['photographs']} photographs of other diseases, {bracketed(every['called'])} are called mpox."


def _unseen(c: Mapping[str, Any]) -> str:
    if c["leak"]["possible"]:
        return " that the bundle has not learned from"
    return " (whether the bundle has learned from them is not known)"


def _notes(c: Mapping[str, Any]) -> Iterator[str]:
    yield leak_sentence(c["leak"])
    yield from c["dataset"]["notes"]
    if c["figures"]:
        yield from caveats(c["figures"]["rash_only"], c["bundle"]["positive"])
    elif c["dataset"]["clusters"] < LITTLE:
        yield too_narrow(c["dataset"]["clusters"])


def _worst(judged: Judgements, asked: Flags, spec: Spec, root: Path | None) -> list[dict[str, Any]]:
    rows = np.flatnonzero(asked)
    records, p = [judged.records[i] for i in rows], judged.found.probability[rows]
    told = [str(judged.found.decision[i]) for i in rows]
    wrong_word = np.where(judged.label[rows] == spec.positive, str(Decision.UNLIKELY), str(Decision.LIKELY))
    margin = bounded_odds(p) - bounded_odds(np.array(spec.operating_point))
    files = {r.sha256: root / r.path for r in records} if root else None
    return worst(
        [r.sha256 for r in records], [r.label for r in records], p, np.array(told) == wrong_word, margin, told, files
    )
