"""A run's folder: claimed by one recipe before hours of work go into it, and its photographs made ready."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, progress, silent
from mpoxlens.datasets.reviews import read_reviews
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import CheckpointError, TrainingError
from mpoxlens.schema import Pixels
from mpoxlens.screening.output import write_whole
from mpoxlens.vision.data import load_pixels
from mpoxlens.vision.processes import is_main
from mpoxlens.vision.recipe import Recipe
from mpoxlens.vision.recipe_text import to_toml

KEPT_RECIPE = "recipe.toml"


@dataclass(frozen=True, eq=False)
class Run:
    """What a verb of the workshop works on."""

    recipe: Recipe
    workspace: Workspace  # holds all photographs that were ingested; those that reviewers dropped too
    manifest: Manifest
    pixels: list[Pixels]
    out: Path
    tell: Tell


@contextmanager
def opened(recipe: Recipe, data: Path, out: Path, claim: str = "") -> Iterator[Run]:
    """Claim `out` for a recipe, and read the photographs.

    Args:
        recipe: loaded.
        data: a data set's folder as `datasets.sources` reads it, or a workspace of `mpoxlens data` after `apply`.
        out: the run's folder, made if need be.
        claim: what else, besides what a fit depends on, another run in this folder must share.

    Raises:
        CheckpointError: the folder holds a run of another recipe.
        TrainingError: something in the folder cannot be written.
        MpoxlensError: the data cannot be used.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with progress() as shown:
            tell = shown if is_main() else silent
            with FileLock(out / ".lock"):  # another process of the same run waits for the tables
                _claim(out / "recipe.sha256", recipe, claim)
                _keep(recipe, out / KEPT_RECIPE)
                workspace = _workspace(recipe, data, Workspace(out / "data"), tell)
            manifest = workspace.clean()
            yield Run(recipe, workspace, manifest, load_pixels(manifest.root, manifest.records), out, tell)
    except OSError as error:
        mend = "free some space or correct the path, then give the same command again: it goes on where it stopped"
        raise TrainingError(str(error.filename or out), f"cannot be written ({error.strerror})", mend) from None


def _claim(path: Path, recipe: Recipe, claim: str) -> None:
    name = f"{recipe.sha256} {claim}".strip()
    if not path.exists():
        write_whole(path, lambda part: _write(part, name + "\n"))
    elif path.read_text(encoding="utf-8").strip() != name:
        why = f"it holds a run of another recipe than {recipe.path.name} as it is now"
        raise CheckpointError(str(path.parent), why, "name a new folder with --out")


def _keep(recipe: Recipe, path: Path) -> None:
    """Write the recipe beside what is made by it, unless it lies there already."""
    if recipe.path.resolve() != path.resolve():
        write_text(
            f"# {recipe.path.name} as this run took it; defaults are left out.\n\n{to_toml(recipe, {}, path.parent)}",
            path,
        )


def _workspace(recipe: Recipe, data: Path, own: Workspace, tell: Tell) -> Workspace:
    """Return a workspace with decisions applied and clusters found; in one that is given that is done, and holds."""
    given = Workspace(data)
    if given.table("manifest").exists():
        return given
    ingest(own, [data], tell=tell)
    duplicates(own, tell=tell)
    apply(own, [review for path in recipe.reviews_paths for review in read_reviews(path)])
    return own


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write a JSON object, whole or not at all."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda part: _write(part, text))


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what `write_json` wrote; None when it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_text(text: str, path: Path) -> None:
    """Write text, whole or not at all."""
    write_whole(path, lambda part: _write(part, text))


def _write(part: Path, text: str) -> None:
    part.write_text(text, encoding="utf-8", newline="\n")
