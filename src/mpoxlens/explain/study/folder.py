"""A study's folder.

study.json     what the page needs: cases by neutral ids, arms by neutral ids, the seed of the order
key.json       what it must not know: truth, labels, hashes, and which method an arm is; it may be kept elsewhere
cases/         photographs, drawn anew without metadata
maps/          what is laid over them (PNG) and the same as numbers (npy)
answers/r1/    one reader: reader.json with the name, and one file a reading
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.explain.study.questions import UNAIDED
from mpoxlens.schema import Floats
from mpoxlens.screening.output import write_whole

FORMAT = 1
MAKE = "make it with: mpoxlens explain study make"


@dataclass(frozen=True)
class Case:
    """One photograph as readers meet it."""

    id: str  # neutral: "c001"
    width: int  # px, as shown
    height: int
    block: int  # of the crossover, see `plan`
    score: float  # P(mpox) of the bundle, shown in aided readings


@dataclass(frozen=True)
class Study:
    """What the page may know of a study."""

    folder: Path
    id: str  # of photographs, methods and seed; the key says it, too
    arms: tuple[str, ...]  # UNAIDED and neutral ids of the methods: "map1"
    cases: tuple[Case, ...]
    seed: int
    washout_days: int  # that lie between two sessions at least

    @property
    def blocks(self) -> dict[str, int]:
        """Block of each case."""
        return {case.id: case.block for case in self.cases}

    def photo(self, case: str) -> Path:
        """Return where a case's photograph lies."""
        return self.folder / "cases" / f"{case}.jpg"

    def picture(self, case: str, arm: str) -> Path:
        """Return where the picture of a map lies."""
        return self.folder / "maps" / f"{case}-{arm}.png"

    def heat(self, case: str, arm: str) -> Floats:
        """Return a map as it was shown [GRAIN, GRAIN], 1 at its strongest. DataError when it is missing or damaged."""
        path = self.folder / "maps" / f"{case}-{arm}.npy"
        try:
            return np.asarray(np.load(path, allow_pickle=False), np.float32)
        except (OSError, ValueError):
            raise DataError(str(path), "missing or no map", MAKE) from None


@dataclass(frozen=True)
class Truth:
    """What a case is."""

    mpox: bool
    label: str
    sha256: str  # of the photograph's file; of a phantom's pixels
    group: str  # of photographs of one person; the case's id where nothing is known


@dataclass(frozen=True)
class Key:
    """What readers and page must not know before the analysis."""

    study: str  # `Study.id` of the one that it opens
    truths: Mapping[str, Truth]  # by case
    methods: Mapping[str, str]  # of the arms with a map
    about: Mapping[str, Any]  # bundle, versions, seed


def write_study(study: Study, key: Key, key_path: Path) -> None:
    """Write key and study; the study comes last, so that its existence means that the rest is whole."""
    truths = {case: asdict(truth) for case, truth in key.truths.items()}
    opened = {"study": key.study, "truths": truths, "methods": dict(key.methods), "about": dict(key.about)}
    write_json(key_path, {"format": FORMAT, **opened})
    content = {
        "format": FORMAT,
        "id": study.id,
        "arms": list(study.arms),
        "seed": study.seed,
        "washout_days": study.washout_days,
        "cases": [asdict(case) for case in study.cases],
    }
    write_json(study.folder / "study.json", content)


def read_study(folder: Path) -> Study:
    """Read a study without its key.

    Raises:
        DataError: no study, a damaged one, or one of another version.
    """
    path = folder / "study.json"
    data = read_json(path)
    try:
        cases = tuple(Case(**case) for case in data["cases"])
        arms, days = tuple(map(str, data["arms"])), int(data["washout_days"])
        study = Study(folder, str(data["id"]), arms, cases, int(data["seed"]), days)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(str(path), f"damaged ({error})", MAKE) from None
    if not cases or UNAIDED not in study.arms or len({case.id for case in cases}) != len(cases):
        raise DataError(str(path), "no cases, the same case twice, or no arm without a map", MAKE)
    return study


def read_key(path: Path) -> Key:
    """Read a study's key.

    Raises:
        DataError: it is missing, damaged or of another version.
    """
    data = read_json(path)
    try:
        truths = {str(case): Truth(**truth) for case, truth in data["truths"].items()}
        return Key(str(data["study"]), truths, dict(data["methods"]), dict(data["about"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(str(path), f"damaged ({error})", "name the key.json that was written with the study") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a study. DataError when it is missing, no object, or of another version."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(str(path), "no such file", MAKE) from None
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "check the path") from None
    except ValueError:
        raise DataError(str(path), "no JSON", "restore it from a copy, or remove it") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DataError(str(path), f"not of format {FORMAT}", "use the version of mpoxlens that wrote it")
    return data


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object whole or not at all. MpoxlensError when it cannot be written."""
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"

    def write(part: Path) -> None:
        part.write_text(text, encoding="utf-8")

    write_whole(path, write)
