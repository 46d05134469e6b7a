"""The shared table of lesion counts by patient, day and phase (DRC): where the endemic profile's shares come from."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mpoxlens.errors import DataError

PHASES = ("phase1", "phase2", "phase3", "phase4")  # macule or papule, vesicle, pustule, crust
PUSTULE = PHASES.index("phase3")


def read_counts(path: Path) -> dict[tuple[str, int], tuple[int, ...]]:
    """Return the lesions of each (patient, day since onset) by phase, [4] each.

    Raises:
        DataError: unreadable, or not such a table.
    """
    counts: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * len(PHASES))
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                counts[row["PATNO"], int(row["onset.day"])][PHASES.index(row["type"])] += int(row["obs"])
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "check the name") from None
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            str(path), f"not a table of lesion counts ({error})", "give PATNO, onset.day, obs, type"
        ) from None
    return {key: tuple(phases) for key, phases in counts.items()}


def size_shares(
    counts: Mapping[tuple[str, int], Sequence[int]], days: Iterable[int], lows: Sequence[int]
) -> tuple[float, ...]:
    """Return the share of patient-days with any lesion that fall into each size class, which begins at `lows`."""
    wanted = set(days)
    totals = [sum(phases) for (_, day), phases in counts.items() if day in wanted and any(phases)]
    classes = Counter(bisect_right(lows, total) - 1 for total in totals)
    return tuple(classes[n] / len(totals) for n in range(len(lows)))


def pustule_share(counts: Mapping[tuple[str, int], Sequence[int]], days: Iterable[int]) -> float:
    """Return the share of patient-days with any lesion on which some lesion is a pustule."""
    wanted = set(days)
    sick = [phases for (_, day), phases in counts.items() if day in wanted and any(phases)]
    return sum(phases[PUSTULE] > 0 for phases in sick) / len(sick)
