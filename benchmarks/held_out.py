"""Parts of a data set that are held out whole: folds, kinds of look, bands of tone; and probes that saw none of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

import probing
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.split import folds
from mpoxlens.evaluation.bootstrap import Draws
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.subgroups import Answers, auroc_within
from mpoxlens.evaluation.tone import tone_band, typology_angle
from mpoxlens.schema import Floats
from mpoxlens.vision.data import load_pixels

SEEDS = 5  # starts of k-means
UNHELD = -1  # part of those that cannot be held out


@dataclass(frozen=True, eq=False)
class Ground:
    """The photographs, and the parts that are held out."""

    manifest: Manifest
    tone: tuple[str, ...]  # band of each photograph [N]
    fold: np.ndarray  # [N]
    look: tuple[np.ndarray, ...]  # [N] for each start of k-means
    held_tone: np.ndarray  # [N]
    draws: Draws  # of the photographs of a rash [M]

    @property
    def rash(self) -> np.ndarray:
        """Rows [M] of a rash."""
        return _rash(self.manifest)

    @property
    def positive(self) -> Flags:
        """Which of them [M] are mpox."""
        records = self.manifest.records
        return np.array([records[i].label == probing.RECIPE.data.positive for i in self.rash])

    def within(self, score: Doubles, part: Sequence[object]) -> Doubles:
        """AUROC [1 + B] of scores [N], pairs of one part [N] alone."""
        rash = self.rash.tolist()
        clusters = tuple(self.manifest.records[i].group for i in rash)
        answers = Answers(self.positive, score[rash], self.positive, clusters)
        return auroc_within(answers, ["" if part[i] == UNHELD else str(part[i]) for i in rash], self.draws)


def ground_of(manifest: Manifest, features: Floats, looks: int, count: int) -> Ground:
    """Return the parts of N photographs: `count` folds, `looks` clusters of their features [N, D], and tone bands."""
    records = manifest.records
    tone = tuple(tone_band(typology_angle(p)) for p in load_pixels(manifest.root, records))
    seen = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-8)
    kinds = [KMeans(looks, n_init=10, random_state=seed).fit_predict(seen) for seed in range(SEEDS)]
    return Ground(
        manifest,
        tone,
        folds(records, count, probing.RECIPE.train.seed).part,
        tuple(_parts(manifest, kind) for kind in kinds),
        _parts(manifest, np.unique(tone, return_inverse=True)[1]),
        Draws.of([records[i].group for i in _rash(manifest)]),
    )


def _parts(manifest: Manifest, part: np.ndarray) -> np.ndarray:
    """Return parts [N] with each group where most of it is; without a part, every label can still be learned."""
    votes: dict[str, Counter[int]] = {}
    for r, k in zip(manifest.records, part.tolist(), strict=True):
        votes.setdefault(r.group, Counter())[k] += 1
    home = {group: min(found, key=lambda k, found=found: (-found[k], k)) for group, found in votes.items()}  # type: ignore[misc]
    whole = np.array([home[r.group] for r in manifest.records])
    label = probing.targets(manifest.records)
    learnable = probing.sure(manifest)
    for k in np.unique(whole):
        if set(label[learnable & (whole != k)]) != set(label):
            whole[whole == k] = UNHELD
    return whole


def _rash(manifest: Manifest) -> np.ndarray:
    return np.array([i for i, r in enumerate(manifest.records) if r.label not in probing.RECIPE.data.without])


def held_out(ground: Ground, features: Floats, part: np.ndarray) -> Doubles:
    """Return scores [V, N] of each photograph's views by a probe that learned nothing of its part [N]."""
    records, sure = ground.manifest.records, probing.sure(ground.manifest)
    score = np.zeros(features.shape[:2])
    for k in set(part.tolist()) - {UNHELD}:
        logits = probing.learned(features[0], records, sure & (part != k), features[:, part == k])
        score[:, part == k] = probing.score_of(logits)
    return score


def both(ground: Ground, part: np.ndarray) -> list[bool]:
    """Whether each part has mpox and another rash."""
    here = part[ground.rash]
    return [len(set(ground.positive[here == k].tolist())) == 2 for k in set(here.tolist()) - {UNHELD}]
