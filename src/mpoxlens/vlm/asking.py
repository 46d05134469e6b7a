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

import mpoxlens
from mpoxlens.errors import CheckpointError
from mpoxlens.photo import decode_photo, read_photo
from mpoxlens.rules import logit, sigmoid
from mpoxlens.schema import ClinicalInfo, Floats, Interval, Photo, Reason
from mpoxlens.screening import gate
from mpoxlens.screening.decide import Numbers, decide
from mpoxlens.screening.history import Table, check_info, load_table, weigh
from mpoxlens.vlm.about import read_about
from mpoxlens.vlm.fast.store import SIZES, fast_files
from mpoxlens.vlm.fetch import fetch_base, shipped_adapter
from mpoxlens.vlm.prompts import Turn, conversation, prompt_ids
from mpoxlens.vlm.reader import MOST, Reader, enough_memory, openings
from mpoxlens.vlm.rules_file import POSITIVE, RULES, Rules, read_rules
from mpoxlens.vlm.talk import DIAGNOSIS, Answer, Exchange, Found, Talk, check_question
from mpoxlens.vlm.words import history_text

UNKNOWN = ClinicalInfo()
HARDLY = 1.02  # a change of the odds below this is rounding, and nothing is said of it
REFUSED = Reason(
    "model_refuses",
    "The model itself says that it cannot tell anything from this picture.",
    "Send a plain, sharp and bright photo of the rash.",
)
Source: TypeAlias = "str | Path | bytes | Photo"


class Assistant:
    """MpoxVLM with its adapter and its rules.

    Args:
        reader: the model with the adapter.
        rules: of the adapter.
        about: what is said of the model under `provenance`.
        table: likelihood ratios of the clinic, for what is said of the history; the shipped ones when None.
        most: tokens that the language model writes in answer to one question.
    """

    def __init__(
        self,
        reader: Reader,
        rules: Rules,
        about: Mapping[str, str],
        table: Table | None = None,
        most: int = MOST,
    ) -> None:
        self.reader, self.rules, self.most = reader, rules, most
        self.table = table or load_table()
        self.about = {
            **about,
            "mpoxlens": mpoxlens.__version__,
            **reader.versions,
            "measured_on": rules.measured_on,
        }
        self._openings = openings(reader.tokenizer, reader.config)

    @classmethod
    def load(
        cls,
        adapter: Path | None = None,
        *,
        skin: str | None = None,
        offline: bool = False,
        say: Callable[[str], None] = lambda _line: None,
    ) -> Assistant:
        """Load an adapter: by its fast files, made at its first use, or by torch where its size has none.

        Args:
            adapter: the folder of one; the shipped one when None.
            skin: file of another skin expert, where the adapter was trained with one.
            offline: never download base weights.
            say: shows a line on what is downloaded or made.

        Raises:
            CheckpointError: there is no such adapter, it is damaged or of another base, or it has no rules.
            WeightsError: base weights are not to be had, or a fast file is damaged.
            MpoxlensError: the fast files cannot be written.
        """
        folder = adapter or shipped_adapter()
        about, rules = read_about(folder), read_rules(folder)
        if about["size"] in SIZES:
            reader = _fast(fast_files(folder, about, skin, say, offline=offline))
        else:
            fetch_base(about["size"], say, skin=skin, offline=offline)
            reader = _by_torch(folder, about["size"], skin)
        named = {"model": f"mpox_vlm {about['size']}", "adapter_sha256": about["sha256"]}
        base = {f"base_{part}": str(sha256) for part, sha256 in about["base"].items()}
        return cls(reader, rules, named | base)

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

    def said(self, photo: Photo) -> tuple[Floats, Floats]:
        """Return how it answers `DIAGNOSIS` of a photograph alone, whatever the gate says of it.

        Returns:
            The logits [3] of "No", "Yes" and a refusal as the first token, and CLIP's embedding [D].

        Raises:
            MpoxlensError: the memory does not suffice.
        """
        with enough_memory():
            seen = self.reader.see(photo)
            return self._logits("", seen), seen.embedding

    def _talk(self, photo: Photo, info: ClinicalInfo) -> Talk:
        checked = gate.check(photo)
        seen = self.reader.see(photo) if checked.usable else None
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

    def _judged(self, found: Found, seen: Any, contact: bool | None) -> Found:
        alone = self._logits("", seen)
        both = self._logits(found.told, seen) if found.told else alone
        photo_probability, probability = self._probability(alone), self._probability(both)
        interval = self.rules.calibration.interval(both[:2], POSITIVE)
        numbers = Numbers(
            gate=found.gate,
            strange=self._strange(seen.embedding) or (REFUSED if refuses(alone) or refuses(both) else None),
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

    def strangeness(self, embedding: Floats) -> float:
        """Return how strange an embedding [D] of `said` is to what was learned from; 0 where the rules cannot tell.

        Raises:
            CheckpointError: the rules are of another model.
        """
        ood = self.rules.ood
        if ood is None:
            return 0.0
        if ood.mean.shape != embedding.shape:
            why = f"its ood is of {len(ood.mean)} features, the model's photo of {len(embedding)}"
            raise CheckpointError(RULES, why, "calibrate the adapter again")
        return float(ood.score(embedding[None])[0])

    def _strange(self, embedding: Floats) -> Reason | None:
        found = self.strangeness(embedding)
        return gate.strange(found, self.rules.ood.threshold) if self.rules.ood else None

    def _write(self, seen: Any, turns: Sequence[Turn]) -> Iterator[str]:
        """Yield what the language model writes after these turns, as it comes; too long a prompt is refused at once."""
        ids = prompt_ids(turns, self.reader.tokenizer, self.reader.config)
        return _safely(self.reader.write(ids, seen, self.most))

    def _logits(self, told: str, seen: Any) -> Floats:
        """Return the logits [3] of "No", "Yes" and a refusal as the first token of the answer."""
        ids = prompt_ids(conversation(DIAGNOSIS, told), self.reader.tokenizer, self.reader.config)
        return self.reader.first_logits(ids, seen)[list(self._openings)]

    def _probability(self, logits: Floats) -> float:
        return float(sigmoid(self.rules.calibration.log_odds(logits[None, :2], POSITIVE))[0])


def _fast(folder: Path) -> Reader:
    from mpoxlens.vlm.fast.reader import FastReader

    return FastReader(folder)


def _by_torch(folder: Path, size: str, skin: str | None) -> Reader:
    from mpoxlens.vlm.adapter import load_adapter, merge
    from mpoxlens.vlm.base import build
    from mpoxlens.vlm.torch_reader import TorchReader

    model, tokenizer = build(size, skin=skin)
    load_adapter(folder, model)
    return TorchReader(merge(model), tokenizer)


def _safely(pieces: Iterator[str]) -> Iterator[str]:
    with enough_memory():
        yield from pieces


def refuses(logits: Floats) -> bool:
    """Whether an answer begins with the refusal, of `Assistant.said`, as `evaluate.refusal.refused` counts it."""
    return bool(logits[2] > logits[:2].max())


def _read(photo: Source) -> Photo:
    if isinstance(photo, Photo):
        return replace(photo, pixels=np.ascontiguousarray(photo.pixels))
    return decode_photo(photo, "photo") if isinstance(photo, bytes) else read_photo(photo)


def _ratio(alone: float, both: float) -> float:
    """Return what the history does to the odds by the model itself, so that what is said of it fits the numbers."""
    ratio = float(np.exp(logit(both) - logit(alone)))
    return 1.0 if 1 / HARDLY < ratio < HARDLY else ratio
