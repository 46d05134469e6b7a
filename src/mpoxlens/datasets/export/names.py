"""Names that files and splits may have, of labels and parts that may be called anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count


def file_names(labels: Sequence[str], taken: Iterable[str] = ()) -> list[str]:
    """Return labels as file names; a number tells apart those that would have the same, in either case."""
    names: list[str] = []
    used = {name.lower() for name in taken}
    for label in labels:
        word = _plain(label.lower())
        names.append(_free(word, used))
    return names


def split_names(parts: Sequence[str]) -> Mapping[str, str]:
    """Return the name of each part as `datasets` and file names may hold it, no two alike: fold 0 is `fold_0`."""
    used = {"all"}  # which `datasets` keeps for itself
    names = {}
    for part in parts:
        word = _plain(part).strip("_") or "part"  # what begins with underscores is passed over as private
        names[part] = _free(f"fold_{word}" if word[0].isdigit() else word, used)
    return names


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name)


def _free(word: str, used: set[str]) -> str:
    """The first of word, word_2, word_3 that no other has on any file system; it is used from now on."""
    name = next(n for n in chain([word], (f"{word}_{k}" for k in count(2))) if n.lower() not in used)
    used.add(name.lower())
    return name
