"""How far two reviewers agree, and where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.reviews import VERDICTS, Review
from mpoxlens.datasets.tables import write_csv
from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Figure, with_interval

Codes = NDArray[np.int64]
Verdicts = dict[str, tuple[str, str]]  # verdict and reason of each photograph
LOW = 0.6  # kappa below which Landis and Koch (Biometrics 33:159, 1977) no longer call agreement substantial
ONE_SIDED = 0.85  # agreement by chance that two reviewers reach who give more than 92 in 100 one and the same verdict
ONE_SIDED_SAYS = "nearly all verdicts are the same, where kappa says little: look at the disagreements"


@dataclass(frozen=True)
class Disagreement:
    """One photograph and what each of two reviewers said of it."""

    sha256: str
    verdict_a: str  # keep, drop, or relabel:LABEL
    verdict_b: str
    reason_a: str
    reason_b: str


@dataclass(frozen=True)
class Agreement:
    """Two reviewers compared over the photographs that both gave a verdict."""

    photographs: int  # with a verdict of both
    only_a: int  # with a verdict of one alone
    only_b: int
    agreed: Figure  # share with the same verdict
    kappa: Figure  # Cohen's, of the verdicts; NaN when both gave one and the same to all
    kappa_drop: Figure  # of drop against all else
    kappa_flags: dict[str, Figure]  # of each flag that one of them gave
    disagreements: tuple[Disagreement, ...]  # by sha256

    def lines(self) -> list[str]:
        """Return what there is to say, one line each."""
        shown = [
            ("same verdict", self.agreed),
            ("kappa, verdicts", self.kappa),
            ("kappa, drop or not", self.kappa_drop),
        ]
        shown += [(f"kappa, flag {name}", figure) for name, figure in self.kappa_flags.items()]
        both = _counted(self.photographs, "photograph")
        return [
            f"{both} with a verdict of both ({self.only_a} and {self.only_b} with one alone)",
            *(f"{name}: {_shown(figure)}" for name, figure in shown),
            *(
                ["nearly all verdicts are the same, where kappa says little: look at the disagreements"]
                * self.one_sided
            ),
            _counted(len(self.disagreements), "disagreement"),
        ]

    @property
    def one_sided(self) -> bool:
        """Whether kappa is low although they agree, since nearly all verdicts are the same.

        Feinstein and Cicchetti, Journal of Clinical Epidemiology 43:543, 1990.
        """
        if not self.kappa.value < LOW:  # NaN, too
            return False
        chance = (self.agreed.value - self.kappa.value) / (1 - self.kappa.value)
        return chance >= ONE_SIDED


def agreement(a: Sequence[Review], b: Sequence[Review], manifest: Manifest | None = None) -> Agreement:
    """Compare two reviewers.

    Cohen's kappa (Educational and Psychological Measurement 20:37, 1960) with 95 % intervals by bootstrap of clusters.

    Args:
        a: decisions of the one; a photograph's last verdict holds.
        b: decisions of the other.
        manifest: gives the clusters, and the labels: relabelling to the label that stands is to keep. Without it
            every photograph counts for itself.

    Raises:
        DataError: there is no photograph to which both gave a verdict.
    """
    said_a, said_b, both = _compared(a, b, manifest)
    groups = {r.sha256: r.group or r.sha256 for r in manifest.records} if manifest else {}
    clusters = [groups.get(sha, sha) for sha in both]

    def figure(one: Sequence[str], other: Sequence[str]) -> Figure:
        x, y = np.unique([*one, *other], return_inverse=True)[1].reshape(2, -1)
        return with_interval(lambda rows: cohen_kappa(x[rows], y[rows]), clusters)

    verdicts_a, verdicts_b = ([said[sha][0] for sha in both] for said in (said_a, said_b))
    same = np.array(verdicts_a) == np.array(verdicts_b)
    flagged_a, flagged_b = _flagged(a), _flagged(b)
    return Agreement(
        photographs=len(both),
        only_a=len(said_a) - len(both),
        only_b=len(said_b) - len(both),
        agreed=with_interval(lambda rows: float(same[rows].mean()), clusters),
        kappa=figure(verdicts_a, verdicts_b),
        kappa_drop=figure(*([str(v == "drop") for v in verdicts] for verdicts in (verdicts_a, verdicts_b))),
        kappa_flags={
            name: figure(*([str((sha, name) in flagged) for sha in both] for flagged in (flagged_a, flagged_b)))
            for name in sorted({name for sha, name in flagged_a | flagged_b if sha in set(both)})
        },
        disagreements=_differing(said_a, said_b, both),
    )


def disagreements(
    a: Sequence[Review], b: Sequence[Review], manifest: Manifest | None = None
) -> tuple[Disagreement, ...]:
    """List where two reviewers differ, without the figures; see `agreement`, which takes and raises the same."""
    return _differing(*_compared(a, b, manifest))


def cohen_kappa(x: Codes, y: Codes) -> float:
    """Cohen's kappa of two codings [N]; NaN when both hold one and the same code throughout."""
    size = int(max(x.max(), y.max())) + 1
    table = np.bincount(x * size + y, minlength=size * size).reshape(size, size) / len(x)
    chance = float(table.sum(axis=1) @ table.sum(axis=0))
    return (float(np.trace(table)) - chance) / (1 - chance) if chance < 1 else float("nan")


def write_disagreements(found: Iterable[Disagreement], path: Path) -> None:
    """Write the disagreements as CSV, whole or not at all."""
    columns = ("sha256", "verdict_a", "verdict_b", "reason_a", "reason_b")
    write_csv(columns, ([getattr(one, name) for name in columns] for one in found), path)


def _compared(
    a: Sequence[Review], b: Sequence[Review], manifest: Manifest | None
) -> tuple[Verdicts, Verdicts, list[str]]:
    """What each said, and the photographs with a verdict of both, by sha256."""
    labels = {r.sha256: r.label for r in manifest.records} if manifest else {}
    said_a, said_b = _verdicts(a, labels), _verdicts(b, labels)
    both = sorted(said_a.keys() & said_b.keys())
    if not both:
        raise DataError("the two decisions files", "no photograph has a verdict of both", "review the same photographs")
    return said_a, said_b, both


def _differing(said_a: Verdicts, said_b: Verdicts, both: Iterable[str]) -> tuple[Disagreement, ...]:
    pairs = ((sha, said_a[sha], said_b[sha]) for sha in both)
    return tuple(Disagreement(sha, x[0], y[0], x[1], y[1]) for sha, x, y in pairs if x[0] != y[0])


def _verdicts(reviews: Iterable[Review], labels: dict[str, str]) -> Verdicts:
    """Verdict and reason of each photograph."""
    found = {}
    for one in reviews:
        if one.action in VERDICTS:
            anew = one.action == "relabel" and one.value != labels.get(one.sha256)
            plain = "drop" if one.action == "drop" else "keep"
            found[one.sha256] = (f"relabel:{one.value}" if anew else plain, one.reason)
    return found


def _flagged(reviews: Iterable[Review]) -> set[tuple[str, str]]:
    return {(one.sha256, one.reason) for one in reviews if one.action == "flag"}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(figure: Figure) -> str:
    if np.isnan(figure.value):
        return "not defined, both gave one and the same to all"
    return f"{figure.value:.2f} (95 % interval {figure.low:.2f} to {figure.high:.2f})"
