"""What is optimised: a run's float network, the rules of its bundle, and photographs that the network learned from."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from mpoxlens.bundle import Bundle, Spec
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import BundleError, DataError
from mpoxlens.evaluation.metrics import Flags
from mpoxlens.photo import decode_photo
from mpoxlens.schema import Floats, ImageRecord, Pixels
from mpoxlens.vision.augment import augment
from mpoxlens.vision.backbones import Classifier, create
from mpoxlens.vision.checkpoint import NETWORK
from mpoxlens.vision.data import inputs, load_pixels
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.run_folder import KEPT_RECIPE

MIN_CALIBRATION, MAX_CALIBRATION = 32, 256  # photographs for the ranges of int8 activations


@dataclass(frozen=True, eq=False)
class Source:
    """A trained network in float32, and everything that is said of it."""

    model: Classifier  # in evaluation mode
    bundle: Bundle
    without: tuple[str, ...]  # labels that are in no AUROC: people without a rash

    @property
    def spec(self) -> Spec:
        """The bundle's specification."""
        return self.bundle.spec

    def golden(self) -> Floats:
        """Return the inputs [N, 3, size, size] that the bundle's golden vectors are of."""
        vectors = json.loads((self.bundle.path / "golden.json").read_bytes())["vectors"]
        drawings = [decode_photo(base64.b64decode(v["png"]), "golden.json").pixels for v in vectors]
        return inputs(drawings, self.spec.preprocess)


@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs with what is known of them, read once."""

    pixels: list[Pixels]
    records: tuple[ImageRecord, ...]

    def positive(self, spec: Spec) -> Flags:
        """Which of them [N] are of the label that is asked for."""
        return np.array([r.label == spec.positive for r in self.records])

    def asked(self, without: tuple[str, ...]) -> Flags:
        """Which of them [N] are of people with a rash."""
        return np.array([r.label not in without for r in self.records])


def open_source(path: Path) -> Source:
    """Return the float network of a run, given the run's folder or that of the bundle in it.

    Raises:
        BundleError: no float network lies there, it is another's, or the bundle is damaged or gives no cam.
        MpoxlensError: the recipe beside it cannot be used.
    """
    run = path if (path / KEPT_RECIPE).is_file() else path.parent
    weights = run / "final" / NETWORK
    if not (run / KEPT_RECIPE).is_file() or not weights.is_file():
        why = f"a bundle holds the int8 graph alone, and beside it lies no final/{NETWORK} of a run"
        raise BundleError(str(path), why, "name the folder that was --out of mpoxlens train")
    recipe = load(run / KEPT_RECIPE)
    return Source(_network(recipe, weights), Bundle.load(run / "bundle", threads=1), recipe.data.without)


def _network(recipe: Recipe, weights: Path) -> Classifier:
    model = create(replace(recipe.model, weights="none"), len(recipe.data.labels)).eval()
    try:
        model.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError, OSError) as error:
        why = f"not the weights of {recipe.model.backbone} ({str(error).splitlines()[0]})"
        raise BundleError(
            str(weights), why, "give the command of mpoxlens train again: it ends with this file"
        ) from None
    return model


def read_photographs(data: Path) -> Photographs:
    """Read a workspace of `mpoxlens data` after `apply`. DataError when it cannot be used."""
    manifest = Workspace(data).clean()
    return Photographs(load_pixels(manifest.root, manifest.records), manifest.records)


def learned_from(spec: Spec, found: Photographs, data: Path) -> Photographs:
    """Return those photographs that the bundle learned from; ranges are taken from no others.

    Raises:
        DataError: there are fewer than `MIN_CALIBRATION`.
    """
    known = set(spec.training.get("photographs", {}).get("sha256", ()))
    rows = [i for i, record in enumerate(found.records) if record.sha256 in known]
    if len(rows) < MIN_CALIBRATION:
        why = f"{len(rows)} of its photographs were learned from, and int8 ranges need {MIN_CALIBRATION} of them"
        raise DataError(str(data), why, "name the workspace that the run was trained on: --data WORK")
    return Photographs([found.pixels[i] for i in rows], tuple(found.records[i] for i in rows))


def calibration_inputs(spec: Spec, learned: Photographs, seed: int = 0) -> Floats:
    """Return the inputs [N, 3, size, size] that int8 ranges are taken from: plain and augmented, in turn."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(learned.pixels), min(MAX_CALIBRATION, len(learned.pixels)), replace=False)
    size, shape = spec.preprocess.size, spec.preprocess
    varied = [shape.normalise(augment(learned.pixels[i], size, rng)) for i in chosen[::2]]
    return np.stack([*varied, *(shape(learned.pixels[i]) for i in chosen[1::2])])
