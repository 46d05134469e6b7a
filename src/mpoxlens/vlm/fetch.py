"""Base weights before their first use: what would be downloaded is told first, and nothing where that is not wanted."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

from mpoxlens.errors import CheckpointError, WeightsError
from mpoxlens.vlm.about import ABOUT
from mpoxlens.vlm.parts import SKIN_ROLE, Part, describe
from mpoxlens.weights import SOURCES, resolve

MB = 1_000_000


def shipped_adapter() -> Path:
    """Return the folder of the adapter that comes with the package.

    Raises:
        CheckpointError: it is not there; a wheel holds none, so as to stay small for the clinic.
    """
    folder = Path(str(resources.files("mpoxlens.vlm"))) / "adapters" / "mini"
    if not (folder / ABOUT).is_file():
        why = "a wheel holds none, so as to stay small"
        mend = "name a folder in --adapter: src/mpoxlens/vlm/adapters/mini of a clone, or what mpoxlens vlm train wrote"
        raise CheckpointError("the adapter", why, mend)
    return folder


def fetch_base(size: str, say: Callable[[str], None], *, skin: str | None = None, offline: bool = False) -> None:
    """Have all base weights of a size on this machine; what is missing is announced, then downloaded part by part.

    Args:
        size: of `config.SIZES`.
        say: shows a line.
        skin: file of another skin expert; the usual one is not needed then.
        offline: never download.

    Raises:
        MpoxlensError: there is no such size.
        WeightsError: something is missing and must not, or cannot, be downloaded.
    """
    missing = [one for one in describe(size) if not (one.here or (skin and one.role == SKIN_ROLE))]
    if not missing:
        return
    names = ", ".join(_told(part) for part in missing)
    total = f"{sum(part.bytes for part in missing) / MB:.0f} MB"
    if offline:
        mend = "put them into a folder named in MPOXLENS_WEIGHTS, or leave out --offline once"
        raise WeightsError("base weights", f"not on this machine: {names}", mend)
    say(f"First use: {total} of base weights are downloaded once, and kept: {names}.")
    for number, part in enumerate(missing, 1):
        say(f"{number} of {len(missing)}: {part.role}, {part.bytes / MB:.0f} MB ...")
        if part.name in SOURCES:  # what comes from the hub, the hub's client fetches and shows
            resolve(part.name)
    say("All base weights are here; from now on nothing is downloaded.")


def _told(part: Part) -> str:
    return f"{part.role} {part.name} ({part.bytes / MB:.0f} MB, {part.licence})"
