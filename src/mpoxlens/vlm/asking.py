"""Ask MpoxVLM about a photograph: the number from one fixed question, the words made to fit the number.

Whatever is asked, P(mpox) is that of the first token of the answer to `DIAGNOSIS`, of the photograph and of the answers
to the clinic's questions. What somebody writes freely never comes near it, so no wording can move it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import transformers
from torch import Tensor

import mpoxlens
from mpoxlens.photo import decode_photo, read_photo
from mpoxlens.rules import logit, sigmoid
from mpoxlens.schema import ClinicalInfo, Floats, Interval, Photo
from mpoxlens.screening import gate
from mpoxlens.screening.decide import Numbers, decide
from mpoxlens.screening.history import Table, check_info, load_table, weigh
from mpoxlens.vlm.adapter import load_adapter, merge, read_about
from mpoxlens.vlm.answer import answer_logits
from mpoxlens.vlm.base import build
from mpoxlens.vlm.features import preprocess_of
from mpoxlens.vlm.fetch import fetch_base, shipped_adapter
from mpoxlens.vlm.generate import MOST, batch_of, enough_memory, first_logits, stream
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import Turn, answer_ids, conversation, prompt_ids
from mpoxlens.vlm.rules_file import POSITIVE, Rules, read_rules
from mpoxlens.vlm.talk import DIAGNOSIS, Answer, Exchange, Found, Talk, check_question
from mpoxlens.vlm.words import history_text

UNKNOWN = ClinicalInfo()
HARDLY = 1.02  # a change of the odds below this is rounding, and nothing is said of it
Source: TypeAlias = "str | Path | bytes | Photo"


class Assistant:
    """MpoxVLM with its adapter and its rules.

    Args:
        model: with the adapter, in evaluation mode as `build` and `load_adapter` leave it.
        tokenizer: of its language model, with place holders.
        rules: of the adapter.
        about: what is said of the model under `provenance`.
        table: likelihood ratios of the clinic, for what is said of the history; the shipped ones when None.
        most: tokens that the language model writes in answer to one question.
    """

    def __init__(
        self,
        model: MpoxVlm,
        tokenizer: Any,
        rules: Rules,
        about: Mapping[str, str],
        table: Table | None = None,
        most: int = MOST,
    ) -> None:
        self.model, self.tokenizer, self.rules, self.most = model, tokenizer, rules, most
        self.table = table or load_table()
        versions = {"mpoxlens": mpoxlens.__version__, "torch": torch.__version__}
        self.about = {**about, **versions, "transformers": transformers.__version__, "measured_on": rules.measured_on}
        self._answers = answer_ids(tokenizer)
        self._inputs = preprocess_of(model.config)

    @classmethod
    def load(
        cls,
        adapter: Path | None = None,
        *,
        skin: str | None = None,
        offline: bool = False,
        say: Callable[[str], None] = lambda _line: None,
    ) -> Assistant:
        """Load base and adapter.

        Args:
            adapter: the folder of one; the shipped one when None.
            skin: file of another skin expert, where the adapter was trained with one.
            offline: never download base weights.
            say: shows a line on what is downloaded.

        Raises:
            CheckpointError: there is no such adapter, it is damaged or of another base, or it has no rules.
            WeightsError: base weights are not to be had.
        """
        folder = adapter or shipped_adapter()
        about, rules = read_about(folder), read_rules(folder)
        fetch_base(about["size"], say, offline=offline)
        model, tokenizer = build(about["size"], skin=skin)
        load_adapter(folder, model)
        named = {"model": f"mpox_vlm {about['size']}", "adapter_sha256": about["sha256"]}
        base = {f"base_{part}": str(sha256) for part, sha256 in about["base"].items()}
        return cls(merge(model), tokenizer, rules, named | base)

    def about_photo(self, photo: Source, info: ClinicalInfo = UNKNOWN) -> Talk:
        """Look at a photograph and return the talk about it; the decision is made here, before any question.

        Args:
            photo: a path, a file's bytes, or a decoded photograph.
            info: the answers of the person.

        Raises:
            PhotoError: it cannot be read or is refused.
            HistoryError: an answer that no file may hold either.
            MpoxlensError: the memory does not suffice.
        """
        info = check_info(info)
        with enough_memory():
            return self._talk(_read(photo), info)

    def ask(
        self,
        photo: Source,
        info: ClinicalInfo = UNKNOWN,
        question: str = DIAGNOSIS,
        turns: Sequence[Exchange] = (),
    ) -> Answer:
        """Answer one question; raises what `about_photo` does, and MpoxlensError for an impossible question."""
        check_question(question)
        return self.about_photo(photo, info).with_turns(turns).ask(question)

    def stream(
        self,
        photo: Source,
        info: ClinicalInfo = UNKNOWN,
        question: str = DIAGNOSIS,
        turns: Sequence[Exchange] = (),
    ) -> Iterator[str]:
        """Yield the text of `ask` in pieces; they join to that very text."""
        check_question(question)
        yield from self.about_photo(photo, info).with_turns(turns).stream(question)

    def _talk(self, photo: Photo, info: ClinicalInfo) -> Talk:
        checked = gate.check(photo)
        seen = self._see(photo) if checked.usable else {}
        found = Found(
            file=photo.name,
            gate=checked,
            history=weigh(info, self.table),
            told=history_text(info),
            verdict=None,
            photo_probability=None,
            operating_point=self.rules.operating_point,
            provenance={**self.about, "photo_sha256": photo.sha256},
        )
        if checked.usable:
            found = self._judged(found, seen, info.contact_21_days)
        return Talk(found, partial(self._write, seen))

    def _judged(self, found: Found, seen: Mapping[str, Tensor], contact: bool | None) -> Found:
        alone, both = self._logits(found.told, seen)
        photo_probability, probability = self._probability(alone), self._probability(both)
        interval = self.rules.calibration.interval(both, POSITIVE)
        numbers = Numbers(
            gate=found.gate,
            strange=None,
            photo_probability=photo_probability,
            probability=probability,
            # The bootstrap need not straddle the estimate itself; an interval without its estimate puzzles readers.
            interval=Interval(min(interval.low, probability), max(interval.high, probability)),
            likelihood_ratio=_ratio(photo_probability, probability),
            suspected_case=found.history.suspected_case,
            contact=contact,
        )
        verdict = decide(numbers, self.rules.conformal, self.rules.operating_point)
        return replace(found, verdict=verdict, photo_probability=photo_probability)

    def _write(self, seen: Mapping[str, Tensor], turns: Sequence[Turn]) -> Iterator[str]:
        """Yield what the language model writes after these turns, as it comes."""
        batch = self._batch(prompt_ids(turns, self.tokenizer, self.model.config), seen)
        return stream(self.model, self.tokenizer, batch, most=self.most)

    @torch.inference_mode()
    def _see(self, photo: Photo) -> dict[str, Tensor]:
        clip, skin = (torch.from_numpy(spec(photo.pixels))[None].to(self.model.device) for spec in self._inputs)
        return {"photo_features": self.model.encode_photo(clip), "skin_features": self.model.encode_skin(skin)}

    def _logits(self, told: str, seen: Mapping[str, Tensor]) -> tuple[Floats, Floats]:
        """Return the logits [2] of "No" and "Yes" of the photograph alone, and with the history."""
        histories = ["", told] if told else [""]
        prompts = [prompt_ids(conversation(DIAGNOSIS, h), self.tokenizer, self.model.config) for h in histories]
        # One after the other: side by side the shorter one would be padded, and two cores gain nothing by a batch.
        logits = [first_logits(self.model, self._batch(prompt, seen)) for prompt in prompts]
        found = answer_logits(torch.cat(logits), self._answers)
        return found[0], found[-1]

    def _probability(self, logits: Floats) -> float:
        return float(sigmoid(self.rules.calibration.log_odds(logits[None], POSITIVE))[0])

    def _batch(self, prompt: Sequence[int], seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        pad = self.tokenizer.pad_token_id
        text = batch_of([prompt], self.tokenizer.eos_token_id if pad is None else pad)
        return {name: value.to(self.model.device) for name, value in (text | dict(seen)).items()}


def _read(photo: Source) -> Photo:
    if isinstance(photo, Photo):
        return replace(photo, pixels=np.ascontiguousarray(photo.pixels))
    return decode_photo(photo, "photo") if isinstance(photo, bytes) else read_photo(photo)


def _ratio(alone: float, both: float) -> float:
    """Return what the history does to the odds by the model itself, so that what is said of it fits the numbers."""
    ratio = float(np.exp(logit(both) - logit(alone)))
    return 1.0 if 1 / HARDLY < ratio < HARDLY else ratio
