"""Write the test vectors that page and clinic share: what Python makes of numbers, answers and drawn pictures.

    python web/vectors.py            write web/test/vectors/*.json
    python web/vectors.py --check    say which of them differ, and end with 1 if any does

They rest on a specification of their own (`SPEC`), not on the shipped bundle, so a new bundle leaves them valid.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pictures import KINDS, drawn, gates, resizes

from mpoxlens.bundle import Bundle, Spec
from mpoxlens.errors import HistoryError
from mpoxlens.preprocess import Preprocess
from mpoxlens.rules import Calibration, Conformal, OutOfDistribution
from mpoxlens.schema import Classification, ClinicalInfo, Floats, Gate, Interval, Photo, Reason
from mpoxlens.screening import gate, heatmap
from mpoxlens.screening.combine import Examined
from mpoxlens.screening.decide import Numbers, decide
from mpoxlens.screening.engine import Screener
from mpoxlens.screening.history import load_table, parse_history, weigh
from mpoxlens.screening.json_lines import to_json
from mpoxlens.screening.questions import questions

FOLDER = Path(__file__).parent / "test" / "vectors"
LABELS = ("chickenpox", "mpox", "measles", "healthy")  # the positive one is not the first, so that its column counts


@cache
def spec() -> Spec:
    """Return a specification with small numbers of every kind."""
    rng = np.random.default_rng(3)
    pairs = tuple((round(float(t), 4), round(float(b), 4)) for t, b in rng.normal((0.8, 0.6), (0.1, 0.3), (40, 2)))
    mean, components = (rng.normal(0, s, n).astype("<f2").astype(np.float32) for s, n in ((0.1, 24), (1.5, (4, 24))))
    return Spec(
        "vectors", "1", LABELS, "mpox", Preprocess(224, (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)),
        Calibration(0.8, 0.6, pairs), 0.25, Conformal(0.1, 0.2, 0.55),
        OutOfDistribution(mean, components, 0.7, 1.6), "", {}, {}, {},
    )  # fmt: skip


def vectors() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each file's name and content."""
    yield "decisions.json", {"cases": list(_decisions())}
    yield "histories.json", {"cases": list(_histories()), "refused": list(_refused_answers())}
    yield "screenings.json", {"spec": spec().to_dict(), "cases": list(_screenings())}
    yield "together.json", {"spec": spec().to_dict(), "cases": list(_together())}
    yield "pictures.json", {"kinds": KINDS, "resizes": list(resizes()), "gates": list(gates())}


def _decisions() -> Iterator[dict[str, Any]]:
    rng = random.Random(1)  # noqa: S311  repeatable draws, nothing secret
    conformals = (Conformal(0.1, 0.2, 0.55), Conformal(0.1, 0.55, 0.2), Conformal(0.07, 0.3, 0.3))
    edges = (0.0, 0.004, 0.005, 0.015, 0.2, 0.25, 0.3, 0.4, 0.5, 0.55, 0.55000001, 0.7, 0.994, 0.996, 1.0)
    odd = gate.strange(2.0, 1.0)
    judged_as = (*[Gate(True)] * 8, Gate(False), Gate(False, _too_small()))
    for _ in range(700):
        conformal, line = rng.choice(conformals), rng.choice((0.2, 0.25, 0.3))
        alone, both = rng.choice(edges), rng.choice(edges)
        ratio = rng.choice((0.5, 0.55, 0.5500001, 0.9, 1.0, 1.0, 2.0, 5.0))
        known = [rng.choice((True, None)), rng.choice((True, False, None, None))]
        known[0] = False if rng.random() < 0.1 else known[0]
        judged, strange = rng.choice(judged_as), rng.choice((*[None] * 9, odd))
        numbers = Numbers(judged, strange, alone, both, Interval(0.0, 1.0), ratio, known[0], known[1])
        verdict = decide(numbers, conformal, line)
        given = [judged.usable, len(judged.reasons), strange is not None, alone, both, ratio, *known]
        said = [[reason.code, reason.text, reason.next_step] for reason in verdict.reasons]
        yield {
            "given": [*given, conformal.mpox_from, conformal.other_to, line],
            "expected": [str(verdict.decision), list(verdict.prediction_set), verdict.next_step],
            "reasons": said if rng.random() < 0.2 else [row[0] for row in said],
        }


