"""Fits in one of two processes that share a model; started by test_fsdp.py."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState

HERE = Path(__file__).parent
BROKEN = 4  # steps: one into stage 2, and the last checkpoint at its beginning
RATES = {"lr_align": 1e-2, "lr_lora": 1e-2, "lr_projector": 1e-2}  # so that a few steps go far


class Stop(Exception):  # noqa: N818  what Ctrl-C does
    pass


def stop(_stage: str, done: int, _of: int) -> None:
    if done == BROKEN + 1:
        raise Stop


def half_base() -> tuple[Any, Any]:
    """Return a base as at the paper's size: in 16 bits, but for the projectors."""
    from vlm_data import base

    model, tokenizer = base()
    for part in (model.photo_encoder, model.skin_encoder, model.language):
        part.to(torch.bfloat16)
    return model, tokenizer


def main(out: Path, rank: str) -> None:
    """Fit as one process would, and by halves with a break; write `out`/RANK.pt; the folder is shared."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    from vlm_data import base, drawn, recipe

    from mpoxlens.vlm import stages, train

    stages.PRECISION = "no"
    side, plain, losses = drawn(out / f"drawn{rank}").side(), base(), []
    fitted = train.fit(recipe(**RATES), side, out / "whole", lambda stage, *_: losses.append(stage), base=plain)
    kept = [(p.to_local().numel(), p.numel()) for p in plain[0].parameters()]  # what was begun with is spread now
    share = sum(own for own, _ in kept) / sum(whole for _, whole in kept)
    found = {"losses": losses, "last": fitted.loss, "share": share, "whole": fitted.model.state_dict()}

    AcceleratorState._reset_state()
    stages.PRECISION = "bf16"
    dropping = replace(recipe(**RATES), model=replace(recipe().model, dropout=0.1))
    half: list[str] = []
    unbroken = train.fit(dropping, side, out / "unbroken", lambda stage, *_: half.append(stage), base=half_base())
    with suppress(Stop):
        train.fit(dropping, side, out / "broken", stop, base=half_base())
    resumed = train.fit(dropping, side, out / "broken", base=half_base())
    found |= {"half": half, "unbroken": unbroken.model.state_dict(), "resumed": resumed.model.state_dict()}
    torch.save(found, out / f"{rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), os.environ["RANK"])
