"""The base weights of each size: what they are called, how large they are, and whether they are here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mpoxlens.errors import MpoxlensError
from mpoxlens.weights import SOURCES, local

if TYPE_CHECKING:
    from mpoxlens.vlm.config import MpoxVlmConfig

SKIN_ROLE = "skin expert"
CLIP, SKIN, TEXT = "clip-vit-b16", "dinov2-s-saliency", "smollm2-135m"
CLIP_7B, SKIN_7B, TEXT_7B = (
    "openai/clip-vit-large-patch14-336",
    "google/vit-base-patch16-224",
    "meta-llama/Llama-2-7b-hf",
)


@dataclass(frozen=True)
class Part:
    """One set of base weights."""

    name: str  # in `mpoxlens.weights`, or of a repository on the hub
    role: str
    bytes: int  # to be downloaded
    licence: str
    here: bool  # already on this machine


def describe(size: str = "mini") -> list[Part]:
    """Return what `base.build` would need, and how much of it would have to be downloaded.

    Raises:
        MpoxlensError: there is no such size.
    """
    if size == "mini":
        rows = ((CLIP, "CLIP", 78_462_149), (SKIN, SKIN_ROLE, 90_210_194), (TEXT, "language model", 92_871_040))
        return [Part(n, r, b, SOURCES[n].licence, local(SOURCES[n].file) is not None) for n, r, b in rows]
    if size == "7b":
        hub = (
            (CLIP_7B, "CLIP", 1_711_000_000, "MIT"),
            (SKIN_7B, SKIN_ROLE, 346_000_000, "Apache-2.0"),
            (TEXT_7B, "language model", 13_477_000_000, "Llama 2 Community License, asked for at the publisher's"),
        )
        return [Part(n, r, b, licence, local(short(n)) is not None) for n, r, b, licence in hub]
    if size != "tiny":  # which is random
        config_of(size)
    return []


def config_of(size: str) -> MpoxVlmConfig:
    """Return the settings of a size; MpoxlensError when there is no such size."""
    from mpoxlens.vlm.config import SIZES  # with torch, which asking about weights does not need

    make: Callable[[], MpoxVlmConfig] | None = SIZES.get(size)
    if make is None:
        raise MpoxlensError(f"size {size!r}", "unknown", f"use one of: {', '.join(SIZES)}")
    return make()


def short(name: str) -> str:
    """Return a repository of the hub without its owner."""
    return name.rsplit("/", 1)[-1]
