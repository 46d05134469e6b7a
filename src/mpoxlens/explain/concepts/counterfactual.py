"""What if the lesions were gone, or the skin darker? The same phantom twice, with one thing changed.

Stage and tone are changed in the drawing itself: the same lesions lie on the same skin. Lesions are taken away by
painting them over with the skin around them, and as that leaves smooth patches, as much bare skin is painted over for
comparison. A phantom is a drawing: this says what the network attends to, not how it does on photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.phantom import Lesion, Phantom, Stage, draw
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.evaluation.lesions import filled
from mpoxlens.evaluation.metrics import Doubles, Figure, Flags, with_interval
from mpoxlens.explain.subject import weights
from mpoxlens.schema import Pixels

COUNT, TONE = 12, 30.0  # of the phantom that is changed; degrees
REACH = 1.7  # radii: a lesion's red rim ends there
BATCH = 8

Edit = Callable[[Phantom], Pixels]


@dataclass(frozen=True)
class Effect:
    """What one change does, paired over phantoms: after less before."""

    edit: str
    contrast: Figure  # logits: mpox less the mean of the others
    probability: Figure  # of mpox, calibrated
    fell: Figure  # share of the phantoms whose contrast fell


@dataclass(frozen=True)
class Effects:
    """All changes, and where they began."""

    contrast: Figure  # of the phantoms as drawn
    probability: Figure
    changes: tuple[Effect, ...]
    phantoms: int


def effects(bundle: Bundle, phantoms: int, seed: int = 0, tell: Tell = silent) -> Effects:
    """Return what each of `EDITS` does to contrast and probability, over phantoms of a seed; at least 2 of them."""
    if phantoms < 2:
        raise ValueError(f"{phantoms} phantoms: 2 at least")
    rows = []
    for n in range(phantoms):
        base = drawn(seed + n, bundle.spec.preprocess.size)
        rows.append(judged(bundle, [base.pixels, *(edit(base) for edit in EDITS.values())]))
        tell("phantoms", n + 1, phantoms)
    return compared(np.stack(rows), tuple(EDITS))


def drawn(seed: int, size: int, stage: Stage = "pustule", tone: float = TONE) -> Phantom:
    """Return the phantom that is changed, or the same with another stage or tone."""
    return draw(seed, count=COUNT, stage=stage, tone=tone, size=max(size, 64))


def judged(bundle: Bundle, pictures: Sequence[Pixels]) -> Doubles:
    """Return contrast and probability of the positive class [N, 2] of pictures."""
    positive = bundle.spec.labels.index(bundle.spec.positive)
    inputs = np.stack([bundle.spec.preprocess(pixels) for pixels in pictures])
    logits = np.concatenate([bundle.run(inputs[i : i + BATCH]).logits for i in range(0, len(inputs), BATCH)])
    probabilities = bundle.spec.calibration.probabilities(logits, positive)[:, positive]
    return np.stack([logits @ weights(logits.shape[1], positive), probabilities], axis=1).astype(np.float64)


def compared(values: Doubles, edits: Sequence[str]) -> Effects:
    """Return effects from contrasts and probabilities [N, 1 + E, 2] of phantoms: as drawn, then after each edit."""
    people = [str(n) for n in range(len(values))]

    def mean(each: Doubles) -> Figure:
        return with_interval(lambda rows: float(each[rows].mean()), people)

    before, changed = values[:, 0], values[:, 1:] - values[:, :1]
    found = [
        Effect(name, mean(changed[:, n, 0]), mean(changed[:, n, 1]), mean((changed[:, n, 0] < 0).astype(np.float64)))
        for n, name in enumerate(edits)
    ]
    return Effects(mean(before[:, 0]), mean(before[:, 1]), tuple(found), len(values))


def without(phantom: Phantom, share: float) -> Pixels:
    """Return a phantom with a share of its lesions painted over, the first ones first."""
    gone = phantom.lesions[: round(share * len(phantom.lesions))]
    every = _discs(phantom.lesions, phantom.pixels.shape[0])
    return filled(phantom.pixels, _discs(gone, phantom.pixels.shape[0]), ~every)


def bare_painted(phantom: Phantom) -> Pixels:
    """Return a phantom with bare skin painted over: as many discs as lesions, as large, where there is room."""
    size = phantom.pixels.shape[0]
    every = _discs(phantom.lesions, size)
    rng = np.random.default_rng(phantom.seed)
    hole = np.zeros_like(every)
    for lesion in phantom.lesions:
        for _ in range(200):
            x, y = rng.uniform(REACH * lesion.radius, size - REACH * lesion.radius, 2)
            disc = _discs([Lesion(float(x), float(y), lesion.radius, lesion.stage)], size)
            if not (disc & (every | hole)).any():
                hole |= disc
                break
    return filled(phantom.pixels, hole, ~every)


def _discs(lesions: Sequence[Lesion], size: int) -> Flags:
    """Where [size, size] lesions are, with their red rims."""
    rows, columns = np.ogrid[:size, :size]
    found = np.zeros((size, size), np.bool_)
    for one in lesions:
        found |= np.hypot(rows - one.y, columns - one.x) <= REACH * one.radius
    return found


def _as(stage: Stage) -> Edit:
    return lambda phantom: drawn(phantom.seed, phantom.pixels.shape[0], stage=stage).pixels


def _on(tone: float) -> Edit:
    return lambda phantom: drawn(phantom.seed, phantom.pixels.shape[0], tone=tone).pixels


EDITS: Mapping[str, Edit] = {
    "all lesions painted over": lambda phantom: without(phantom, 1.0),
    "half of the lesions painted over": lambda phantom: without(phantom, 0.5),
    "as much bare skin painted over": bare_painted,
    "macules instead": _as("macule"),
    "papules instead": _as("papule"),
    "vesicles instead": _as("vesicle"),
    "crusts instead": _as("crust"),
    "very light skin (60°)": _on(60.0),
    "tan skin (10°)": _on(10.0),
    "dark skin (-40°)": _on(-40.0),
}
