"""From the first token of an answer to a probability, and from the probability to the words that are shown."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor

from mpoxlens.rules import MAX_LOG_ODDS, Doubles, sigmoid
from mpoxlens.schema import Decision, Floats
from mpoxlens.screening.decide import Verdict

OPENINGS = {
    Decision.LIKELY: "Mpox is likely",
    Decision.UNLIKELY: "Mpox is unlikely",
    Decision.CANNOT_TELL: "I cannot tell whether this is mpox",
}
# Words that pass judgement. What the language model says with one of them could contradict the number.
JUDGEMENT = re.compile(
    r"""mpox|monkeypox|\b(yes|no|not|never|likely|unlikely|likelihood|probab\w*|possib\w*|chance|risk|odds|certain\w*|sure|
    definite\w*|clear(ly)?|rule[sd]?\s+out|exclude\w*|diagnos\w*|confirm\w*|suspect\w*|positive|negative|harmless|safe|
    worr\w*|per\s?cent|chicken\s?pox|varicella|measles|healthy|normal)\b|%|\d+\s*/\s*\d+|\d+\s+(of|in)\s+\d+""",
    re.IGNORECASE | re.VERBOSE,
)
SENTENCE = re.compile(r"(?<=[.!?])\s+")


def answer_logits(logits: Tensor, answers: tuple[int, int]) -> Floats:
    """Return the logits [B, 2] of "No" and "Yes" from those of an answer's first token [B, V].

    They are what `rules.Calibration` takes, with 1 as the positive column.
    """
    yes, no = answers
    return np.asarray(logits[:, [no, yes]].detach().float().cpu().numpy())


def p_mpox(logits: Tensor, answers: tuple[int, int]) -> Tensor:
    """Return P(mpox) [B]: the softmax over "Yes" and "No", from the logits of an answer's first token [B, V]."""
    yes, no = answers
    wide = logits.float()
    return torch.sigmoid(wide[:, yes] - wide[:, no])


def calibrated(log_odds: Doubles, scale: float, shift: float) -> Doubles:
    """Return calibrated probabilities [N] of log-odds [N]; Platt scaling (1999), never surer than `MAX_LOG_ODDS`.

    `rules.Calibration` is the same with a temperature of 1 / scale and a bias of shift.
    """
    return sigmoid(np.clip(scale * log_odds + shift, -MAX_LOG_ODDS, MAX_LOG_ODDS))


def compose(verdict: Verdict, said: str = "") -> str:
    """Return the answer that is shown: decision and number from the verdict alone, then why, then what to do.

    Args:
        verdict: of `screening.decide.decide`.
        said: what the language model wrote; its sentences are kept only where they pass no judgement.
    """
    opening = f"{OPENINGS[verdict.decision]}: the estimated chance is {percent(verdict.probability)}."
    parts = [opening, *(reason.text for reason in verdict.reasons), without_judgement(said), verdict.next_step]
    return " ".join(part for part in parts if part)


def without_judgement(said: str) -> str:
    """Return the sentences of a text that say nothing on what the rash is or how likely."""
    return " ".join(s for s in SENTENCE.split(said.strip()) if s and not JUDGEMENT.search(s))


def percent(probability: float) -> str:
    """Return whole per cent; nobody is told that a model is certain."""
    whole = round(100 * probability)
    return "below 1 %" if whole < 1 else "above 99 %" if whole > 99 else f"{whole} %"
