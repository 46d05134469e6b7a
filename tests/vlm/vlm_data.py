"""A drawn data set with questions, what tiny encoders see of it, and a tokenizer that makes short texts of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

import hand_made
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.rules import Calibration, Doubles
from mpoxlens.schema import Floats
from mpoxlens.vision.probe import Probe
from mpoxlens.vlm.base import build
from mpoxlens.vlm.config import tiny
from mpoxlens.vlm.examples import Side, side_of
from mpoxlens.vlm.features import Picture, Shown, VisualFeatures, visual_features
from mpoxlens.vlm.instructions.make import Settings, instructions
from mpoxlens.vlm.instructions.nouns import Instruction
from mpoxlens.vlm.instructions.templates import topics
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import SYSTEM, with_place_holders
from mpoxlens.vlm.recipe import ModelRecipe, TrainRecipe, VlmRecipe
from mpoxlens.vlm.teacher import Teacher

LABELS = ("mpox", "chickenpox", "measles", "healthy")
VOCABULARY = 500
TURNS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Drawn:
    """A data set: four photographs a label, each of a person of its own."""

    manifest: Manifest
    stored: tuple[Instruction, ...]
    features: VisualFeatures

    def side(self, *left_out: str) -> Side:
        """Return the training side without some clusters; the teacher knows the label of every other photograph."""
        records = [r for r in self.manifest.records if r.group not in left_out]
        known = self.features.pooled([Shown(Picture(r.sha256).key, view) for view in (0, 1) for r in records])
        word = np.array([[0.7 if r.label == label else 0.1 for label in LABELS] for r in (*records, *records)])
        return side_of(records, Knowing(*_nothing(known.shape[1]), known, word), self.stored, self.features)


@dataclass(frozen=True, eq=False)
class Knowing(Teacher):
    """Says of a picture what it was told of the nearest of those that it knows."""

    known: Floats
    word: Doubles

    def __call__(self, features: Floats) -> Doubles:
        apart = np.linalg.norm(features[:, None] - self.known[None], axis=2)
        return np.asarray(self.word[apart.argmin(axis=1)])


def _nothing(depth: int) -> tuple[Probe, Calibration, int]:
    zero, one = np.zeros((4, depth), np.float32), np.ones(depth, np.float32)
    return Probe(zero[0], one, zero, zero[:, 0], 1.0), Calibration(1.0, 0.0, ((1.0, 0.0),)), 0


def drawn(root: Path) -> Drawn:
    """Draw the data set, and look at it with the encoders of `base`."""
    records = [
        hand_made.photograph(root, f"{label}/{i}.jpg", 10 * row + i, group=f"{label}-{i}")
        for row, label in enumerate(LABELS)
        for i in range(4)
    ]
    manifest = Manifest(root, tuple(sorted(records, key=lambda record: record.sha256)))
    stored = instructions(manifest, Settings(phantoms=2, per_photo=1)).records
    pictures = [*(Picture(r.sha256) for r in records), *map(Picture.of, stored)]
    features = visual_features(build("tiny")[0], pictures, manifest.paths, root / "seen.parquet", views=2)
    return Drawn(manifest, stored, features)


def base(seed: int = 7) -> tuple[MpoxVlm, Any]:
    """Return a tiny model and a tokenizer whose tokens are whole words of the templates."""
    config = tiny(VOCABULARY)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MpoxVlm(config).eval()
    with torch.no_grad():
        model.language.lm_head.weight.mul_(10)  # as it is drawn, no state could make it sure of anything
    model.config.base_weights = {"random": f"seed {seed}"}
    return model, with_place_holders(_tokenizer(), config)


def recipe(**train: Any) -> VlmRecipe:
    """Return a recipe of a few quick steps."""
    quick = TrainRecipe(
        batch=4,
        views=2,
        window=2,
        read_steps=1,
        align_steps=3,
        tune_steps=3,
        checkpoint_steps=2,
        folds=2,
        mixed=0.0,
        inverse_penalty=0.1,
    )
    return VlmRecipe(Path("tiny.toml"), model=ModelRecipe("tiny", rank=4, alpha=8.0), train=replace(quick, **train))


def _tokenizer() -> Any:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_texts(), trainer)
    ends = dict.fromkeys(("eos_token", "pad_token"), "<|im_end|>")
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=TURNS, **ends)


def _texts() -> Iterator[str]:
    yield from [SYSTEM] * 20
    for topic in topics().values():
        yield from (question.text for question in topic.questions)
        for answers in topic.answers.values():
            yield from answers
