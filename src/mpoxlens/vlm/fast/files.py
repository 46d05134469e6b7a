"""The folder of the fast files, and what stands in it; `fast.json` is written last, and therefore means a whole one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mpoxlens.errors import WeightsError
from mpoxlens.preprocess import Preprocess

ABOUT = "fast.json"
FORMAT = 1  # one more whenever a graph is written otherwise: a folder's name hangs on it
PHOTO, SKIN, LANGUAGE = "photo.onnx", "skin.onnx", "language.onnx"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Table:
    """Where the embedding of words stands: in the head of the language model, which is the same matrix."""

    rows: int
    width: int
    bits: int  # of a weight, as in `graph.Graph`
    block: int  # weights that share a scale
    offset: int  # bytes into the data of `LANGUAGE`
    scale_offset: int  # likewise, of what its blocks are multiplied by; 0 without blocks


@dataclass(frozen=True)
class Layout:
    """What is known of a model beside its graphs; `prompts` takes it as the settings of a model."""

    photo_token_id: int
    skin_token_id: int
    visual: Mapping[str, int]  # tokens of "photo" and "skin"
    class_tokens: bool
    photo: Mapping[str, Any]  # of `Preprocess`
    skin: Mapping[str, Any]
    chat_template: str
    special: Mapping[str, str]  # tokens by name, such as eos_token
    positions: int  # tokens that are read and written at most
    words: Mapping[str, int]  # of `Table`

    def tokens(self, part: str) -> int:
        """Return how many visual tokens the part "photo" or "skin" has."""
        return self.visual[part]

    def preprocess(self) -> tuple[Preprocess, Preprocess]:
        """Return how a photograph becomes the input of CLIP and of the skin expert."""
        return Preprocess.from_dict(dict(self.photo)), Preprocess.from_dict(dict(self.skin))


def write_about(folder: Path, layout: Layout) -> None:
    """Write `fast.json` over the files that are there."""
    sums = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    about = {"format": FORMAT, "layout": asdict(layout), "sha256": sums}
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def read_layout(folder: Path) -> Layout:
    """Return what a folder holds, once every file was compared with its sha256.

    Raises:
        WeightsError: one is missing or damaged.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        layout = Layout(**about["layout"])
        wrong = next((name for name, sum_ in about["sha256"].items() if not _is(folder / name, sum_)), "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        wrong = ABOUT
    if wrong:
        why = "it is missing, or its sha256 is not the expected one"
        raise WeightsError(str(folder / wrong), why, f"remove the folder {folder}, and it is made anew")
    return layout


def _is(path: Path, wanted: str) -> bool:
    try:
        return sha256(path) == wanted
    except OSError:
        return False


def sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
