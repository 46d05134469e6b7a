"""From base weights and adapter to fast files. Of all that runs an answer, this alone needs torch."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from mpoxlens.errors import MpoxlensError
from mpoxlens.screening.output import unwritten
from mpoxlens.vlm.adapter import load_adapter, merge
from mpoxlens.vlm.base import build
from mpoxlens.vlm.fast.encoder import write_encoder
from mpoxlens.vlm.fast.files import ABOUT, LANGUAGE, PHOTO, SKIN, TOKENIZER, Layout, Table, write_about
from mpoxlens.vlm.fast.graph import BLOCK
from mpoxlens.vlm.fast.language import HEAD, write_language
from mpoxlens.vlm.features import preprocess_of
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import MAX_TOKENS
from mpoxlens.vlm.reader import MOST

BITS = 8  # of a weight; see docs/howto-ask.md for what it costs


def export(adapter: Path, size: str, target: Path, skin: str | None = None) -> None:
    """Make the fast files of an adapter.

    Args:
        adapter: its folder.
        size: of `config.SIZES`.
        target: a folder that is not there yet.
        skin: file of another skin expert.

    Raises:
        CheckpointError: the adapter is damaged or of another base.
        WeightsError: base weights are not to be had.
        MpoxlensError: the disk is full or not writable; nothing is left on it.
    """
    model, tokenizer = build(size, skin=skin)
    load_adapter(adapter, model)
    write_files(merge(model), tokenizer, target)


def write_files(model: MpoxVlm, tokenizer: Any, target: Path, bits: int = BITS) -> None:
    """Write a model, merged, into a folder that is not there yet; raises MpoxlensError as `export`."""
    part = target.with_name(f".{os.getpid()}.part-{target.name}")
    try:
        part.mkdir(parents=True)
        _fill(part, model, tokenizer, bits)
        _put(part, target)
    except OSError as error:
        raise unwritten(target, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _fill(folder: Path, model: MpoxVlm, tokenizer: Any, bits: int) -> None:
    write_encoder(model, "photo", folder / PHOTO, bits)
    write_encoder(model, "skin", folder / SKIN, bits)
    positions = MAX_TOKENS + MOST
    write_language(model.language, folder / LANGUAGE, bits, positions)
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    c, (photo, skin) = model.config, preprocess_of(model.config)
    layout = Layout(
        photo_token_id=c.photo_token_id,
        skin_token_id=c.skin_token_id,
        visual={part: c.tokens(part) for part in ("photo", "skin")},
        class_tokens=c.class_tokens,
        photo=photo.to_dict(),
        skin=skin.to_dict(),
        chat_template=tokenizer.chat_template,
        special=dict(tokenizer.special_tokens_map),
        positions=positions,
        words=asdict(_table(folder / LANGUAGE, model.language.config, bits)),
    )
    write_about(folder, layout)


def _table(path: Path, config: Any, bits: int) -> Table:
    kept = {one.name: one for one in onnx.load(path, load_external_data=False).graph.initializer}
    offsets = {
        name: int(next(entry.value for entry in kept[name].external_data if entry.key == "offset"))
        for name in (HEAD, f"{HEAD}_scale")
        if name in kept
    }
    return Table(config.vocab_size, config.hidden_size, bits, BLOCK, offsets[HEAD], offsets.get(f"{HEAD}_scale", 0))


def _put(part: Path, target: Path) -> None:
    try:
        part.rename(target)
    except OSError:
        if not (target / ABOUT).is_file():  # else another process was quicker, with the same files
            raise


def main(arguments: list[str]) -> int:
    """Make the files in a process of its own; a refusal is told as one line of JSON."""
    adapter, size, target, *skin = arguments
    try:
        export(Path(adapter), size, Path(target), skin[0] if skin else None)
    except MpoxlensError as error:
        print(json.dumps([type(error).__name__, error.what, error.why, error.mend]))  # noqa: T201  read by `store`
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
