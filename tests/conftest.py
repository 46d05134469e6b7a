"""Fixtures that several tests share."""

from __future__ import annotations

import signal
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

import tiny
from mpoxlens.datasets.phantom import draw
from mpoxlens.screening.engine import Screener

# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile("mpoxlens", deadline=None)
hypothesis.settings.load_profile("mpoxlens")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """A shell starts what runs in its background deaf to Ctrl-C, and processes that tests start would inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle with a tiny network; do not alter it."""
    return tiny.build(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="session")
def screener(tiny_path: Path) -> Screener:
    return Screener.from_path(tiny_path)


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """A drawing of skin with lesions, [256, 256, 3]."""
    return draw(5, size=256).pixels


@pytest.fixture
def photo_path(tmp_path: Path, pixels: np.ndarray) -> Path:
    path = tmp_path / "rash.jpg"
    Image.fromarray(pixels).save(path, quality=95)
    return path
