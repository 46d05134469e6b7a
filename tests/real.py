"""Where the real photographs lie, if they are on this machine. They never enter the project."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "skin"
