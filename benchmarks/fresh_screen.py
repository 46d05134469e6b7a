"""Claim: on a fresh clone, with empty caches and an empty home, `make screen` takes at most 60 s and installs no torch.

What is cloned is the last commit, not the working tree. The time includes the download of the packages, so it depends
on the network; `--keep FOLDER` leaves the clone there for a look.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import record


def fresh_clone(folder: Path) -> Path:
    """Clone the last commit into a folder, as a stranger gets it."""
    clone = folder / "clone of mpoxlens"  # with spaces: paths must stand them
    subprocess.run(["git", "clone", "--quiet", "--no-local", str(record.ROOT), str(clone)], check=True)
    return clone


def empty_home(folder: Path) -> dict[str, str]:
    """Return an environment whose home and caches are empty; where packages come from is left as it is."""
    home = folder / "home"
    home.mkdir()
    dropped = ("XDG_", "VIRTUAL_ENV", "PYTHON", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"HOME": str(home), "PIP_CACHE_DIR": str(home / "pip-cache")}


def main() -> None:
    """Clone, run, look at what is there, and record."""
    parser = record.arguments(__doc__)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="clone into this new folder and leave it there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        clone, environment = fresh_clone(folder), empty_home(folder)
        started = time.perf_counter()
        subprocess.run(["make", "screen"], cwd=clone, env=environment, check=True)
        seconds = time.perf_counter() - started
        packages = next((clone / ".venv" / "lib").glob("python*")) / "site-packages"
        if (packages / "torch").exists():
            sys.exit("make screen has installed torch")
        if not (clone / "report.html").stat().st_size:
            sys.exit("make screen has written no report")
        disk = sum(f.stat().st_size for f in packages.rglob("*") if f.is_file()) / 1e6
    rows = [record.Row("`make screen` on a fresh clone", seconds, "s", 60), record.Row("its environment", disk, "MB")]
    record.finish("fresh_screen", rows, quick=options.quick, notes="Empty home, empty pip cache.")


if __name__ == "__main__":
    main()