def _too_small() -> tuple[Reason, ...]:
    return gate.check(Photo(drawn("skin", 224, 224, 1), "", "", 60, 80)).reasons


def _histories() -> Iterator[dict[str, Any]]:
    rng, table = random.Random(2), load_table()  # noqa: S311
    for number in range(500):
        answers = _answers(rng, known=(0.15, 0.3, 0.6, 0.95)[number % 4])
        if number % 5 == 0:  # a person without any sign
            answers = {field: False if answer is True else answer for field, answer in answers.items()}
        try:
            found = weigh(parse_history(answers), table)
        except HistoryError as error:
            yield {"answers": answers, "refused": [_spoken(error.what), error.why]}
        else:
            said = [[e.finding, e.answer, round(e.likelihood_ratio, 9)] for e in found.evidence]
            met = [criterion.met for criterion in found.criteria]
            ratio = round(found.likelihood_ratio, 9)
            yield {"answers": answers, "expected": [found.suspected_case, met, said, ratio, found.answered]}


def _answers(rng: random.Random, known: float) -> dict[str, Any]:
    """Answer a share of the questions; contradictions arise by themselves, though half the time they are avoided."""
    answers: dict[str, Any] = {}
    rash = rng.random() < 0.5  # a rash at one stage, with fever and nodes, contradicts nothing
    for question in questions():
        if rng.random() > known:
            continue
        if question.kind == "yes/no":
            answers[question.field] = rng.random() < 0.5
        elif question.kind == "whole number":
            answers[question.field] = rng.choice((int(question.low), 3, 40, int(question.high)))
        else:
            answers[question.field] = rng.choice((34.0, 38.5, 38.6, 43.0))
    if rash:
        calm = {
            "acute_rash": True,
            "fever": True,
            "lymphadenopathy": True,
            "crops_of_lesions": False,
            "lesion_count": 9,
        }
        answers |= {field: value for field, value in calm.items() if field in answers}
    return answers


def _refused_answers() -> Iterator[dict[str, Any]]:
    impossible: tuple[object, ...] = (
        {"age": -1}, {"age": 121}, {"age": 1.5}, {"age": True}, {"age": "40"}, {"fever": 1}, {"fever": "yes"},
        {"fever_celsius": 33.9}, {"fever_celsius": 43.1}, {"fever_celsius": False}, {"lesion_count": 20001},
        {"days_since_onset": 366}, {"feverish": True}, {"hiv": 0}, [], "fever", 1, None,
    )  # fmt: skip
    for answers in impossible:
        try:
            parse_history(answers)
        except HistoryError as error:
            yield {"answers": answers, "why": error.why}


def _spoken(what: str) -> str:
    return what.removeprefix("history: ")


def _screenings() -> Iterator[dict[str, Any]]:
    """Yield whole screenings from stored outputs of a network, in half floats."""
    rng, draw, used = np.random.default_rng(4), random.Random(4), spec()  # noqa: S311
    for number in range(60):
        cam = _half(rng.normal(0, 3, (4, 7, 7)) + rng.normal(0, 2, (4, 1, 1)))
        embedding = _half(used.ood.mean + rng.normal(0, (0.05, 0.5)[number % 4 == 0], 24))
        judged = Gate(True, (), {"skin": 0.5}) if number % 7 else Gate(False, _too_small(), {"skin": 0.5})
        shot = _shot("photo", judged, cam, embedding)
        answers, info = _consistent(draw)
        yield {
            "answers": answers,
            **_stored(shot),
            "expected": _expected([shot], info),
            "strongest": heatmap.strongest(cam, 1),
            "overlay": base64.b64encode(heatmap.overlay(cam, 1, (13, 17)).tobytes()).decode() if number < 12 else None,
        }


