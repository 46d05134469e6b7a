"""Claim: the wheel, default bundle included, is at most 8 MB."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import record

BUNDLE = "mpoxlens/bundles/default/"
MB = 1e6  # bytes


def build(folder: Path) -> Path:
    """Build the wheel of this tree into a folder."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(record.ROOT),
    ]
    subprocess.run(command, check=True)
    return next(folder.glob("mpoxlens-*.whl"))


def main() -> None:
    """Build, look inside and record."""
    options = record.arguments(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        size = wheel.stat().st_size / MB
        with zipfile.ZipFile(wheel) as archive:
            names = {info.filename: info.file_size / MB for info in archive.infolist()}
    missing = [n for n in ("bundle.json", "model.onnx", "golden.json", "card.md") if BUNDLE + n not in names]
    if missing:
        sys.exit(f"the wheel lacks {BUNDLE}{missing[0]}")
    bundle = sum(megabytes for name, megabytes in names.items() if name.startswith(BUNDLE))
    rows = [record.Row("wheel", size, "MB", 8), record.Row("the default bundle in it, unpacked", bundle, "MB", 5)]
    record.finish(
        "wheel_size", rows, quick=options.quick, notes="Built with `pip wheel --no-deps`.", packages=("mpoxlens",)
    )
    if not all(row.reached for row in rows):
        sys.exit("too large")


if __name__ == "__main__":
    main()
