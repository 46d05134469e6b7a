"""Figures within subgroups, and the gap between the best and the worst served, all from the same drawn samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure, ratio
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.tone import tone_band
from mpoxlens.schema import ImageRecord

LEAST = 10  # clusters of each class that a figure needs; with fewer a bootstrap draws the same few people again
SIDES = {"below 256 px": (0, 256), "256 to 511 px": (256, 512), "512 px and more": (512, 10**9)}


@dataclass(frozen=True, eq=False)
class Answers:
    """What was told of N photographs, and what was true."""

    positive: Flags
    probability: Doubles
    called: Flags  # at or above the operating point
    cluster: tuple[str, ...]
    repeats: int = 1  # rows that a photograph has


def tone_bands(angles: Doubles) -> tuple[str, ...]:
    """Return the band of each typology angle [N] in degrees."""
    return tuple(tone_band(float(angle)) for angle in angles)


def size_bands(sides: Sequence[int]) -> tuple[str, ...]:
    """Return the band of each shorter side [N] in pixels."""
    return tuple(next(name for name, (low, high) in SIDES.items() if low <= side < high) for side in sides)


def quality_bands(sha256: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return a grouping a flag of the table `quality`: "yes" or "no" of each photograph, "" where it was not measured.

    Args:
        sha256: of the photographs [N].
        rows: of the table, with `sha256`, `flags` and `problem`.
    """
    flags = {row["sha256"]: set(row["flags"]) for row in rows if not row["problem"]}
    names = sorted(set().union(*flags.values()))
    told = {True: "yes", False: "no"}
    return {
        f"quality: {name}": tuple(told[name in flags[sha]] if sha in flags else "" for sha in sha256) for name in names
    }


def groupings(
    sha256: Sequence[str],
    records: Sequence[ImageRecord],
    angles: Mapping[str, float] | None = None,
    quality: Sequence[Mapping[str, Any]] = (),
) -> dict[str, tuple[str, ...]]:
    """Return the subgroup of each row [N] by source, size, tone and quality flag.

    Args:
        sha256: of the rows [N]; one that is not among the records belongs to no subgroup.
        records: of the manifest.
        angles: typology angle in degrees by sha256; none leaves tone out.
        quality: rows of the table `quality`; none leaves it out.
    """
    known = {record.sha256: record for record in records}
    sizes = dict(zip(known, size_bands([min(r.width, r.height) for r in known.values()]), strict=True))
    found = {
        "source": tuple(known[sha].source if sha in known else "" for sha in sha256),
        "size": tuple(sizes.get(sha, "") for sha in sha256),
    }
    if angles is not None:
        found["tone"] = tuple(tone_band(angles[sha]) if sha in angles else "" for sha in sha256)
    return found | quality_bands(sha256, quality)


def subgroups(answers: Answers, group: Sequence[str], draws: Draws) -> dict[str, Any]:
    """Return figures of each subgroup, the gap of each figure, and the AUROC within subgroups.

    Args:
        answers: of N photographs.
        group: [N] the subgroup of each; "" belongs to none.
        draws: samples of the N photographs; one for all, so that gaps have intervals.
    """
    inside = {name: np.array([one == name for one in group]) for name in sorted(set(group) - {""})}
    drawn = {name: _drawn(answers, rows, draws) for name, rows in inside.items()}
    return {
        "groups": {name: _told(answers, inside[name], drawn[name]) for name in inside},
        "gaps": {key: _gap({n: d[key] for n, d in drawn.items() if key in d}) for key in ("auroc", *_NEEDS)},
        "auroc_within": figure(auroc_within(answers, group, draws)).to_dict(),
    }


def auroc_within(answers: Answers, group: Sequence[str], draws: Draws) -> Doubles:
    """AUROC of pairs of the same subgroup alone [1 + B]: what is left when the subgroup can give nothing away.

    The mean over subgroups, weighted by their pairs (Janes and Pepe 2009 weight by positives; pairs are steadier where
    a subgroup has few). NaN where no subgroup has both classes.
    """
    right, pairs = np.zeros(len(draws.counts)), np.zeros(len(draws.counts))
    for name in sorted(set(group) - {""}):
        rows = np.array([one == name for one in group])
        found = weighted.concordance(answers.positive[rows], answers.probability[rows], draws.weights[:, rows])
        right, pairs = right + found[0], pairs + found[1]
    return ratio(right, pairs)


_NEEDS = {"sensitivity": (True, False), "specificity": (False, True), "told_minus_seen": (True, True)}


def _drawn(answers: Answers, rows: Flags, draws: Draws) -> dict[str, Doubles]:
    """The figures of a subgroup that have enough people, for each drawn sample [1 + B]."""
    positive, enough = answers.positive, _enough(answers, rows)
    found = {
        "sensitivity": draws.mean(answers.called, rows & positive),
        "specificity": draws.mean(~answers.called, rows & ~positive),
        "told_minus_seen": draws.mean(answers.probability - positive, rows),
    }
    kept = {name: found[name] for name, needs in _NEEDS.items() if all(enough[i] for i in (0, 1) if needs[i])}
    if all(enough):
        kept["auroc"] = weighted.auroc(positive[rows], answers.probability[rows], draws.weights[:, rows])
    return kept


def _people(answers: Answers, rows: Flags) -> int:
    return len({answers.cluster[i] for i in np.flatnonzero(rows)})


def _enough(answers: Answers, rows: Flags) -> tuple[bool, bool]:
    """Whether a subgroup has enough clusters of mpox, and of others."""
    positive = answers.positive
    return _people(answers, rows & positive) >= LEAST, _people(answers, rows & ~positive) >= LEAST


def _told(answers: Answers, rows: Flags, drawn: Mapping[str, Doubles]) -> dict[str, Any]:
    """Counts and figures of a subgroup, and which are not computed."""
    missing = [name for name in ("auroc", *_NEEDS) if name not in drawn]
    sides = {"mpox": rows & answers.positive, "others": rows & ~answers.positive}
    counts = {name: int(side.sum()) // answers.repeats for name, side in ({"photos": rows} | sides).items()}
    counts |= {f"clusters_{name}": _people(answers, side) for name, side in sides.items()}
    said = {"too_few": f"fewer than {LEAST} clusters for {', '.join(missing)}"} if missing else {}
    return counts | {name: figure(values).to_dict() for name, values in drawn.items()} | said


def _gap(drawn: Mapping[str, Doubles]) -> dict[str, Any] | None:
    """The highest less the lowest, by the sample itself, and the same two in each drawn sample; None with fewer than 2.

    The two are picked by the sample, so that the gap of many small subgroups is larger than the true one.
    """
    if len(drawn) < 2:
        return None
    order = sorted(drawn, key=lambda name: float(drawn[name][0]))
    return {"highest": order[-1], "lowest": order[0]} | figure(drawn[order[-1]] - drawn[order[0]]).to_dict()
