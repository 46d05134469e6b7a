"""A run's folder: claimed by one recipe before hours of work go into it, and its photographs made ready."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock

from mpoxlens.datasets import manifest as manifests
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, progress, silent
from mpoxlens.datasets.reviews import read_reviews
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import CheckpointError, TrainingError
from mpoxlens.schema import Pixels
from mpoxlens.screening.output import write_whole
from mpoxlens.vision.checks import check_photographs
from mpoxlens.vision.data import load_pixels
from mpoxlens.vision.processes import is_main
from mpoxlens.vision.recipe import Recipe
from mpoxlens.vision.recipe_text import to_toml

KEPT_RECIPE = "recipe.toml"
RECIPE, DATA = "recipe.sha256", "data.sha256"  # whose a folder is
RESULTS = {"checkpoint.pt", "outputs.npz", "features.parquet", "study.sqlite3"}  # what is worth a claim


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
def opened(recipe: Recipe, data: Path, out: Path, claim: str = "", fits: Sequence[Recipe] = ()) -> Iterator[Run]:
    """Read the photographs, and claim `out` for them and a recipe; what ends before any result gives the claim back.

    Args:
        recipe: loaded.
        data: a data set's folder as `datasets.sources` reads it, or a workspace of `mpoxlens data` after `apply`.
        out: the run's folder, made if need be.
        claim: what else, besides what a fit depends on, another run in this folder must share.
        fits: the recipes that will be fitted, if it is not this one.

    Raises:
        CheckpointError: the folder holds a run of another recipe, or of other photographs; it is left as it was.
        TrainingError: something in the folder cannot be written.
        MpoxlensError: the data cannot be used.
    """
    asked = {RECIPE: f"{recipe.sha256} {claim}".strip()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with progress() as shown, _given_back(recipe, out) as claims:
            tell = shown if is_main() else silent
            with FileLock(out / ".lock"):  # another process of the same run waits for the tables
                _check_claims(out, asked, f"of another recipe than {recipe.path.name} as it is now")
                workspace = _workspace(recipe, fits or (recipe,), data, out, tell)
                manifest = workspace.clean()
                about = {DATA: manifest.sha256}
                _check_claims(out, about, f"of other photographs, labels or clusters than {data}")
                claims += _claim(out, asked | about)
                _keep(recipe, out / KEPT_RECIPE)
            yield Run(recipe, workspace, manifest, load_pixels(manifest.root, manifest.records), out, tell)
    except OSError as error:
        mend = "free some space or correct the path, then give the same command again: it goes on where it stopped"
        raise TrainingError(str(error.filename or out), f"cannot be written ({error.strerror})", mend) from None


@contextmanager
def _given_back(recipe: Recipe, out: Path) -> Iterator[list[str]]:
    """Hand out a list of the claims that are made; at the end, take these back if there is no result."""
    made: list[str] = []
    try:
        yield made
    finally:
        with FileLock(out / ".lock"):
            if made and not any(path.name in RESULTS for path in out.rglob("*")):
                for path in (*(out / name for name in made), out / KEPT_RECIPE):
                    if path.resolve() != recipe.path.resolve():  # which whoever wrote it may keep here
                        path.unlink(missing_ok=True)


def _check_claims(out: Path, asked: Mapping[str, str], other: str) -> None:
    for name, value in asked.items():
        if (out / name).exists() and (out / name).read_text(encoding="utf-8").strip() != value:
            raise CheckpointError(str(out), f"it holds a run {other}", "name a new folder with --out")


def _claim(out: Path, asked: Mapping[str, str]) -> list[str]:
    """Write the claims that do not stand there yet, and return their names."""
    missing = [name for name in asked if not (out / name).exists()]
    for name in missing:
        write_text(asked[name] + "\n", out / name)
    return missing


def _keep(recipe: Recipe, path: Path) -> None:
    """Write the recipe beside what is made by it, unless it lies there already."""
    if recipe.path.resolve() != path.resolve():
        write_text(
            f"# {recipe.path.name} as this run took it; defaults are left out.\n\n{to_toml(recipe, {}, path.parent)}",
            path,
        )


def _workspace(recipe: Recipe, fits: Sequence[Recipe], data: Path, out: Path, tell: Tell) -> Workspace:
    """Return a workspace with decisions applied and clusters found; in one that is given that is done, and holds."""
    given, own = Workspace(data), Workspace(out / "data")
    if given.table("manifest").exists():
        _check_all(fits, given.clean())
        return given
    reviews = [review for path in recipe.reviews_paths for review in read_reviews(path)]
    if (out / RECIPE).exists() and own.table("clean").exists():
        _check_same(own, data, tell)
    ingest(own, [data], tell=tell)
    _check_all(fits, manifests.apply(own.manifest(), [], reviews))
    duplicates(own, tell=tell)
    apply(own, reviews)
    return own


def _check_all(fits: Sequence[Recipe], manifest: Manifest) -> None:
    for recipe in fits:
        check_photographs(recipe, manifest)


def _check_same(own: Workspace, data: Path, tell: Tell) -> None:
    """Refuse other photographs or labels than the run has, before anything of it is replaced."""
    with TemporaryDirectory() as scratch:
        known = Path(scratch) / "files.parquet"
        if own.table("files").exists():
            shutil.copyfile(own.table("files"), known)
        now = collect([data], cache=known, tell=tell)
    if _known(now) != _known(own.manifest()):
        why = f"it holds a run of other photographs or labels than those in {data}"
        raise CheckpointError(str(own.path.parent), why, "name a new folder with --out")


def _known(manifest: Manifest) -> set[tuple[str, str, str | None]]:
    """Return what labels and clusters are made of."""
    return {(r.sha256, r.label, r.patient) for r in (*manifest.records, *manifest.copies)}


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
