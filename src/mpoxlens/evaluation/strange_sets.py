"""What must be refused: pictures that are no rash, drawings, and rashes that the model has no label for.

Two things stand against them: the gate, which looks at the picture, and the out-of-distribution score, which looks at
the embedding. A third, the prediction set, leaves open what lies between the classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.judge import Decider, Judgement, Photographs, judged
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.evaluation.strange_pictures import COUNT, made, things
from mpoxlens.schema import Decision, ImageRecord, Pixels

METHOD = (
    "Pictures that belong to no label are judged as photographs are, without a history. `refused` is the gate's, "
    "`unfamiliar` the out-of-distribution score's above its threshold, whatever the gate says. The AUROC is of that "
    "score, these pictures against the known photographs. Intervals of 95 % from resampled clusters; drawn pictures "
    "are a cluster each, cut-outs of one photograph are one together."
)


@dataclass(frozen=True)
class Refusals:
    """How one set of strange pictures was received."""

    name: str
    pictures: int
    clusters: int
    refused: Figure  # share
    unfamiliar: Figure  # share
    cannot_tell: Figure  # share, for whatever reason
    told_likely: Figure  # share: the error that frightens
    told_unlikely: Figure  # share: the error that harms
    auroc: Figure | None  # of strangeness, against known photographs; None for these themselves

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        names = ("refused", "unfamiliar", "cannot_tell", "told_likely", "told_unlikely")
        shares = {name: getattr(self, name).to_dict() for name in names}
        told = None if self.auroc is None else self.auroc.to_dict()
        return {"name": self.name, "pictures": self.pictures, "clusters": self.clusters, **shares, "auroc": told}


@dataclass(frozen=True)
class Strangeness:
    """All sets, and the known photographs beside them."""

    known: Refusals
    sets: tuple[Refusals, ...]

    def set(self, name: str) -> Refusals:
        """Return a set by its name; KeyError when there is none."""
        return {one.name: one for one in self.sets}[name]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """A sentence a set."""
        return tuple(map(_verdict, self.sets))

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        sets = [one.to_dict() for one in self.sets]
        return {"method": METHOD, "known": self.known.to_dict(), "sets": sets, "verdicts": list(self.verdicts)}


def strange_sets(
    judge: Decider,
    known: Photographs,
    sets: Mapping[str, Photographs] | None = None,
    tell: Tell = silent,
    count: int = COUNT,
    seed: int = 0,
) -> Strangeness:
    """Judge pictures that must be refused, and photographs that must not.

    Args:
        judge: a bundle, or networks out of fold; a bundle knows its own training photographs too well.
        known: photographs of the judge's labels.
        sets: what must be refused, by name: `made_sets`, rashes without a label here (see `other_labels`); those of
            `made_sets` when None.
        tell: told how far it is.
        count: pictures that are made for each set when `sets` is None.
        seed: of these pictures.
    """
    _, familiar = judged(judge, known, tell=tell, stage="known photographs")
    found = []
    for name, pictures in (made_sets(seed, count) if sets is None else sets).items():
        _, strange = judged(judge, pictures, tell=tell, stage=name)
        found.append(_refusals(name, pictures, strange, (known, familiar)))
    return Strangeness(_refusals("known photographs", known, familiar, None), tuple(found))


def other_labels(
    records: Sequence[ImageRecord], pixels: Sequence[Pixels], labels: Sequence[str]
) -> dict[str, Photographs]:
    """Return the photographs of every label that is not among the judge's, by label."""
    names = sorted({record.label for record in records} - set(labels))
    found = {}
    for name in names:
        rows = [i for i, record in enumerate(records) if record.label == name]
        found[name] = Photographs.of([records[i] for i in rows], [pixels[i] for i in rows], name)
    return found


def made_sets(seed: int = 0, count: int = COUNT) -> dict[str, Photographs]:
    """Return the sets that are made here, and that of things where an installed package ships photographs of any."""
    pictures, of = things(count, seed)
    sets = {"things": _photographs("thing", pictures, of)} if pictures else {}
    for name, drawn in made(seed, count).items():
        sets[name] = _photographs(name, drawn, [f"{name} {i}" for i in range(len(drawn))])
    return sets


def _photographs(name: str, pixels: Sequence[Pixels], clusters: Sequence[str]) -> Photographs:
    keys = tuple(f"{name} {i}" for i in range(len(pixels)))
    return Photographs(pixels, np.zeros(len(pixels), dtype=bool), tuple(clusters), keys)


def _refusals(
    name: str, pictures: Photographs, found: Judgement, known: tuple[Photographs, Judgement] | None
) -> Refusals:
    told = np.array(found.decision, dtype=object)
    flags = (found.refused, found.strange > 1, found.cannot_tell, told == Decision.LIKELY, told == Decision.UNLIKELY)
    draws = Draws.of(pictures.cluster)
    refused, unfamiliar, silent_on, likely, unlikely = (figure(draws.mean(one)) for one in flags)
    told_apart = None if known is None else _auroc(pictures, found, *known)
    counts = len(pictures.pixels), len(set(pictures.cluster))
    return Refusals(name, *counts, refused, unfamiliar, silent_on, likely, unlikely, told_apart)


def _auroc(pictures: Photographs, strange: Judgement, known: Photographs, familiar: Judgement) -> Figure:
    score = np.concatenate([strange.strange, familiar.strange])
    out = np.arange(len(score)) < len(strange.strange)
    clusters = [*(f"strange {name}" for name in pictures.cluster), *known.cluster]
    return figure(weighted.auroc(out, score, Draws.of(clusters).weights))


def _verdict(one: Refusals) -> str:
    sure = one.told_likely.value + one.told_unlikely.value
    return (
        f"{one.name}: {one.cannot_tell.value:.0%} of {one.pictures} get no decision (the gate refuses "
        f"{one.refused.value:.0%}, {one.unfamiliar.value:.0%} are unfamiliar); {sure:.0%} get one, "
        f"{one.told_likely.value:.0%} are told mpox likely."
    )
