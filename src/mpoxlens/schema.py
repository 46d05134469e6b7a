"""The nouns: what passes from one step to the next. Frozen, typed, free of behaviour that needs a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Pixels: TypeAlias = NDArray[np.uint8]

INTENDED_USE = "Research use only. Not a diagnosis, not a medical device."


class Decision(StrEnum):
    """The three outcomes of a screening."""

    LIKELY = "mpox likely"
    UNLIKELY = "mpox unlikely"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Reason:
    """Why something was decided, in a code for machines and a sentence for people."""

    code: str
    text: str
    next_step: str = ""


@dataclass(frozen=True)
class Photo:
    """A decoded photograph: upright, RGB, without metadata."""

    pixels: Pixels  # [H, W, 3], may be decoded at a reduced scale; see `photo.read_photo`
    name: str
    sha256: str  # of the file's bytes
    width: int  # as stored and turned upright, before any reduction
    height: int
    drawn: bool = False  # the file says of itself that it is one of our phantoms


@dataclass(frozen=True)
class ClinicalInfo:
    """What the person says about themselves. Every field is optional, and None means unknown, never "no".

    Read and checked by `screening.history.read_history`, whose table of questions gives each field's wording.
    """

    age: int | None = None  # years
    days_since_onset: int | None = None  # days since the first symptom
    fever_celsius: float | None = None  # highest measured temperature, degrees Celsius
    lesion_count: int | None = None

    contact_21_days: bool | None = None  # with a probable or confirmed case, within 21 days
    intimate_contact_21_days: bool | None = None  # sexual or prolonged skin contact with anyone new, within 21 days

    acute_rash: bool | None = None  # new and unexplained
    fever: bool | None = None
    fever_before_rash: bool | None = None
    headache: bool | None = None
    myalgia: bool | None = None  # muscle pain
    back_pain: bool | None = None
    fatigue: bool | None = None  # profound weakness or exhaustion
    lymphadenopathy: bool | None = None  # swollen nodes anywhere
    inguinal_nodes: bool | None = None  # swollen nodes in the groin
    mucosal_lesions: bool | None = None
    anogenital_lesions: bool | None = None
    proctitis: bool | None = None  # pain or bleeding of the back passage
    palms_and_soles: bool | None = None
    monomorphic: bool | None = None  # all lesions at one stage
    crops_of_lesions: bool | None = None  # new crops, lesions at several stages side by side
    pustules: bool | None = None
    itch: bool | None = None

    sex_with_men: bool | None = None  # asked of men only; sensitive, never required
    hiv: bool | None = None  # sensitive, never required


@dataclass(frozen=True)
class Gate:
    """May this photograph be judged at all?"""

    usable: bool
    reasons: tuple[Reason, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Classification:
    """All that one forward pass gives."""

    probabilities: Mapping[str, float]  # calibrated, sums to 1
    logits: Floats  # [C]
    cam: Floats  # [C, h, w]; mean over h, w equals the logit
    embedding: Floats  # [D]
    ood_score: float  # distance to the training photographs; larger is stranger


@dataclass(frozen=True)
class Interval:
    """A closed interval at the 95 % level unless said otherwise."""

    low: float
    high: float


@dataclass(frozen=True)
class Criterion:
    """One line of a case definition: met, not met, or unknown (None)."""

    name: str
    met: bool | None


@dataclass(frozen=True)
class Evidence:
    """What one answer does to the odds of mpox."""

    finding: str
    answer: bool
    likelihood_ratio: float  # after weakening and capping, as applied
    source: str


@dataclass(frozen=True)
class History:
    """The clinical history, weighed."""

    suspected_case: bool | None  # WHO case definition: met, not met, unknown
    criteria: tuple[Criterion, ...]
    evidence: tuple[Evidence, ...]
    likelihood_ratio: float  # of all evidence together, capped
    answered: int  # how many questions have an answer


@dataclass(frozen=True)
class Provenance:
    """What is needed to repeat a screening."""

    bundle: str
    bundle_sha256: str
    mpoxlens: str
    onnxruntime: str
    photo_sha256: str


@dataclass(frozen=True, eq=False)
class Screening:
    """The answer to "could this be mpox, and how sure may we be?"."""

    file: str
    decision: Decision
    probability: float  # of mpox, photo and history together
    interval: Interval
    photo_probability: float  # of mpox, photo alone
    photo_interval: Interval
    prediction_set: tuple[str, ...]  # subset of ("mpox", "other")
    operating_point: float
    reasons: tuple[Reason, ...]
    next_step: str
    gate: Gate
    classification: Classification
    history: History
    provenance: Provenance
    map_passed: bool | None = field(default=None, kw_only=True)  # the heat map's sanity check; None: never made


@dataclass(frozen=True)
class ImageRecord:
    """One row of a manifest."""

    sha256: str
    path: str  # relative to the data set's root, with forward slashes
    label: str
    source: str
    patient: str | None
    width: int
    height: int
    group: str  # the cluster (patient or near-duplicate group) that no split may cut
    tone: str | None = None  # Fitzpatrick type as published, "1" to "6" or a range such as "1-2"
    licence: str = ""  # as published
    bytes: int = 0
    fold: str | None = None  # the publisher's own fold in which it is tested
