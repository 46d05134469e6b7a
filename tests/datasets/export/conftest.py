"""Three photographs after review, one that was left out, and all of them looked at for faces."""

from __future__ import annotations

from pathlib import Path

import pytest
from tables_by_hand import look

import hand_made
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.schema import ImageRecord


@pytest.fixture
def records(tmp_path: Path) -> list[ImageRecord]:
    root = tmp_path / "photos"
    return [
        hand_made.photograph(root, "healthy/1.jpg", 1, licence=""),
        hand_made.photograph(root, "mpox/2.jpg", 2, tone="5", patient="p1", group="g"),
        hand_made.photograph(root, "mpox/3.jpg", 3, tone="5", patient="p1", group="g"),
    ]


@pytest.fixture
def work(tmp_path: Path, records: list[ImageRecord]) -> Workspace:
    dropped = hand_made.photograph(tmp_path / "photos", "mpox/4.jpg", 4)
    made = hand_made.workspace(tmp_path / "ws", tmp_path / "photos", records, [dropped])
    look(made, {record.sha256: () for record in (*records, dropped)})
    return made
