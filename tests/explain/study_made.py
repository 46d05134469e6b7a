"""A small study of phantoms, and readers who answer it without a page."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

from mpoxlens.bundle import Bundle
from mpoxlens.explain.study.answers import Answer, Answers, enrol
from mpoxlens.explain.study.drawing import Shape
from mpoxlens.explain.study.folder import Key, Study, read_key
from mpoxlens.explain.study.make import Settings, explainer, make
from mpoxlens.explain.study.plan import Reading, sessions
from mpoxlens.explain.study.questions import UNAIDED
from mpoxlens.explain.study.sources import phantoms
from mpoxlens.explain.subject import OnnxSubject

MONDAY = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)
SQUARE = Shape("area", ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))
Says = Callable[[Reading, bool], int]  # reading, whether it is mpox -> confidence


def made(folder: Path, bundle: Path, *, count: int = 6, washout_days: int = 28, size: int = 128) -> Study:
    found = Bundle.load(bundle, threads=1)
    settings = Settings(seed=3, washout_days=washout_days)
    labels, sources = phantoms(count, "mpox", 1, size=size)
    return make(folder, labels, sources, found, settings, explainer(OnnxSubject(found), settings))


def key_of(study: Study) -> Key:
    return read_key(study.folder / "key.json")


def readings(answers: Answers) -> list[Reading]:
    study = answers.study
    return [one for each in sessions(study.blocks, study.arms, answers.number, study.seed) for one in each]


def answered(arm: str, confidence: int, seconds: float = 4.0, *, draws: bool = False) -> Answer:
    choices = {"confidence": str(confidence)}
    if arm != UNAIDED:
        choices |= {"on_lesions": "partly", "changes": "no"}
    return Answer(choices, (SQUARE,) if draws and arm == UNAIDED else (), seconds, done=True)


def read_all(study: Study, name: str, says: Says, *, draws: bool = False) -> Answers:
    """Let a reader read everything at once."""
    answers, truths = enrol(study, name), key_of(study).truths
    for one in readings(answers):
        answers.write(one, answered(one.arm, says(one, truths[one.case].mpox), draws=draws), MONDAY)
    return answers
