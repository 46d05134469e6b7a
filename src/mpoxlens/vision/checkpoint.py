"""The state of a fit on disk, and the network that came out: whole or not at all, and never taken for another's."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError  # only to name the error; loading is weights_only
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from safetensors.torch import save as to_bytes
from torch import nn

from mpoxlens.errors import CheckpointError, TrainingError
from mpoxlens.screening.output import write_whole

NETWORK = "network.safetensors"  # in a fit's folder; the checkpoint holds what it would go on from, which differs
State = dict[str, Any]
DAMAGED = (  # what reading a checkpoint raises when it is damaged or none
    *(RuntimeError, KeyError, EOFError, OSError, ValueError, UnpicklingError, TypeError, AttributeError),
    *(BadZipFile, NotImplementedError, zlib.error),
)


def save(path: Path, state: State) -> None:
    """Write a checkpoint.

    Raises:
        TrainingError: the disk is full or not writable.
    """
    part = path.with_suffix(".part")
    try:
        torch.save(state, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError of its zip writer
        part.unlink(missing_ok=True)
        mend = "free some space and start the same command again: it goes on from the last whole epoch"
        raise TrainingError(str(part), f"cannot be written ({str(error).splitlines()[0]})", mend) from None


def resume(path: Path, identity: str, take_up: Callable[[State], None]) -> None:
    """Take up the checkpoint, if there is one.

    Raises:
        CheckpointError: it is damaged, or belongs to another recipe or other photographs.
    """
    if not path.exists():
        return
    try:
        state = read(path)
        if state["identity"] != identity:
            why = "it belongs to another recipe or other photographs"
            raise CheckpointError(str(path), why, "name a new folder with --out")
        take_up(state)
    except DAMAGED:
        why = "damaged, so that it cannot be read"
        raise CheckpointError(str(path), why, "remove it to fit this part anew") from None


def read(path: Path) -> State:
    """Return a checkpoint, its content compared with the checksums in it; torch writes them, and does not look at them.

    Raises:
        Exception: one of `DAMAGED`.
    """
    with ZipFile(path) as archive:
        bad = archive.testzip()
    if bad:
        raise BadZipFile(bad)
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return state


def keep(network: nn.Module, folder: Path) -> None:
    """Write the weights of a finished network as `NETWORK`.

    Raises:
        MpoxlensError: the disk is full or not writable.
    """
    weights = {name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()}
    write_whole(folder / NETWORK, lambda part: _write(part, to_bytes(weights)))


def _write(part: Path, content: bytes) -> None:
    part.write_bytes(content)
