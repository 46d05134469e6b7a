"""One file measured in a process of its own, so that nothing that ran before it counts.

`python -m mpoxlens.optimise.measure_one FILE THREADS RUNS`; the result is one JSON object on stdout.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from mpoxlens.errors import MpoxlensError
from mpoxlens.optimise.runtimes import load, warm_up

WARM = 5  # passes before the clock starts
MIB = 2**20


def measure(path: Path, threads: int, runs: int) -> dict[str, Any]:
    """Return size, times and memory of one file with one input photograph a pass.

    Memory is what the process holds at most, and the share of it that came after the runtime's own libraries were in.
    """
    keep_to(threads)
    warm_up(path)
    libraries = peak_memory()
    start = time.perf_counter()
    loaded = load(path, threads)
    load_ms = 1000 * (time.perf_counter() - start)
    size = loaded.size
    photo = np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)
    cold_ms = _timed(loaded.forward, photo)
    for _ in range(WARM):
        loaded.forward(photo)
    took = np.array([_timed(loaded.forward, photo) for _ in range(runs)])
    peak = peak_memory()
    return {
        "threads": threads,
        "bytes": path.stat().st_size,
        "load_ms": round(load_ms, 2),
        "cold_ms": round(cold_ms, 2),
        "p50_ms": round(float(np.quantile(took, 0.5)), 3),
        "p95_ms": round(float(np.quantile(took, 0.95)), 3),
        "per_second": round(1000 * runs / float(took.sum()), 1),
        "peak_mib": round(peak / MIB, 1),
        "model_mib": round((peak - libraries) / MIB, 1),
        "runs": runs,
    }


def _timed(forward: Any, photo: Any) -> float:
    start = time.perf_counter()
    forward(photo)
    return 1000 * (time.perf_counter() - start)


def keep_to(threads: int) -> None:
    """Keep this process to as many cores as threads are asked for, so that every runtime has the same."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[-threads:])


def peak_memory() -> int:
    """Return the bytes that this process held at most.

    Linux hands the high mark of `getrusage` down from parent to child; that in /proc begins anew with each program.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Measure what the command line names."""
    path, threads, runs = sys.argv[1:]
    try:
        found = measure(Path(path), int(threads), int(runs))
    except MpoxlensError as error:
        sys.stderr.write(json.dumps([error.what, error.why, error.mend]))
        return 2
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
