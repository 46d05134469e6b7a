"""The examples run as they stand."""

import csv
import subprocess
import sys
from pathlib import Path

from mpoxlens.datasets.phantom import draw, save

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_folder_to_csv(tmp_path: Path) -> None:
    save(draw(1), tmp_path / "drawn.png")
    (tmp_path / "note.txt").write_text("no photo")
    command = [sys.executable, str(EXAMPLES / "folder_to_csv.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    header, drawn, note = csv.reader(done.stdout.splitlines())
    assert header == ["file", "decision", "probability", "reason"]
    assert drawn[1] == "cannot tell"
    assert note[1] == "refused"
    assert note[3].endswith("not a photo in a format that we read; send a JPEG, PNG, WebP or HEIC file")
