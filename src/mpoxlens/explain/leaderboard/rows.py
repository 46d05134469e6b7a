"""One row of the leaderboard: everything that is measured of one map of one picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from threading import RLock
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from mpoxlens.datasets.phantom import STAGES, Phantom, Stage, draw
from mpoxlens.errors import MpoxlensError
from mpoxlens.evaluation.metrics import Flags
from mpoxlens.explain.faithfulness import complexity, curves, pointing, randomise, stability
from mpoxlens.explain.faithfulness.road import road
from mpoxlens.explain.faithfulness.scores import Known, both
from mpoxlens.explain.methods import METHODS
from mpoxlens.preprocess import Preprocess
from mpoxlens.rules import Calibration
from mpoxlens.schema import Floats, Pixels
from mpoxlens.screening.heatmap import SATURATION, overlay

COUNTS, TONES = (3, 6, 12, 24), (60.0, 45.0, 30.0, 10.0, -10.0, -40.0)  # of drawn lesions; degrees, very light to dark
STRIDE, COMBINATIONS = 37, 120  # without a common divisor, so that the first few phantoms differ in everything at once
SIDE = 448  # px of a phantom: twice the usual network's side, so that reducing does to it what it does to a photograph
THUMB = 168  # px
NEAR = 15 / 500  # of the side: what the pointing game of Zhang et al. 2018 lets pass

VALUES = (
    *("contrast", "probability", "hit", "near", "energy", "cover", "ceiling"),
    *(f"{way}_{name}{of}" for name in curves.BASELINES for way in ("deletion", "insertion") for of in ("", "_p")),
    *("road", "road_p", "entropy", "gini", "seconds", "passes", "seeds_alike", "seeds_deviation", "shifts_alike"),
)
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("kind", pa.string()),
        ("cluster", pa.string()),
        *((name, pa.float64()) for name in VALUES),
        *((name, pa.list_(pa.float64())) for name in ("kept_signed", "kept_absolute")),
        ("thumb", pa.binary()),
        ("problem", pa.string()),
    ]
)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    phantoms: int = 100
    photos: int = 0
    seed: int = 0
    checked: int = 8  # of the pictures are explained again by networks that forgot, with other seeds, and shifted
    levels: int = 2  # of the cascade that forgets
    shown: int = 3  # of the phantoms are pictures on the page
    samples: int = 0  # passes of sampling methods; 0 for each one's own default


@dataclass(frozen=True, eq=False)
class Picture:
    """A phantom, or a photograph without a mask."""

    key: str
    kind: str  # "phantom" or "photo"
    cluster: str
    read: Callable[[], tuple[Pixels, Flags | None]]


@dataclass(frozen=True, eq=False)
class Contender:
    """A network that is explained, and what makes its inputs and its P(mpox)."""

    subject: Known
    preprocess: Preprocess
    calibration: Calibration
    parallel: bool  # whether it may answer in several threads at once
    _lock: Any = field(default_factory=RLock)

    @property
    def turn(self) -> AbstractContextManager[Any]:
        """What to hold while it is used."""
        return nullcontext() if self.parallel else self._lock

    @cached_property
    def cells(self) -> int:
        """Cells a side of its own map."""
        size = self.subject.size
        return int(self.subject.cam(np.zeros((3, size, size), np.float32)).shape[-1])

    def forgot(self, levels: int) -> tuple[randomise.Forgot, ...]:
        """The network without more and more of what it learned, made once."""
        with self._lock:
            return self._forgot(levels)

    @lru_cache  # noqa: B019  a run holds a few contenders, to its end
    def _forgot(self, levels: int) -> tuple[randomise.Forgot, ...]:
        return tuple(randomise.cascading(self.subject, levels))


def phantoms(count: int, seed: int = 0) -> list[Picture]:
    """Return phantoms of every count, stage and tone: 120 combinations, each once before any comes again."""
    return [_phantom(i, seed + i) for i in range(count)]


def measured(contender: Contender, method: str, picture: Picture, number: int, plan: Plan) -> dict[str, Any]:
    """Return the row of one picture; what cannot be explained has its reason in `problem`."""
    base = {"key": picture.key, "kind": picture.kind, "cluster": picture.cluster, "problem": ""}
    try:
        with contender.turn:
            return base | _measured(contender, method, picture, number, plan)
    except MpoxlensError as error:
        return base | {"problem": str(error)}


def _measured(contender: Contender, name: str, picture: Picture, number: int, plan: Plan) -> dict[str, Any]:
    subject, known = contender.subject, METHODS[name]
    given = {"samples": plan.samples} if plan.samples and "samples" in known.options else {}

    def method(one: Any, photo: Floats, seed: int) -> Any:
        return known(one, photo, seed, **given)

    pixels, mask = picture.read()
    photo = contender.preprocess(pixels)
    begin = perf_counter()
    found = method(subject, photo, plan.seed)
    seconds = perf_counter() - begin
    row: dict[str, Any] = {"seconds": seconds, "passes": float(found.passes)}
    row |= _effect(contender, photo, found.heat)
    row |= {"entropy": complexity.entropy(found.heat), "gini": complexity.gini(found.heat)}
    if mask is not None:
        row |= _place(found.heat, pointing.mask_at(mask, subject.size), contender.cells)
    if number < plan.checked:
        row |= _checked(contender, method, photo, found.heat, plan)
    if mask is not None and number < plan.shown:
        row["thumb"] = thumb(found.heat, pixels)
    return row


def _place(heat: Floats, mask: Flags, cells: int) -> dict[str, float]:
    return {
        "hit": pointing.hit(heat, mask),
        "near": pointing.hit(heat, mask, NEAR * len(mask)),
        "energy": pointing.energy(heat, mask),
        "cover": pointing.cover(mask),
        "ceiling": pointing.ceiling(mask, cells),
    }


def _effect(contender: Contender, photo: Floats, heat: Floats) -> dict[str, float]:
    """Delete, insert, remove: what the map says matters must matter."""
    score = both(contender.subject, contender.calibration)
    contrast, probability = score(photo[None])[0]
    row = {"contrast": float(contrast), "probability": float(probability)}
    for name, baseline in curves.BASELINES.items():
        empty = baseline(photo)
        areas = {
            "deletion": curves.deletion(score, photo, heat, empty).area,
            "insertion": curves.insertion(score, photo, heat, empty).area,
        }
        for way, area in areas.items():
            row |= {f"{way}_{name}": float(area[0]), f"{way}_{name}_p": float(area[1])}
    gap = road(score, photo, heat).gap
    return row | {"road": float(gap[0]), "road_p": float(gap[1])}


def _checked(contender: Contender, method: Any, photo: Floats, heat: Floats, plan: Plan) -> dict[str, Any]:
    subject, seed = contender.subject, plan.seed
    again = [method(subject, photo, seed + n).heat for n in (1, 2)]
    spread = stability.spread([heat, *again])
    kept = [randomise.kept(method, one.subject, photo, heat, seed) for one in contender.forgot(plan.levels)]
    return {
        "seeds_alike": spread.alike,
        "seeds_deviation": spread.deviation if np.isfinite(spread.deviation) else None,
        "shifts_alike": stability.over_shifts(method, subject, photo, heat, seed=seed),
        "kept_signed": [one.signed for one in kept],
        "kept_absolute": [one.absolute for one in kept],
    }


def thumb(heat: Floats, pixels: Pixels) -> bytes:
    """Return a map [S, S] over its picture as a small PNG, its strongest place in full colour."""
    small = Image.fromarray(pixels).resize((THUMB, THUMB), Image.Resampling.LANCZOS).convert("RGBA")
    scaled = heat * np.float32(SATURATION / (float(np.abs(heat).max()) or 1.0))
    shown = Image.alpha_composite(
        small, Image.fromarray(overlay(np.stack([scaled, np.zeros_like(scaled)]), 0, small.size))
    )
    buffer = io.BytesIO()
    shown.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def photographs(keys: Sequence[tuple[str, str]], read: Callable[[str], Pixels]) -> list[Picture]:
    """Return photographs by (sha256, cluster); nothing is known of where their lesions lie."""
    return [_photo(key, cluster, read) for key, cluster in keys]


def _photo(key: str, cluster: str, read: Callable[[str], Pixels]) -> Picture:
    return Picture(key, "photo", cluster, lambda: (read(key), None))


def _phantom(number: int, seed: int) -> Picture:
    combination = number * STRIDE % COMBINATIONS
    count, stage, tone = COUNTS[combination % 4], STAGES[combination % 5], TONES[combination // 4 % 6]
    key = f"phantom {seed}: {count} x {stage}, {tone:.0f}"

    def read() -> tuple[Pixels, Flags]:
        drawn = _drawn(seed, count, stage, tone)
        return drawn.pixels, drawn.mask

    return Picture(key, "phantom", key, read)


@lru_cache(maxsize=256)  # each is asked for once a method
def _drawn(seed: int, count: int, stage: Stage, tone: float) -> Phantom:
    return draw(seed, count=count, stage=stage, tone=tone, size=SIDE)
