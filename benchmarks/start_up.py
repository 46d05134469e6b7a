"""Claim: the clinic starts at once. `import mpoxlens` takes at most 0.15 s; one photo, cold, at most 1.0 s and 250 MB.

Every figure is the median over fresh processes; the first one, which may still write byte code, is not counted. This
script imports nothing large: Linux counts the memory of the parent at the moment of the start as the child's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import record

IMPORT = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
MB = 1e6  # bytes


def import_seconds(statement: str, times: int) -> float:
    """Return the median seconds of an import statement in fresh processes."""
    command = [sys.executable, "-c", IMPORT.format(statement)]
    runs = [float(subprocess.check_output(command)) for _ in range(times + 1)]
    return statistics.median(runs[1:])


def cold_screen(photo: Path, times: int) -> tuple[float, float]:
    """Return median wall seconds and peak resident MB of `mpoxlens screen PHOTO`, start of Python included."""
    command = [str(Path(sys.executable).with_name("mpoxlens")), "screen", str(photo)]
    runs = [_measured(command) for _ in range(times + 1)][1:]
    return statistics.median(r[0] for r in runs), statistics.median(r[1] for r in runs)


def _measured(command: list[str]) -> tuple[float, float]:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        message = child.stderr.read() if child.stderr else b""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)}: exit code {child.returncode}: {message.decode().strip()}")
    kibibytes = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return time.perf_counter() - started, kibibytes * 1024 / MB


def phone_photo(folder: Path) -> Path:
    """Write one photo of a phone's size, drawn in another process to keep this one small."""
    path = folder / "photo.jpg"
    code = "import sys; from photos import phone_photo; phone_photo(0).save(sys.argv[1], 'JPEG', quality=90)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, cwd=Path(__file__).parent)
    return path


def main() -> None:
    """Measure and record."""
    options = record.arguments(__doc__).parse_args()
    times = 3 if options.quick else 15
    with tempfile.TemporaryDirectory() as folder:
        seconds, megabytes = cold_screen(phone_photo(Path(folder)), times)
    rows = [
        record.Row("`import mpoxlens`", import_seconds("import mpoxlens", times), "s", 0.15),
        record.Row("`from mpoxlens import Screener`", import_seconds("from mpoxlens import Screener", times), "s"),
        record.Row("`mpoxlens screen` of one phone photo, cold: wall", seconds, "s", 1.0),
        record.Row("`mpoxlens screen` of one phone photo, cold: peak memory", megabytes, "MB", 250),
    ]
    notes = f"Medians over {times} fresh processes."
    record.finish("start_up", rows, quick=options.quick, notes=notes, packages=("mpoxlens", "onnxruntime", "numpy"))


if __name__ == "__main__":
    main()