def _together() -> Iterator[dict[str, Any]]:
    """Yield screenings of one to four photographs of a person, of which some are unusable or strange."""
    rng, draw, used = np.random.default_rng(5), random.Random(5), spec()  # noqa: S311
    refused = (_too_small(), gate.check(Photo(drawn("skin", 224, 224, 1), "", "", 60, 80, drawn=True)).reasons)
    for number in range(90):
        shots = []
        for n in range(1 + number % 4):
            cam = _half(rng.normal(0, 2, (4, 1, 1)))
            embedding = _half(used.ood.mean + rng.normal(0, draw.choice((0.05, 0.05, 0.5)), 24))
            reasons = draw.choice(((), (), (), *refused)) if number % 9 else refused[n % 2]
            shots.append(_shot(f"{n}.jpg", Gate(not reasons, reasons, {"skin": n / 8}), cam, embedding))
        answers, info = _consistent(draw)
        stored = [_stored(shot) | {"reasons": [reason.code for reason in shot.gate.reasons]} for shot in shots]
        yield {"answers": answers, "shots": stored, "expected": _expected(shots, info)}


def _shot(name: str, judged: Gate, cam: Floats, embedding: Floats) -> Examined:
    """Return a photograph that was looked at, from a stored map [C, h, w] and embedding [D]."""
    used, logits = spec(), _half(cam.mean(axis=(1, 2)))
    shares = dict(zip(LABELS, used.calibration.probabilities(logits[None], 1)[0].tolist(), strict=True))
    found = Classification(shares, logits, cam, embedding, float(used.ood.score(embedding[None])[0]))
    return Examined(name, "", judged, gate.strange(found.ood_score, used.ood.threshold), found)


def _stored(shot: Examined) -> dict[str, Any]:
    outputs = {name: _packed(getattr(shot.found, name)) for name in ("logits", "cam", "embedding")}
    return {"usable": shot.gate.usable, **outputs}


def _expected(shots: list[Examined], info: ClinicalInfo) -> dict[str, Any]:
    done = to_json(_screener().conclude(shots, info))
    return {key: done[key] for key in done if key not in ("provenance", "intended_use", "history")}


@cache
def _screener() -> Screener:
    return Screener(Bundle(Path("vectors"), spec(), "0" * 64, cast(Any, None)))


def _half(values: NDArray[np.float64]) -> Floats:
    """Round as the stored half floats are."""
    return values.astype("<f2").astype(np.float32)


def _consistent(draw: random.Random) -> tuple[dict[str, Any], Any]:
    while True:
        answers = _answers(draw, draw.choice((0.0, 0.2, 0.4)))
        try:
            return answers, parse_history(answers)
        except HistoryError:
            continue


def _packed(values: Floats) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode()


def dumped(content: dict[str, Any]) -> str:
    """Return a file's text: one case a line."""
    rows = []
    for name, value in content.items():
        lines = ",\n".join(json.dumps(case, allow_nan=False, separators=(",", ":")) for case in value)
        is_list = isinstance(value, list)
        rows.append(f'"{name}":[\n{lines}\n]' if is_list else f'"{name}":{json.dumps(value, separators=(",", ":"))}')
    return "{" + ",\n".join(rows) + "}\n"


def main(arguments: list[str]) -> int:
    """Write or check the vectors."""
    checking, stale = "--check" in arguments, 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in vectors():
        path, text = FOLDER / name, dumped(content)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale += 1
            sys.stdout.write(f"{'differs' if checking else 'written'}: web/test/vectors/{name}\n")
            if not checking:
                path.write_text(text, encoding="utf-8")
    return 1 if stale and checking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
