"""Questions about what is drawn: of phantoms all is known, and of other drawings that they show no skin to judge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mpoxlens.datasets.phantom import Lesion, Phantom
from mpoxlens.evaluation.tone import tone_band
from mpoxlens.vlm.instructions.histories import Source, with_history
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.instructions.pictures import MADE, phantom_of
from mpoxlens.vlm.instructions.templates import Asked, ask, instruction

# The bands of the field's figures: below 5 (AAD/ILDS registry), below 10 (Thornhill, NEJM 2022), and the rest.
BANDS = ((2, "a few (2 to 4)"), (5, "several (5 to 9)"), (10, "many (10 or more)"))
QUARTERS = ("upper left", "upper right", "lower left", "lower right")


def described(seed: int, source: Source) -> Iterator[Instruction]:
    """Yield questions about the phantom of a seed: count, stage, place, tone, and the diagnosis, which it lacks."""
    phantom = phantom_of(seed)
    rng = np.random.default_rng((seed, 1))  # another stream than that of the drawing
    reference = f"phantom:{seed}"
    case = ("none", "one", "some")[min(len(phantom.lesions), 2)]
    yield _of(reference, ask("description.count", case, rng, count=count_band(len(phantom.lesions))))
    yield _of(reference, ask("description.stage", case, rng, stage=_stage(phantom)))
    yield _of(reference, ask("description.tone", "any", rng, tone=tone_band(phantom.tone)))
    yield from _placed(reference, phantom, case, rng)
    yield _told(_of(reference, ask("refusal.unusable", "drawing", rng)), source, rng)


def no_skin(seed: int, source: Source) -> Iterator[Instruction]:
    """Yield the question after the diagnosis of a page, screen, pattern or drawing."""
    rng = np.random.default_rng((seed, 1))
    name = list(MADE)[seed % len(MADE)]
    one = _of(f"made:{name}:{seed}", ask("refusal.unusable", "not_skin", rng))
    yield _told(one, source, rng)


def count_band(count: int) -> str:
    """Return the band of a number of lesions, from 2 on; "" below."""
    return next((name for least, name in reversed(BANDS) if count >= least), "")


def quarters(phantom: Phantom) -> tuple[str, ...]:
    """Return the quarters of the picture that hold a lesion; none where a lesion on a border leaves it open."""
    middle = phantom.pixels.shape[0] / 2
    centres = {name for one in phantom.lesions for name in _touched(one, middle, 0.0)}
    touched = {name for one in phantom.lesions for name in _touched(one, middle, one.radius)}
    return tuple(name for name in QUARTERS if name in centres) if centres == touched else ()


def _touched(lesion: Lesion, middle: float, reach: float) -> Iterator[str]:
    for vertical, down in (("upper", lesion.y - reach < middle), ("lower", lesion.y + reach >= middle)):
        for horizontal, across in (("left", lesion.x - reach < middle), ("right", lesion.x + reach >= middle)):
            if down and across:
                yield f"{vertical} {horizontal}"


def _placed(reference: str, phantom: Phantom, case: str, rng: np.random.Generator) -> Iterator[Instruction]:
    found = quarters(phantom)
    if len(found) == len(QUARTERS):
        case = "all"
    places = " and ".join(filter(None, (", ".join(found[:-1]), found[-1] if found else "")))
    if found or not phantom.lesions:
        noun = "quarter" if len(found) == 1 else "quarters"
        yield _of(reference, ask("description.place", case, rng, places=f"{places} {noun}"))


def _stage(phantom: Phantom) -> str:
    if not phantom.lesions:
        return ""
    stage = phantom.lesions[0].stage
    return stage if len(phantom.lesions) == 1 else f"{stage}s"


def _told(one: Instruction, source: Source, rng: np.random.Generator) -> Instruction:
    """Add the history of any disease, so that a history by itself is no sign of a photograph."""
    diseases = list(source.prior)
    return with_history(one, diseases[int(rng.integers(len(diseases)))], source, rng) if diseases else one


def _of(reference: str, asked: Asked) -> Instruction:
    return instruction(asked, reference, reference, "phantom" if reference.startswith("phantom") else "no skin")
