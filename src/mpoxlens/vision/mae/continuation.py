"""From photographs to an encoder: read -> leave out what is to be tested -> fit -> encoder.safetensors."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, progress
from mpoxlens.errors import RecipeError, TrainingError, WeightsError
from mpoxlens.schema import Pixels
from mpoxlens.vision.backbones import Classifier, create, preprocess_of
from mpoxlens.vision.mae.fit import fit
from mpoxlens.vision.mae.leak import MARK, check_whole_clusters, without
from mpoxlens.vision.mae.model import MaskedAutoencoder
from mpoxlens.vision.mae.picture import draw_phantoms
from mpoxlens.vision.mae.unlabelled import photographs
from mpoxlens.vision.processes import is_main, main_first, state
from mpoxlens.vision.recipe import Recipe, load

ENCODER = "encoder.safetensors"


def run(recipe_path: Path, data: Sequence[Path], out: Path, apart: Path | None = None) -> Path:
    """Continue the base weights of a recipe on all photographs of some folders; labels are not read.

    Args:
        recipe_path: a TOML recipe with the sections [model] and [mae].
        data: folders of photographs, or workspaces of `mpoxlens data` after `apply`.
        out: the run's folder; a run that was stopped there goes on.
        apart: folder or workspace of the photographs that the network will be tested on. What is among them, or shows
            the same photograph as one of them, is left out.

    Returns:
        The file of the encoder, `out`/encoder.safetensors; beside it encoder.json and reconstruction.png.

    Raises:
        MpoxlensError: whatever of recipe, data, weights or disk cannot be used, in one line.
    """
    recipe = load(recipe_path)
    check_continuable(recipe)
    try:
        with progress() as tell:
            found = photographs(data)
            tested = photographs([apart]) if apart else {}
            out.mkdir(parents=True, exist_ok=True)
            with main_first():
                kept = without(found, tested, out / "prints", tell)
            return _continued(recipe, kept, sorted(tested), out, tell)
    except OSError as error:
        mend = "free some space or correct the path, then give the same command again: it goes on where it stopped"
        raise TrainingError(str(error.filename or out), f"cannot be written ({error.strerror})", mend) from None


def continue_on(
    recipe: Recipe, manifest: Manifest, pixels: Sequence[Pixels], rows: Sequence[int], folder: Path, tell: Tell
) -> Path:
    """Continue on some rows of a manifest, the training side of a fold, and return the encoder's file.

    Args:
        recipe: with the sections [model] and [mae].
        manifest: with clusters.
        pixels: of every record [H, W, 3].
        rows: which records are learned from.
        folder: of this continuation.
        tell: called with the stage, steps done and in all.

    Raises:
        DataError: a cluster lies half inside: the test side would be seen through its copies.
    """
    check_whole_clusters(manifest, rows)
    check_continuable(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    kept = {manifest.records[i].sha256: pixels[i] for i in rows}
    apart = sorted({r.sha256 for r in manifest.records} - set(kept))
    return _continued(recipe, kept, apart, folder, tell)


def _continued(recipe: Recipe, kept: dict[str, Pixels], apart: Sequence[str], folder: Path, tell: Tell) -> Path:
    torch.manual_seed(recipe.train.seed)
    start = create(recipe.model, 2)  # the head is not used
    spec = preprocess_of(start, recipe.model.size)
    known = _identity(recipe, sorted(kept))
    model, loss = fit(
        recipe, start, spec, [kept[sha] for sha in sorted(kept)], known, folder,
        lambda done, of, now: tell(f"masked autoencoder, loss {now:.3f}", done, of),
    )  # fmt: skip
    path = folder / ENCODER
    if is_main():
        digest = save_encoder(recipe, start, path)
        _write_json(_provenance(recipe, kept, apart, loss) | {"encoder_sha256": digest}, path.with_suffix(".json"))
        draw_phantoms(model, spec, folder / "reconstruction.png")
    state().wait_for_everyone()
    return path


def check_continuable(recipe: Recipe) -> None:
    """Make, write and read the encoder before it has learned, so that no work is lost to a network that cannot be used.

    Raises:
        RecipeError: no vision transformer, or a size or decoder that does not fit it.
        WeightsError: the base weights are not to be had, or a recipe could not use the encoder afterwards.
    """
    start = create(recipe.model, 2)
    MaskedAutoencoder(start.backbone, recipe.mae, preprocess_of(start, recipe.model.size).size)
    with TemporaryDirectory() as scratch:
        try:
            save_encoder(recipe, start, Path(scratch) / ENCODER)
        except WeightsError as error:
            why = f"no recipe could use what it learns ({error.why})"
            what = f"{recipe.path}: model.backbone = {recipe.model.backbone!r}"
            raise RecipeError(what, why, "choose another, such as dinov2-s") from None


def save_encoder(recipe: Recipe, model: Classifier, path: Path) -> str:
    """Write the backbone's tensors, read them as a recipe would, and return the file's sha256.

    Raises:
        WeightsError: what is read back differs, or a tensor is missing or left over.
        TrainingError: the disk is full.
    """
    net = getattr(model.backbone, "net", model.backbone)  # of transformers behind timm's face
    part = path.with_name(f"part-{path.name}")  # the ending tells how it is read
    written = model.backbone.state_dict()
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in net.state_dict().items()}
    try:
        save_file(tensors, part, {MARK: "see the .json beside it"})
        read = create(replace(recipe.model, weights=str(part)), 2).backbone.state_dict()
        if set(read) != set(written) or not all(torch.equal(read[name], written[name].cpu()) for name in written):
            raise WeightsError(str(path), "what is read back is not what was written", "use another model.backbone")
        part.replace(path)
    except SafetensorError as error:  # what its library makes of a full disk
        mend = "free some space, then give the same command again: it goes on where it stopped"
        raise TrainingError(str(part), f"cannot be written ({str(error).splitlines()[0]})", mend) from None
    finally:
        part.unlink(missing_ok=True)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _identity(recipe: Recipe, hashes: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([recipe.sha256, list(hashes)]).encode()).hexdigest()


def _provenance(recipe: Recipe, kept: dict[str, Pixels], apart: Sequence[str], loss: float) -> dict[str, Any]:
    names = ("mpoxlens", "torch", "timm")
    return {
        "method": "masked autoencoder, He et al. 2022, arXiv 2111.06377",
        "recipe": recipe.path.name,
        "recipe_sha256": recipe.sha256,
        "model": asdict(recipe.model),
        "mae": asdict(recipe.mae),
        "seed": recipe.train.seed,
        "loss": round(loss, 4),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
        "saw": sorted(kept),  # sha256 of the photographs
        "apart": list(apart),  # sha256 of those that it was kept apart from
    }


def _write_json(content: dict[str, Any], path: Path) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
