"""Ask the model of every fold: the one place of the evaluation that runs it. What is done is not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.tables import made_of
from mpoxlens.vlm.about import read_about
from mpoxlens.vlm.adapter import load_adapter, merge
from mpoxlens.vlm.base import build
from mpoxlens.vlm.evaluate.nouns import Answered, Asked, read_answers, write_answers
from mpoxlens.vlm.evaluate.refusal import REFUSAL
from mpoxlens.vlm.features import Picture, Shown, VisualFeatures, visual_features
from mpoxlens.vlm.generate import batch_of, first_logits, generate
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import IGNORED, Turn, answer_ids, conversation, prompt_ids, training_ids
from mpoxlens.vlm.recipe import VlmRecipe
from mpoxlens.vlm.train import ADAPTER
from mpoxlens.vlm.words import history_text

FOLDER = "evaluation"  # in the run's
BATCH = 8
WORDS = 48  # tokens of a description; the longest of the templates has 30


@dataclass(frozen=True, eq=False)
class Judge:
    """The model of one fold."""

    model: MpoxVlm
    tokenizer: Any
    features: VisualFeatures

    def logits(self, asked: Sequence[Asked]) -> np.ndarray:
        """Return the logits [N, 3] of "Yes", "No" and "Cannot" as the first token of each answer."""
        openings = [*answer_ids(self.tokenizer), opening_id(self.tokenizer, self.model, REFUSAL)]
        found = np.zeros((len(asked), len(openings)))
        for rows, inputs in self._batches(asked):
            found[rows] = first_logits(self.model, inputs)[:, openings].float().cpu().numpy()
        return found

    def words(self, asked: Sequence[Asked]) -> list[str]:
        """Return the answer [N] to each question, the likeliest word after the other."""
        found = [""] * len(asked)
        for rows, inputs in self._batches(asked):
            for i, text in zip(rows, generate(self.model, self.tokenizer, inputs, most=WORDS), strict=True):
                found[i] = text
        return found

    def _batches(self, asked: Sequence[Asked]) -> Iterator[tuple[list[int], dict[str, torch.Tensor]]]:
        """Yield prompts of like length together, each batch with its rows."""
        turns = [conversation(one.question, history_text(one.history)) for one in asked]
        ids = [prompt_ids(one, self.tokenizer, self.model.config) for one in turns]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            inputs = batch_of([ids[i] for i in rows], self.tokenizer.pad_token_id)
            inputs |= self.features.batch([Shown(_picture(asked[i]).key) for i in rows])
            yield rows, {name: value.to(self.model.device) for name, value in inputs.items()}


def opening_id(tokenizer: Any, model: MpoxVlm, word: str) -> int:
    """Return the id of the first token of an answer that begins with a word."""
    _, labels = training_ids([Turn("user", "?"), Turn("assistant", word)], tokenizer, model.config)
    return next(label for label in labels if label != IGNORED)


def answered(
    recipe: VlmRecipe, manifest: Manifest, asked: Sequence[Asked], run: Path, tell: Tell = silent
) -> list[Answered]:
    """Return what the model of each fold says, fold after fold; kept in `run`/evaluation.

    Raises:
        CheckpointError: the adapter of a fold is missing or damaged.
        DataError: a picture cannot be read.
        MpoxlensError: the memory or the disk does not suffice.
    """
    m = recipe.model
    adapters = {fold: run / f"fold{fold}" / ADAPTER for fold in sorted({one.fold for one in asked})}
    names = {fold: _name(read_about(folder)["sha256"], _of_fold(asked, fold)) for fold, folder in adapters.items()}
    tables = {fold: run / FOLDER / f"fold{fold}.parquet" for fold in adapters}
    left = [fold for fold in adapters if made_of(tables[fold]) != names[fold]]
    if left:
        model, _ = build(m.size, skin=m.skin or None, seed=recipe.train.seed)
        pictures = list({one.key: one for one in map(_picture, asked)}.values())
        features = visual_features(
            _placed(model), pictures, manifest.paths, run / FOLDER / "features.parquet", views=1, tell=tell
        )
        features = replace(features, blind=recipe.train.blind)
        for fold in left:
            rows = _asked_of(_judge(recipe, adapters[fold], features), _of_fold(asked, fold), f"fold {fold + 1}", tell)
            write_answers(rows, tables[fold], names[fold])
    return [row for path in tables.values() for row in read_answers(path)]


def _asked_of(judge: Judge, asked: Sequence[Asked], name: str, tell: Tell) -> list[Answered]:
    spoken = [one for one in asked if one.test == "describe"]
    logits = _in_parts(judge, asked, name, tell)
    words = dict(zip(spoken, judge.words(spoken), strict=True))
    return [
        Answered(one, yes, no, cannot, words.get(one, ""))
        for one, (yes, no, cannot) in zip(asked, logits.tolist(), strict=True)
    ]


def _in_parts(judge: Judge, asked: Sequence[Asked], name: str, tell: Tell, size: int = 256) -> np.ndarray:
    """Ask some at a time, so that it is told how far it is."""
    parts = []
    for start in range(0, len(asked), size):
        parts.append(judge.logits(asked[start : start + size]))
        tell(f"{name}: asking", min(start + size, len(asked)), len(asked))
    return np.concatenate(parts)


def _judge(recipe: VlmRecipe, adapter: Path, features: VisualFeatures) -> Judge:
    m = recipe.model
    model, tokenizer = build(m.size, skin=m.skin or None, seed=recipe.train.seed)
    load_adapter(adapter, model)
    return Judge(_placed(merge(model)), tokenizer, features)


def _placed(model: MpoxVlm) -> MpoxVlm:
    """Move a model to the accelerator if there is one."""
    network: nn.Module = model
    network.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    return model


def _picture(one: Asked) -> Picture:
    return Picture(one.sha256, one.altered)


def _of_fold(asked: Sequence[Asked], fold: int) -> list[Asked]:
    return [one for one in asked if one.fold == fold]


def _name(adapter: str, asked: Sequence[Asked]) -> str:
    told = json.dumps([adapter, [asdict(one) for one in asked]])
    return hashlib.sha256(told.encode()).hexdigest()
