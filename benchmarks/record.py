"""What a benchmark writes, and how it gets into docs/performance.md.

`python benchmarks/record.py` fills docs/performance.md from benchmarks/results; `--check` fails if it is stale.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results"
SCRATCH = ROOT / "build" / "benchmarks"  # quick runs go here: they are smoke tests, not measurements


@dataclass(frozen=True)
class Row:
    """One measured figure, and the goal that it has to reach (None: no goal)."""

    measure: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False  # the goal is a floor instead of a ceiling

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached, None without a goal."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def cells(self) -> tuple[str, str, str, str]:
        """Return measure, value, goal and verdict as text."""
        goal = "" if self.goal is None else f"{'≥' if self.at_least else '≤'} {self.goal:g} {self.unit}".rstrip()
        verdict = {None: "", True: "reached", False: "MISSED"}[self.reached]
        return self.measure, f"{self.value:.3g} {self.unit}".rstrip(), goal, verdict


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short run that proves the script, written to build/")
    return parser


def finish(claim: str, rows: list[Row], *, quick: bool, notes: str, packages: tuple[str, ...] = ()) -> None:
    """Print the table, write the results, and refresh docs/performance.md unless the run was a quick one."""
    result = {
        "claim": claim,
        "notes": notes,
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}},
        "rows": [asdict(row) for row in rows],
    }
    folder = SCRATCH if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{claim}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for cells in (row.cells() for row in rows):
        print("{:<66} {:>14}  {:<14} {}".format(*cells).rstrip())
    if not quick:
        refresh()


def machine() -> str:
    """Return the processor, how many of its cores may be used, and the memory."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {cores()} cores, {memory:.0f} GiB, {platform.system()}"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def refresh(*, check: bool = False) -> bool:
    """Fill the blocks of docs/performance.md; return whether anything changed (with `check`: would change)."""
    old = PAGE.read_text(encoding="utf-8")
    new = old
    for begin in [line for line in old.splitlines() if line.startswith("<!-- bench:")]:
        claim = begin.removeprefix("<!-- bench:").removesuffix(" -->")
        head, rest = new.split(begin, 1)
        tail = rest.split("<!-- end -->", 1)[1]
        new = f"{head}{begin}\n{_block(RESULTS / f'{claim}.json')}\n<!-- end -->{tail}"
    if new != old and not check:
        PAGE.write_text(new, encoding="utf-8")
    return new != old


def _block(path: Path) -> str:
    if not path.exists():
        return "Not measured yet."
    result = json.loads(path.read_text(encoding="utf-8"))
    lines = ["| measure | figure | goal | |", "|---|---:|---|---|"]
    lines += ["| {} | {} | {} | {} |".format(*Row(**row).cells()) for row in result["rows"]]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return "\n".join([*lines, "", f"{result['notes']} {result['machine']}; {versions}."])


def main() -> int:
    """Refresh or check the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if something would change")
    options = parser.parse_args()
    stale = refresh(check=options.check)
    if stale and options.check:
        print("docs/performance.md is stale; run: python benchmarks/record.py", file=sys.stderr)
    return int(stale and options.check)


if __name__ == "__main__":
    sys.exit(main())
