"""A photograph that is tested on must not have been seen, not even without its label.

A continuation that saw the test side has learned how those very photographs look. So in cross-validation it is done
anew in every fold, on the training side alone (`continuation.continue_on`), or on photographs that have nothing in
common with those tested on (`continuation.run` with `apart`). `check_unseen` refuses the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from mpoxlens.datasets.duplicates.groups import group
from mpoxlens.datasets.duplicates.search import find_links
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.schema import ImageRecord, Pixels
from mpoxlens.vision.data import load_pixels
from mpoxlens.vision.recipe import Recipe

MARK = "masked autoencoder"  # in the head of an encoder's file


def check_base_weights(recipe: Recipe, manifest: Manifest) -> None:
    """Refuse to cross-validate from an encoder that was continued on photographs of the manifest; see `check_unseen`.

    Base weights that are no such encoder pass.
    """
    path = Path(recipe.model.weights)
    if path.suffix == ".safetensors" and path.is_file() and _continued(path):
        check_unseen(path, manifest)


def _continued(path: Path) -> bool:
    try:
        with safe_open(path, "np") as file:
            return MARK in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False  # whoever loads it will say what is wrong with it


def check_unseen(encoder: Path, manifest: Manifest, tested: Sequence[int] | None = None) -> None:
    """Refuse to test on photographs that the continuation of an encoder saw, or saw copies of.

    Args:
        encoder: a file that `run` or `continue_on` wrote, with its .json beside it.
        manifest: with clusters.
        tested: rows that are tested on; all without it.

    Raises:
        DataError: some were seen, or nobody compared them with those seen, or it is not known what was seen.
    """
    about = _about(encoder)
    saw, apart = set(about["saw"]), set(about["apart"])
    records = [manifest.records[i] for i in (range(len(manifest.records)) if tested is None else tested)]
    clusters = {r.group for r in manifest.records if r.sha256 in saw}
    seen = [r for r in records if r.sha256 in saw or r.group in clusters]
    mend = "continue in each fold on its training side, or with --apart on other photographs"
    if seen:
        why = f"it has seen {len(seen)} of the photographs to be tested, or copies of them, {seen[0].path} among them"
        raise DataError(str(encoder), why, mend)
    strangers = [r for r in records if r.sha256 not in apart]
    if strangers:
        why = f"{len(strangers)} of the photographs to be tested were never compared with those that it has seen"
        raise DataError(str(encoder), why, mend)


def check_whole_clusters(manifest: Manifest, rows: Sequence[int]) -> None:
    """Raise a DataError when a cluster lies half inside `rows`."""
    inside = set(rows)
    seen = {manifest.records[i].group for i in inside}
    for i, record in enumerate(manifest.records):
        if i not in inside and record.group in seen:
            why = f"its cluster {record.group} lies on both sides of the split"
            raise DataError(record.path, why, "split by cluster, as datasets.split.folds does")


def without(found: Mapping[str, Path], tested: Mapping[str, Path], cache: Path, tell: Tell) -> dict[str, Pixels]:
    """Return the pixels of the photographs found, but for those that show the same as one of `tested`.

    Args:
        found: the file of each sha256 to learn from.
        tested: the file of each sha256 to be tested on.
        cache: folder for the features that copies are found by.
        tell: called with the stage, steps done and in all.

    Raises:
        DataError: none is left.
    """
    left_out = _related(found, tested, cache, tell) if tested else set()
    pixels = _read({sha: path for sha, path in found.items() if sha not in left_out}, tell)
    if not pixels:
        mend = "name another folder"
        raise DataError("--data", "no photograph that can be read is left beside those to be tested", mend)
    return pixels


def _related(found: Mapping[str, Path], tested: Mapping[str, Path], cache: Path, tell: Tell) -> set[str]:
    """Return what shows the same as a tested photograph, by however many copies of copies, and the tested ones."""
    both = {**found, **tested}
    links = find_links(both, cache=cache, progress=lambda n, of: tell("looking for copies", n, of), problems=[])
    records = group([_record(sha, path) for sha, path in sorted(both.items())], links)
    clusters = {r.group for r in records if r.sha256 in tested}
    return {r.sha256 for r in records if r.group in clusters}


def _read(paths: Mapping[str, Path], tell: Tell) -> dict[str, Pixels]:
    """Decode what can be decoded; the rest is passed over."""
    pixels: dict[str, Pixels] = {}
    for done, (sha, path) in enumerate(sorted(paths.items()), 1):
        with suppress(MpoxlensError):
            pixels[sha] = load_pixels(path.parent, [_record(sha, path)])[0]
        tell("reading", done, len(paths))
    return pixels


def _record(sha256: str, path: Path) -> ImageRecord:
    return ImageRecord(sha256, path.name, "", "", None, 0, 0, sha256)


def _about(encoder: Path) -> dict[str, Any]:
    path = encoder.with_suffix(".json")
    mend = "make the encoder with `mpoxlens mae`, and keep both files together"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        saw, apart, digest = about["saw"], about["apart"], about["encoder_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(str(path), "what the encoder has seen cannot be read from it", mend) from None
    if hashlib.sha256(encoder.read_bytes()).hexdigest() != digest:
        raise DataError(str(path), f"it belongs to another file than {encoder.name}", mend)
    return {"saw": saw, "apart": apart}
