"""What a student learns from: a bundle, the networks of a run's folds, or a frozen backbone with a probe.

A teacher that has seen a photograph passes on what it learned of it. So each is refused for a student that is judged
on photographs which it may have learned from, or on copies of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mpoxlens.bundle import Bundle, Spec
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.errors import CheckpointError, DataError
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.preprocess import Preprocess
from mpoxlens.vision.backbones import Classifier, create
from mpoxlens.vision.checkpoint import NETWORK
from mpoxlens.vision.probe import Probe
from mpoxlens.vision.recipe import ModelRecipe

Judgement = tuple[Tensor, Tensor]  # logits [B, C], embedding [B, D]
Judge = Callable[[Tensor], Judgement]  # of views [B, 3, H, W] in 0..1
FROZEN = "frozen:"
LEAK = "a student of it would be judged on photographs that the teacher knows"


@dataclass(frozen=True, eq=False)
class Network:
    """A torch network as a teacher."""

    model: Classifier
    preprocess: Preprocess
    columns: tuple[int, ...]  # of its logits, in the student's order of labels

    @torch.no_grad()
    def __call__(self, views: Tensor) -> Judgement:
        """Judge views [B, 3, H, W] in 0..1, where they are."""
        self.model.to(views.device)
        logits, _, embedding = self.model(fitted(views, self.preprocess))
        return logits[:, list(self.columns)], embedding


class Eye:
    """A frozen backbone that looks at views; it knows nothing of labels, so that one can serve every fold.

    A transformer computes in bfloat16, which is faster. Batch statistics would lose too much, so a network that
    has them stays as it is.
    """

    def __init__(self, model: Classifier, preprocess: Preprocess, *, remembers: bool = False) -> None:
        normalised = any(isinstance(part, nn.BatchNorm2d) for part in model.modules())
        self.dtype = torch.float32 if normalised else torch.bfloat16
        self.model, self.preprocess, self.remembers = model.to(self.dtype), preprocess, remembers
        self.seen: dict[bytes, Tensor] = {}  # embedding [D] of a view by the hash of its pixels

    @torch.no_grad()
    def __call__(self, views: Tensor) -> Tensor:
        """Return embeddings [B, D] of views [B, 3, H, W] in 0..1; what was seen before is not looked at again."""
        if not self.remembers:
            return self._look(views)
        names = [hashlib.blake2b(view.cpu().numpy().tobytes()).digest() for view in views]
        new = [i for i, name in enumerate(names) if name not in self.seen]
        if new:
            self.seen |= zip((names[i] for i in new), self._look(views[new]).cpu(), strict=True)
        return torch.stack([self.seen[name] for name in names]).to(views.device)

    def _look(self, views: Tensor) -> Tensor:
        self.model.to(views.device)
        found: Tensor = self.model(fitted(views, self.preprocess).to(self.dtype))[2].float()
        return found


@dataclass(frozen=True, eq=False)
class Frozen:
    """A frozen backbone as a teacher; what it knows of the photographs is in the probe, which stays in float32.

    Its embedding is standardised as the probe has it: what all photographs share would else be most of the cosine.
    """

    eye: Eye
    probe: Probe

    def __call__(self, views: Tensor) -> Judgement:
        """Judge views [B, 3, H, W] in 0..1, where they are."""
        features = self.eye(views).cpu().numpy()
        standard = (features - self.probe.mean) / self.probe.scale
        return torch.from_numpy(self.probe.logits(features)).to(views.device), torch.from_numpy(standard).to(
            views.device
        )


@dataclass(frozen=True, eq=False)
class Shipped:
    """A bundle as a teacher, in the runtime of the clinic."""

    bundle: Bundle = field(repr=False)
    columns: tuple[int, ...]

    def __call__(self, views: Tensor) -> Judgement:
        """Judge views [B, 3, H, W] in 0..1."""
        out = self.bundle.run(fitted(views, self.bundle.spec.preprocess).cpu().numpy())
        logits = torch.from_numpy(out.logits[:, list(self.columns)]).to(views.device)
        return logits, torch.from_numpy(out.embedding).to(views.device)


def fitted(views: Tensor, spec: Preprocess) -> Tensor:
    """Resize and standardise views [B, 3, H, W] in 0..1 as a teacher wants them: [B, 3, size, size]."""
    if views.shape[-2:] != (spec.size, spec.size):
        views = interpolate(views, (spec.size, spec.size), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(x, device=views.device)[:, None, None] for x in (spec.mean, spec.std))
    return (views.float() - mean) / std


def of_bundle(folder: Path, labels: Sequence[str], held_out: Set[str]) -> Shipped:
    """Return a bundle as a teacher; only for a fit that holds nothing out.

    Args:
        folder: of the bundle.
        labels: the student's, in the order of its logits.
        held_out: clusters that the student is judged on.

    Raises:
        DataError: something is held out: a bundle has learned from every fold, and names no photograph; or its labels
            are others.
    """
    if held_out:
        mend = f'name the folder of its run, whose folds each know what they hold out, or "{FROZEN}" and a backbone'
        raise DataError(f"teacher {folder}", f"a bundle has learned from all folds: {LEAK}", mend)
    bundle = Bundle.load(folder)
    return Shipped(bundle, _columns(bundle.spec.labels, labels, folder))


def of_run(folder: Path, labels: Sequence[str], manifest: Manifest, held_out: Set[str]) -> Network:
    """Return the network of the fold of a run that holds out at least what the student is judged on.

    Args:
        folder: of a finished run of `mpoxlens train`.
        labels: the student's, in the order of its logits.
        manifest: that the student learns from and is judged on.
        held_out: clusters of it that the student is judged on; with none, the network of all folds is returned.

    Raises:
        DataError: every network of the run has learned from a held-out cluster, or from photographs that the manifest
            lacks, so that nobody can tell; or its labels are others.
        CheckpointError: the network that a fit left is missing or damaged.
    """
    part = (
        innocent(Predictions.read(folder / "predictions.parquet"), manifest, held_out, folder) if held_out else "final"
    )
    spec = _spec(folder / "bundle" / "bundle.json")
    model = create(ModelRecipe.recorded(spec.training, spec.preprocess.size), len(spec.labels))
    _load(model, folder / part / NETWORK)
    return Network(model.eval(), spec.preprocess, _columns(spec.labels, labels, folder))


def innocent(run: Predictions, manifest: Manifest, held_out: Set[str], folder: Path) -> str:
    """Return the folder of the first fold whose network has learned from none of the held-out clusters.

    Raises:
        DataError: there is none, or a network has learned from photographs that the manifest lacks.
    """
    cluster = {record.sha256: record.group for record in manifest.records}
    strangers = sum(sha not in cluster for sha in set(run.sha256))
    if strangers:
        why = f"it learned from {strangers} photographs that this data set lacks, so nobody can tell whom they show"
        raise DataError(f"teacher {folder}", why, "train the teacher on this data set as it is now")
    here = np.array([cluster[sha] in held_out for sha in run.sha256])
    for repeat, fold in sorted(set(zip(run.repeat.tolist(), run.fold.tolist(), strict=True))):
        learned = (run.repeat == repeat) & (run.fold != fold)
        if not (here & learned).any():
            return f"repeat{repeat}/fold{fold}" if repeat else f"fold{fold}"
    why = f"each of its folds has learned from some of the {len(held_out)} held-out clusters: {LEAK}"
    raise DataError(f"teacher {folder}", why, "give teacher and student the same train.folds and train.seed")


def _columns(own: Sequence[str], wanted: Sequence[str], folder: Path) -> tuple[int, ...]:
    if set(own) != set(wanted):
        why = f"its labels are {', '.join(own)}, the student's {', '.join(wanted)}"
        raise DataError(f"teacher {folder}", why, "choose a teacher of the same labels")
    return tuple(list(own).index(label) for label in wanted)


def _spec(path: Path) -> Spec:
    try:
        return Spec.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        mend = "let mpoxlens train finish it, and name the folder given to --out"
        raise DataError(
            f"teacher {path.parent.parent}", f"no finished run: {path.name} is missing or damaged", mend
        ) from None


def _load(model: Classifier, path: Path) -> None:
    try:
        model.load_state_dict(load_file(path))
    except (RuntimeError, OSError, SafetensorError):
        mend = "let mpoxlens train go on in that folder, or name another teacher"
        raise CheckpointError(f"teacher {path}", "missing, damaged or of another network", mend) from None
