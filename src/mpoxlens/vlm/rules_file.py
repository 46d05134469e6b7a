"""calibration.json: how an adapter's first token becomes a probability and a decision, with what it was measured on.

The numbers are fitted on out-of-fold predictions after training, and belong to one adapter: they name its sha256.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mpoxlens.errors import CheckpointError
from mpoxlens.rules import Calibration, Conformal, OutOfDistribution
from mpoxlens.screening.output import write_whole
from mpoxlens.vlm.about import read_about

RULES = "calibration.json"
POSITIVE = 1  # column of "Yes" in the logits of "No" and "Yes"


@dataclass(frozen=True)
class Rules:
    """From the logits of "No" and "Yes" to a decision; the nouns are those of a bundle."""

    calibration: Calibration
    operating_point: float  # P(mpox) from which on "likely" may be said
    conformal: Conformal
    measured_on: str  # which predictions these numbers were fitted on, in words
    figures: Mapping[str, float]  # how good they were there, by name
    ood: OutOfDistribution | None = None  # of `VisualFeatures.pooled`; without it no picture is called unfamiliar


def write_rules(rules: Rules, folder: Path) -> None:
    """Write calibration.json into the folder of the adapter that it belongs to.

    Raises:
        CheckpointError: the folder holds no adapter.
        MpoxlensError: the disk is full or not writable.
    """
    text = json.dumps(
        {
            "adapter": read_about(folder)["sha256"],
            "calibration": rules.calibration.to_dict(),
            "operating_point": rules.operating_point,
            "conformal": rules.conformal.to_dict(),
            "measured_on": rules.measured_on,
            "figures": dict(rules.figures),
        }
        | ({"ood": rules.ood.to_dict()} if rules.ood else {}),
        indent=2,
    )

    def write(part: Path) -> None:
        part.write_text(f"{text}\n", encoding="utf-8")

    write_whole(folder / RULES, write)


def read_rules(folder: Path) -> Rules:
    """Read calibration.json of an adapter.

    Raises:
        CheckpointError: missing, damaged, with an impossible number, or of another adapter.
    """
    about, what = read_about(folder), str(folder / RULES)
    try:
        data = json.loads((folder / RULES).read_text(encoding="utf-8"))
        rules = Rules(
            Calibration.from_dict(data["calibration"]),
            float(data["operating_point"]),
            Conformal.from_dict(data["conformal"]),
            str(data["measured_on"]),
            {str(name): float(value) for name, value in data["figures"].items()},
            OutOfDistribution.from_dict(data["ood"]) if "ood" in data else None,
        )
        belongs = data["adapter"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        why = "missing or damaged, and without it no probability can be given"
        raise CheckpointError(what, why, "copy the whole folder again, or calibrate the adapter") from None
    if belongs != about["sha256"]:
        raise CheckpointError(what, "it belongs to another adapter", "calibrate this one, or copy its whole folder")
    if not (0 < rules.operating_point < 1 and math.isfinite(rules.calibration.bias)):
        raise CheckpointError(what, "a number is out of range", "copy the whole folder again")
    return rules
