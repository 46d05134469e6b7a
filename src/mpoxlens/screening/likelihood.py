"""The likelihood-ratio update from a cited table that a site may set."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from mpoxlens.errors import HistoryError
from mpoxlens.schema import ClinicalInfo, Evidence
from mpoxlens.screening.case_definition import all_of
from mpoxlens.screening.questions import questions

MAX_BYTES = 256 * 2**10
LR_RANGE = (0.01, 100.0)  # a single sign outside it is a slip of the pen
DEFAULT = "likelihood_ratios.toml"


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    name: str
    all_of: tuple[str, ...]  # yes/no fields of ClinicalInfo, all of which make the finding
    group: str  # one finding of a group counts
    lr_yes: float
    lr_no: float
    source: str


@dataclass(frozen=True)
class Table:
    """A checked table of likelihood ratios."""

    weight: float  # of every log ratio, 0 to 1
    most: float  # largest total ratio
    least: float  # smallest total ratio
    findings: tuple[Finding, ...]


def load_table(path: str | Path | None = None) -> Table:
    """Read a site's table, or the default one.

    Raises:
        HistoryError: unreadable, or an entry that is missing, unknown or impossible; names file and entry.
    """
    if path is None:
        return _table(tomllib.loads((resources.files("mpoxlens.screening") / DEFAULT).read_text("utf-8")), DEFAULT)
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise _refused(name, f"larger than {MAX_BYTES // 2**10} kB, so it is no table")
        return _table(tomllib.loads(raw.decode()), name)
    except OSError as error:
        raise HistoryError(name, f"cannot be read ({error.strerror})", "check the name") from None
    except ValueError as error:  # TOML's and UTF-8's errors
        raise _refused(name, f"not TOML ({error})") from None


def update(info: ClinicalInfo, table: Table) -> tuple[tuple[Evidence, ...], float]:
    """Return the evidence that counts, with ratios as applied, and their product: the total likelihood ratio.

    A finding whose answer is unknown contributes nothing. When the total leaves [least, most], all ratios are drawn in
    together, so that their product stays the total.
    """
    best: dict[str, tuple[float, Finding, bool]] = {}
    for finding in table.findings:
        strength = _strength(info, finding)
        if strength is not None and _outweighs(strength[0], best.get(finding.group)):
            best[finding.group] = (strength[0], finding, strength[1])
    counted = [entry for entry in best.values() if entry[0] != 0]
    total = table.weight * math.fsum(log for log, _, _ in counted)
    bounded = min(max(total, math.log(table.least)), math.log(table.most))
    scale = table.weight * (bounded / total if total else 1.0)
    evidence = [Evidence(f.name, answer, math.exp(scale * log), f.source) for log, f, answer in counted]
    return tuple(evidence), math.exp(bounded)


def _strength(info: ClinicalInfo, finding: Finding) -> tuple[float, bool] | None:
    """Return the log ratio of a finding and its answer, or None when that is unknown."""
    known = asdict(info)
    answer = all_of(known[field] for field in finding.all_of)
    return None if answer is None else (math.log(finding.lr_yes if answer else finding.lr_no), answer)


def _outweighs(log: float, held: tuple[float, Finding, bool] | None) -> bool:
    """Of one group: what speaks for mpox goes before what speaks against it, then the stronger before the weaker."""
    return held is None or (log > max(held[0], 0.0)) or (held[0] <= 0 and log < held[0])


def _table(data: Mapping[str, Any], name: str) -> Table:
    _only(data, {"settings", "finding"}, name, "")
    settings = data.get("settings")
    rows = data.get("finding")
    if not isinstance(settings, dict) or not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise _refused(name, "it needs a [settings] table and [[finding]] entries")
    _only(settings, {"weight", "most", "least"}, name, "settings: ")
    weight = _number(settings, "weight", (0.0, 1.0), f"{name}: settings")
    most = _number(settings, "most", (1.0, LR_RANGE[1]), f"{name}: settings")
    least = _number(settings, "least", (LR_RANGE[0], 1.0), f"{name}: settings")
    findings = tuple(_finding(row, name, number) for number, row in enumerate(rows, 1))
    names = [finding.name for finding in findings]
    for n in names:
        if names.count(n) > 1:
            raise _refused(f"{name}: finding {n!r}", "it stands there twice")
    return Table(weight, most, least, findings)


def _finding(row: Mapping[str, Any], name: str, number: int) -> Finding:
    where = f"{name}: finding {row.get('name', number)!r}"
    _only(row, {"name", "all_of", "group", "lr_yes", "lr_no", "source"}, where, "")
    for key in ("name", "group", "source"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise _refused(f"{where}: {key}", "it must be a text, and no number goes without its source")
    fields = row.get("all_of")
    asked = {question.field for question in questions() if question.kind == "yes/no"}
    if not isinstance(fields, list) or not fields or not all(field in asked for field in fields):
        raise _refused(f"{where}: all_of is {fields!r}", "it must list yes/no questions")
    ratios = [_number(row, key, LR_RANGE, where) for key in ("lr_yes", "lr_no")]
    return Finding(row["name"], tuple(fields), row["group"], ratios[0], ratios[1], row["source"])


def _number(row: Mapping[str, Any], key: str, bounds: tuple[float, float], where: str) -> float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not bounds[0] <= value <= bounds[1]:
        raise _refused(f"{where}: {key} is {value!r}", f"it must be a number from {bounds[0]:g} to {bounds[1]:g}")
    return float(value)


def _only(found: Mapping[str, Any], known: Collection[str], name: str, prefix: str) -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise HistoryError(f"{name}: {prefix}{key}", "no such entry", hint)


def _refused(what: str, why: str) -> HistoryError:
    return HistoryError(what, why, f"compare with the shipped {DEFAULT}")
