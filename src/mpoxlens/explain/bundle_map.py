"""The sanity check of a bundle's heat map, made once in the workshop and written into the bundle."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from mpoxlens import bundle as bundles
from mpoxlens.bundle import Alike, Bundle, MapCheck
from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.evaluation.metrics import Doubles, with_interval
from mpoxlens.explain.faithfulness.randomise import MOST_ALIKE, cascading
from mpoxlens.explain.faithfulness.similarity import alike
from mpoxlens.explain.subject import OnnxSubject
from mpoxlens.schema import Floats
from mpoxlens.screening.heatmap import evidence

SEEDS = 3  # networks that forgot; one alone may be odd
TONES = (50.0, 10.0, -40.0)  # degrees


def check_map(folder: Path, inputs: int, seed: int = 0, tell: Tell = silent) -> MapCheck:
    """Compare the maps of a bundle on drawn phantoms with those of its network after its kernels are shuffled.

    Correlations are means over the phantoms, each of them the mean over `SEEDS` shuffled networks.

    Raises:
        BundleError: the folder holds no whole bundle.
    """
    subject = OnnxSubject(Bundle.load(folder, threads=1))
    forgot = [list(cascading(subject, 1, seed + n))[-1].subject for n in range(SEEDS)]
    rows = []
    for n in range(inputs):
        phantom = draw(seed + n, count=12, stage=STAGES[n % len(STAGES)], tone=TONES[n % len(TONES)], size=224)
        photo = subject.bundle.spec.preprocess(phantom.pixels)
        before = _map(subject, photo)
        after = [_map(one, photo) for one in forgot if isinstance(one, OnnxSubject)]
        rows.append([[abs(alike(before, x)), abs(alike(np.abs(before), np.abs(x)))] for x in after])
        tell("phantoms", n + 1, inputs)
    signed, absolute = np.array(rows).mean(axis=1).T
    return MapCheck(_alike(signed), _alike(absolute), MOST_ALIKE, inputs, "drawn phantoms")


def record(folder: Path, check: MapCheck) -> Path:
    """Write a check into a bundle's `bundle.json`; its other three files stay as they are, byte for byte.

    Raises:
        BundleError: the folder holds no whole bundle.
    """
    bundle = Bundle.load(folder)
    model, golden, card = (folder / name for name in bundles.FILES)
    contents = (model.read_bytes(), json.loads(golden.read_bytes()), card.read_text(encoding="utf-8"))
    return bundles.write(folder, replace(bundle.spec, map=check), *contents)


def _map(subject: OnnxSubject, photo: Floats) -> Floats:
    return evidence(subject.cam(photo), subject.positive)


def _alike(each: Doubles) -> Alike:
    found = with_interval(lambda rows: float(each[rows].mean()), [str(n) for n in range(len(each))])
    # Of few phantoms the bootstrap need not straddle the mean itself.
    low, high = min(found.low, found.value), max(found.high, found.value)
    return Alike(round(found.value, 4), round(low, 4), round(high, 4))
