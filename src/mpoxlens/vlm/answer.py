"""From the first token of an answer to a probability, and from the probability to the words that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mpoxlens.schema import Decision, Floats
from mpoxlens.screening.decide import Verdict, percent

if TYPE_CHECKING:
    from torch import Tensor

OPENINGS = {
    Decision.LIKELY: "Mpox is likely",
    Decision.UNLIKELY: "Mpox is unlikely",
    Decision.CANNOT_TELL: "I cannot tell whether this is mpox",
}


def answer_logits(logits: Tensor, answers: tuple[int, int]) -> Floats:
    """Return the logits [B, 2] of "No" and "Yes" from those of an answer's first token [B, V].

    They are what `rules.Calibration` takes, with 1 as the positive column.
    """
    yes, no = answers
    return np.asarray(logits[:, [no, yes]].detach().float().cpu().numpy())


def compose(verdict: Verdict) -> str:
    """Return the answer that is shown: decision and number from the verdict alone, then why, then what to do."""
    opening = f"{OPENINGS[verdict.decision]}: the estimated chance is {percent(verdict.probability)}."
    parts = [opening, *(reason.text for reason in verdict.reasons), verdict.next_step]
    return " ".join(part for part in parts if part)
