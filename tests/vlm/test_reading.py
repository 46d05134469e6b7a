"""Histories answer by answer: where each is said, what is known by then, and a fit that begins with what was read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from vlm_data import base, drawn, recipe

from mpoxlens.errors import CheckpointError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.loss import Lesson, batch_of
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.partial import heard, points_of
from mpoxlens.vlm.posterior import posterior
from mpoxlens.vlm.prompts import IGNORED, answer_ids, conversation, prompt_ids
from mpoxlens.vlm.reading import Readings
from mpoxlens.vlm.train import ADAPTER, fit, read_histories
from mpoxlens.vlm.vignettes import from_seed
from mpoxlens.vlm.words import WORDINGS, answers, history_text

FREQUENCIES = load_frequencies()
PRIOR = {"mpox": 0.5, "chickenpox": 0.25, "measles": 0.25}


@torch.no_grad()
def loss_of(model: MpoxVlm, tokenizer: Any, batch: dict[str, torch.Tensor]) -> float:
    return float(Lesson(model, answer_ids(tokenizer), 1.0)(**batch))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(0, len(WORDINGS) - 1))
def test_what_was_said_so_far_is_the_beginning_of_the_whole(seed: int, wording: int) -> None:
    info = from_seed("mpox", seed, FREQUENCIES).info
    whole, said = history_text(info, wording), heard(info, wording, PRIOR, FREQUENCIES, "2022")
    assert len(said) == 1 + len(list(answers(info)))
    assert [said[0].end, said[-1].end] == [0, len(whole)]
    assert said[0].chance == pytest.approx(0.5)
    assert said[-1].chance == pytest.approx(posterior(info, PRIOR, FREQUENCIES)["mpox"])
    known: dict[str, object] = {}
    for (field, value), one in zip(answers(info), said[1:], strict=True):
        known[field] = value
        assert whole.startswith(history_text(ClinicalInfo(**known), wording))
        assert one.end == len(history_text(ClinicalInfo(**known), wording))


@pytest.mark.parametrize("wording", range(len(WORDINGS)))
@pytest.mark.parametrize("shown", [True, False])
def test_each_point_stands_at_the_end_of_an_answer(wording: int, shown: bool) -> None:
    """Decoded up to a point, the prompt ends with just what has been said."""
    model, tokenizer = base()
    info = ClinicalInfo(age=30, fever=True, fever_celsius=39.5, itch=False)
    text, said = history_text(info, wording), heard(info, wording, PRIOR, FREQUENCIES, "2022")
    turns = conversation("Could this be mpox?", text, shown=shown)
    ids = prompt_ids(turns, tokenizer, model.config)
    *within, last = points_of(turns, text, said, 2.0, tokenizer, model.config)
    assert [point.chance for point in within] == [one.chance for one in said]
    assert [point.share for point in within] == [2.0 / 5] * 5
    for point, one in zip(within, said, strict=True):
        begun = tokenizer.decode(ids[: point.place + 1])
        assert begun.endswith(text[: one.end] if one.end else "<skin>\n" if shown else "user\n")
    assert (last.place, last.chance, last.share) == (len(ids) - 1, said[-1].chance, 1.0)
    assert points_of(turns, text, said, 0.0, tokenizer, model.config) == (last,)


def test_readings_are_of_rashes_and_show_no_picture() -> None:
    model, tokenizer = base()
    made = Readings(recipe(), tokenizer, model.config, FREQUENCIES)
    assert made.prior == {"mpox": 0.5, "chickenpox": 0.25, "measles": 0.25}
    again = Readings(recipe(), tokenizer, model.config, FREQUENCIES)
    drawn_ = [one for step in range(20) for one in made.batch(step)]
    assert again.batch(19) == made.batch(19)
    for one in drawn_:
        assert not {model.config.photo_token_id, model.config.skin_token_id} & set(one.ids)
        assert set(one.labels) == {IGNORED}
        assert one.points[-1].place == len(one.ids) - 1
    last = torch.tensor([one.points[-1].chance for one in drawn_])
    assert 0.4 < float(last.mean()) < 0.6  # calibrated: half of them are of mpox
    assert last.min() < 0.1 < 0.9 < last.max()


@pytest.mark.slow
def test_what_was_read_is_kept_and_begun_with(tmp_path: Path) -> None:
    """A word that decides is learned; the fit that follows begins with that LoRA, and refuses one of another rank."""
    settings_ = recipe(read_steps=60, lr_read=3e-3, batch=8)
    model, tokenizer = base()
    made = Readings(settings_, tokenizer, model.config, FREQUENCIES)
    batch = batch_of([one for step in range(500, 506) for one in made.batch(step)], None, tokenizer.pad_token_id, "cpu")
    before = loss_of(model, tokenizer, batch)
    folder = read_histories(settings_, tmp_path / "reading", base=(model, tokenizer))
    assert loss_of(model, tokenizer, batch) < 0.95 * before
    kept = load_file(folder / "adapter.safetensors")
    assert folder == tmp_path / "reading" / ADAPTER

    data = drawn(tmp_path)
    rates = {"lr_lora": 1e-12, "lr_projector": 1e-12}
    fit(recipe(align_steps=1, tune_steps=1, **rates), data.side(), tmp_path / "fit", base=base(), reading=folder)
    fitted = load_file(tmp_path / "fit" / ADAPTER / "adapter.safetensors")
    lora = [name for name in kept if ".lora_" in name]
    assert lora
    for name in lora:
        torch.testing.assert_close(fitted[name], kept[name])

    other = replace(recipe(), model=replace(recipe().model, rank=2))
    with pytest.raises(CheckpointError, match="its LoRA is of another base or rank"):
        fit(other, data.side(), tmp_path / "other", base=base(), reading=folder)
