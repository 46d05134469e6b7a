"""Questions about photographs: what their label and a simulated history say, and nothing that nobody labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.schema import ClinicalInfo, ImageRecord, Pixels
from mpoxlens.vlm.instructions.histories import POSITIVE, Source, told, with_history
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.instructions.pictures import DAMAGE, damaged, gate
from mpoxlens.vlm.instructions.templates import Asked, ask, instruction
from mpoxlens.vlm.words import WORDINGS, Known, answers, phrase

BARE = "healthy"
UNSURE = frozenset({"doubtful_label"})  # flags whose photographs are not learned from, as in `vision.recipe`
# An answer matters when the odds of mpox by the history change by a quarter through it, and hardly matters below a
# twentieth; what lies between is not asked about, so that every answer is plainly true.
MATTERS, HARDLY = 1.25, 1.05

Rng = np.random.Generator


def learned(manifest: Manifest) -> Sequence[ImageRecord]:
    """Return the photographs whose label nobody doubts."""
    return [one for one in manifest.records if not UNSURE & manifest.flags.get(one.sha256, frozenset())]


def judged(record: ImageRecord, source: Source, rng: Rng, count: int) -> Iterator[Instruction]:
    """Yield `count` questions after the diagnosis and one after the effect of an answer, each with its own history.

    A photograph whose label has no frequencies is asked about without a history.
    """
    case = _case(record)
    label = record.label.replace("_", " ")
    for number in range(count):
        topic = "diagnosis.mpox" if rng.random() < 0.7 else "diagnosis.differential"
        asked = ask(topic, case, rng, label=label)
        yield with_history(_of(record, asked, str(number)), record.label, source, rng)
    yield from _effect(record, source, rng)


def advised(record: ImageRecord, rng: Rng) -> Iterator[Instruction]:
    """Yield one question after what to do, and one that is refused: for treatment or for certainty."""
    case = _case(record)
    topic = ("next", "test", "others")[int(rng.integers(3))]
    yield _of(record, ask(f"advice.{topic}", case, rng))
    topic = ("treatment", "certainty")[int(rng.integers(2))]
    yield _of(record, ask(f"refusal.{topic}", case, rng))


def seen(record: ImageRecord, pixels: Pixels, source: Source, rng: Rng) -> Iterator[Instruction]:
    """Yield a question after the quality of a photograph [H, W, 3] or of a damaged copy, and a refusal of the copy.

    Nothing is said of a photograph that the gate refuses as it is. The refusal comes with a history, so that a history
    by itself is no sign of a picture that can be judged.
    """
    if not gate(pixels).usable:
        return
    case = ("good", *DAMAGE)[int(rng.integers(1 + len(DAMAGE)))]
    if case == "good":
        yield _of(record, ask("quality.quality", case, rng))
        return
    altered = damaged(pixels, case)
    if altered:
        yield replace(_of(record, ask("quality.quality", case, rng)), altered=altered)
        refusal = with_history(_of(record, ask("refusal.unusable", case, rng)), record.label, source, rng)
        yield replace(refusal, altered=altered)


def change(info: ClinicalInfo, field: str, source: Source) -> str:
    """Say what an answer does to the odds of mpox, next to the other answers: "more", "less", "none", or "" between."""
    with_, without = source.chance(info), source.chance(replace(info, **{field: None}))
    if with_ is None or without is None or not 0 < without < 1:
        return ""
    if with_ in (0, 1):
        return "more" if with_ else "less"
    ratio = with_ / (1 - with_) * (1 - without) / without
    if ratio >= MATTERS or ratio <= 1 / MATTERS:
        return "more" if ratio > 1 else "less"
    return "none" if 1 / HARDLY <= ratio <= HARDLY else ""


def _effect(record: ImageRecord, source: Source, rng: Rng) -> Iterator[Instruction]:
    """Yield a question after one answer of a new history: more, less and no matter equally often where all occur."""
    if record.label not in source.prior or POSITIVE not in source.prior:
        return
    seed = int(rng.integers(2**31))
    info = told(record.label, seed, source).info
    found: dict[str, list[tuple[str, Known]]] = {}
    for field, value in answers(info):
        found.setdefault(change(info, field, source), []).append((field, value))
    found.pop("", None)
    if found:
        case = sorted(found)[int(rng.integers(len(found)))]
        field, value = found[case][int(rng.integers(len(found[case])))]
        asked = ask("effect.answer", case, rng, answer=phrase(field, value, WORDINGS.index("telegram")))
        yield with_history(_of(record, asked), record.label, source, rng, seed)


def _case(record: ImageRecord) -> str:
    return record.label if record.label in (POSITIVE, BARE) else "other"


def _of(record: ImageRecord, asked: Asked, number: str = "") -> Instruction:
    return instruction(asked, record.sha256, record.group, record.label, number)
