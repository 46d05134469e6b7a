"""Size, load time, latency, throughput and peak memory of files in their runtimes, and on what machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mpoxlens.errors import BundleError, DataError, MpoxlensError
from mpoxlens.optimise.runtimes import RUNTIMES
from mpoxlens.screening.output import write_whole

WIDTH = 120  # columns in a log
PACKAGES = {"onnx": "onnxruntime", "litert": "ai-edge-litert", "executorch": "executorch"}
LONGEST = 600  # seconds for one file
COLUMNS = {  # title -> key and unit
    "size MB": ("bytes", 1e6),
    "load ms": ("load_ms", 1),
    "cold ms": ("cold_ms", 1),
    "p50 ms": ("p50_ms", 1),
    "p95 ms": ("p95_ms", 1),
    "photos/s": ("per_second", 1),
    "peak MiB": ("peak_mib", 1),
    "of it model": ("model_mib", 1),
}


def benchmark(paths: Sequence[Path], threads: Sequence[int], runs: int) -> dict[str, Any]:
    """Measure each file with each number of threads, each in a process of its own.

    Args:
        paths: files of a runtime, or folders that hold some, such as a bundle's.
        threads: numbers of cores that a pass may use.
        runs: passes timed.

    Returns:
        machine, versions, and one row a measurement under "rows".

    Raises:
        DataError: nothing to measure, or more threads than cores.
        MpoxlensError: a file that its runtime does not load, or a runtime that is not installed.
    """
    _check_threads(threads)
    files = list(_files(paths))
    rows = [
        {"file": str(path), "runtime": _runtime(path)} | _measured(path, t, runs) for path in files for t in threads
    ]
    used = sorted({str(row["runtime"]) for row in rows})
    versions = {PACKAGES[name]: _version(PACKAGES[name]) for name in used}
    return {"machine": machine(), "versions": {"python": platform.python_version(), **versions}, "rows": rows}


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(one for one in path.iterdir() if one.suffix in RUNTIMES.values())
        if not found:
            why = f"no file in it ends in {', '.join(RUNTIMES.values())}"
            raise DataError(str(path), why, "name a bundle's folder or a file of mpoxlens optimise")
        yield from found


def _check_threads(threads: Sequence[int]) -> None:
    most = cores()
    if not threads or min(threads) < 1 or max(threads) > most:
        given = ",".join(map(str, threads))
        raise DataError(f"--threads {given}", f"this process may use {most} cores", f"give numbers from 1 to {most}")


def _measured(path: Path, threads: int, runs: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "mpoxlens.optimise.measure_one", str(path), str(threads), str(runs)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    try:
        done = subprocess.run(  # noqa: S603  a fixed command, no shell
            command, check=False, capture_output=True, text=True, timeout=LONGEST, env=environment
        )
    except subprocess.TimeoutExpired:
        raise BundleError(str(path), f"not measured within {LONGEST} seconds", "give fewer --runs") from None
    if done.returncode:
        raise _refusal(path, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _refusal(path: Path, said: str) -> MpoxlensError:
    last = (said.strip().splitlines() or ["no word"])[-1]
    try:
        what, why, mend = json.loads(last)
    except ValueError:
        return BundleError(str(path), f"its runtime gave up ({last[:200]})", "write it again with mpoxlens optimise")
    return BundleError(what, why, mend)


def _runtime(path: Path) -> str:
    return {suffix: name for name, suffix in RUNTIMES.items()}.get(path.suffix, "unknown")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def machine() -> str:
    """Return the processor, how many of its cores may be used, the memory and the system."""
    model, cpuinfo = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    return f"{model}, {cores()} cores, {memory:.0f} GiB, {platform.system()}"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def show(found: Mapping[str, Any], *, as_json: bool, out: Path | None) -> None:
    """Print a table or JSON, and write the JSON to `out` if it is given."""
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if out:
        write_whole(out, lambda part: _write(part, text))
    console = Console(width=None if Console().is_terminal else WIDTH)
    if as_json:
        console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
        return
    console.print(_table(found["rows"]), markup=False, highlight=False)
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    console.print(f"{found['machine']}; {versions}", markup=False, highlight=False, soft_wrap=True)


def _write(part: Path, text: str) -> None:
    part.write_text(text, encoding="utf-8", newline="\n")


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("file", "threads"):
        table.add_column(name, overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in rows:
        name = str(Path(*Path(row["file"]).parts[-2:]))
        shown = [f"{row[key] / unit:.3g}" for key, unit in COLUMNS.values()]
        table.add_row(name, str(row["threads"]), *shown)
    return table
