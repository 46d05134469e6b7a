"""Simulated histories for the questions that come with one, and what a history alone says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.frequencies import Frequencies
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.posterior import posterior
from mpoxlens.vlm.vignettes import Vignette, from_seed
from mpoxlens.vlm.words import WORDINGS, answers, history_text

POSITIVE = "mpox"
UNKNOWN = (0.2, 0.4, 0.7, 1.0)  # chance that an answer is unknown; at 1 the picture has to suffice


@dataclass(frozen=True)
class Source:
    """What histories are drawn from, and for which labels."""

    frequencies: Frequencies
    profile: str
    prior: Mapping[str, float]  # equal for every label of the set that the frequencies know

    @classmethod
    def of(cls, manifest: Manifest, frequencies: Frequencies, profile: str) -> Source:
        """Return the source for the photographs of a manifest."""
        present = {record.label for record in manifest.records}
        labels = [label for label in frequencies.diseases if label in present]
        return cls(frequencies, profile, dict.fromkeys(labels, 1 / max(1, len(labels))))

    def chance(self, info: ClinicalInfo) -> float | None:
        """Return P(mpox | history), None where no photograph of the set is of mpox."""
        if POSITIVE not in self.prior:
            return None
        return posterior(info, self.prior, self.frequencies, self.profile)[POSITIVE]


def told(disease: str, seed: int, source: Source) -> Vignette:
    """Draw the history of a seed: how much of it is known comes from the seed, too."""
    unknown = UNKNOWN[seed % len(UNKNOWN)]
    return from_seed(disease, seed, source.frequencies, profile=source.profile, unknown=unknown)


def with_history(
    one: Instruction, disease: str, source: Source, rng: np.random.Generator, seed: int | None = None
) -> Instruction:
    """Return a question with a history of a disease; unchanged where the disease has no frequencies.

    Args:
        one: the question.
        disease: whose history it is.
        source: of histories.
        rng: draws the wording, and the seed where none is given.
        seed: of the history.
    """
    if disease not in source.prior:
        return one
    seed = int(rng.integers(2**31)) if seed is None else seed
    info = told(disease, seed, source).info
    text = history_text(info, int(rng.integers(len(WORDINGS))))
    return replace(
        one,
        history=text,
        info=json.dumps(dict(answers(info))),
        posterior=source.chance(info),
        simulated=bool(text),
        profile=source.profile,
        disease=disease,
        vignette_seed=seed,
    )
