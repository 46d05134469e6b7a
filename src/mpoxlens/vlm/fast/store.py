"""Fast files of an adapter: where they are kept, and how they come to be."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mpoxlens.errors import CheckpointError, MpoxlensError, WeightsError
from mpoxlens.vlm.fast.files import ABOUT, FORMAT, sha256
from mpoxlens.vlm.fetch import fetch_base
from mpoxlens.weights import SOURCES, cache_folder

SIZES = ("tiny", "mini")  # that have fast files; of a larger one the memory would not hold what is written
KINDS = {kind.__name__: kind for kind in (MpoxlensError, CheckpointError, WeightsError)}


def kept_in(about: Mapping[str, Any]) -> Path:
    """Return the folder of an adapter's fast files, named after all that they hang on."""
    key = json.dumps([FORMAT, about["base"], about["sha256"], about["config"]], sort_keys=True)
    return cache_folder().parent / "fast" / hashlib.sha256(key.encode()).hexdigest()[:32]


def fast_files(
    adapter: Path, about: Mapping[str, Any], skin: str | None, say: Callable[[str], None], *, offline: bool
) -> Path:
    """Return the folder of an adapter's fast files, made first if they are not there.

    Args:
        adapter: its folder.
        about: its adapter.json.
        skin: file of another skin expert.
        say: shows a line.
        offline: never download base weights.

    Raises:
        CheckpointError: the adapter is damaged or of another base.
        WeightsError: base weights are not to be had.
        MpoxlensError: the disk is full or not writable, or the memory does not suffice.
    """
    target = kept_in(about)
    if (target / ABOUT).is_file() and _fits(skin, about):
        return target
    fetch_base(about["size"], say, skin=skin, offline=offline)
    say(f"First use of this adapter: it is made ready once, in {target} ...")
    _made(adapter, str(about["size"]), target, skin)
    say("Ready.")
    return target


def _fits(skin: str | None, about: Mapping[str, Any]) -> bool:
    """Whether a skin expert that is named is the adapter's; if not, `export` says so."""
    if skin is None:
        return True
    known = SOURCES[skin].sha256 if skin in SOURCES else sha256(Path(skin)) if Path(skin).is_file() else ""
    return bool(known == about["base"].get("skin"))


def _made(adapter: Path, size: str, target: Path, skin: str | None) -> None:
    if "torch" in sys.modules:
        from mpoxlens.vlm.fast.export import export

        export(adapter, size, target, skin)
        return
    # In a process of its own, since torch and the whole model would stay in this one's memory.
    named = [str(adapter), size, str(target), *([skin] if skin else [])]
    command = [sys.executable, "-m", "mpoxlens.vlm.fast.export", *named]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  a fixed command, no shell
    if done.returncode:
        raise _refused(done)


def _refused(done: subprocess.CompletedProcess[str]) -> MpoxlensError:
    try:
        kind, what, why, mend = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return MpoxlensError("making the adapter ready", last, "close other programs, and try again")
    return KINDS.get(kind, MpoxlensError)(what, why, mend)
