"""An adapter judged on photographs of others, as a bundle is: mpox or not, by its own rules, without a history.

It is asked of mpox alone. That it can be told of as a bundle with healthy skin for a label lets the figures set people
with a rash apart, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np

import mpoxlens
from mpoxlens.bundle import Spec
from mpoxlens.errors import CheckpointError
from mpoxlens.evaluation.judge import DecisionRules, Seen
from mpoxlens.schema import INTENDED_USE, Photo
from mpoxlens.vlm.asking import Assistant, refuses
from mpoxlens.vlm.instructions.histories import POSITIVE
from mpoxlens.vlm.instructions.photographs import BARE
from mpoxlens.vlm.rules_file import RULES

LABELS = (POSITIVE, "other", BARE)
NEVER = -30.0  # what the last of them, which it is not asked about, has less than "No": nothing of any share
LICENCES = {
    "code": "Apache-2.0",
    "weights": "research use only, see LICENSE-WEIGHTS.md",
    "data": "not included; see the adapter's card",
}


@dataclass(frozen=True, eq=False)
class AdapterLooker:
    """The language-vision model, asked `talk.DIAGNOSIS` of each photograph."""

    assistant: Assistant
    rules: DecisionRules  # of the logits of `LABELS`
    _one: Lock = field(default_factory=Lock, repr=False)  # it answers one question at a time

    labels = LABELS
    positive = 0

    @classmethod
    def load(cls, folder: Path, say: Callable[[str], None] = lambda _line: None) -> AdapterLooker:
        """Load an adapter; raises what `Assistant.load` does, and CheckpointError where its rules are too old."""
        return cls.of(Assistant.load(folder, say=say))

    @classmethod
    def of(cls, assistant: Assistant) -> AdapterLooker:
        """Return the looker of an assistant; CheckpointError where its rules are too old."""
        own = assistant.rules
        if own.ood is None:
            why = "no statistics of what it learned from, so that nothing can be called unfamiliar"
            raise CheckpointError(RULES, why, "train the adapter again: mpoxlens vlm train")
        return cls(assistant, DecisionRules(cls.positive, own.calibration, own.operating_point, own.conformal, own.ood))

    @property
    def sha256(self) -> str:
        """Of the adapter."""
        return self.assistant.about["adapter_sha256"]

    @property
    def spec(self) -> Spec:
        """What a bundle would say of itself."""
        rules = self.rules
        return Spec(
            name=self.assistant.about["model"],
            version=mpoxlens.__version__,
            labels=self.labels,
            positive=POSITIVE,
            preprocess=self.assistant.reader.inputs[0],
            calibration=rules.calibration,
            operating_point=rules.operating_point,
            conformal=rules.conformal,
            ood=rules.ood,
            intended_use=INTENDED_USE,
            licences=LICENCES,
            training=dict(self.assistant.about),
            figures=dict(self.assistant.rules.figures),
        )

    def look(self, photos: Sequence[Photo]) -> Seen:
        """Return what the model says of photographs, in their order; raises what `Assistant.said` does."""
        with self._one:
            found = [self.assistant.said(photo) for photo in photos]
        logits = np.stack([(one[1], one[0], one[0] + NEVER) for one, _ in found]).astype(np.float32)
        score = np.array([self.assistant.strangeness(embedding) for _, embedding in found])
        return Seen(logits, score, np.array([refuses(one) for one, _ in found]))
