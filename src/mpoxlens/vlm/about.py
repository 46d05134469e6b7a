"""What adapter.json says of an adapter, read where there may be no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mpoxlens.errors import CheckpointError

ABOUT = "adapter.json"
FORMAT = 1
KEYS = ("size", "base", "config", "adapter", "dtype", "sha256", "bytes", "versions")


def read_about(folder: Path) -> dict[str, Any]:
    """Return what adapter.json says.

    Raises:
        CheckpointError: it is not there, damaged or of another version.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise CheckpointError(str(folder), f"its format is {about['format']}", "use the mpoxlens that wrote it")
        return {key: about[key] for key in KEYS}
    except (OSError, ValueError, KeyError, TypeError):
        why = f"its {ABOUT} is missing or damaged"
        raise CheckpointError(str(folder), why, "name a folder that save_adapter wrote whole") from None
