"""Answers word by word: the cache changes nothing, and no reader is left waiting."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_vlm import asked, made

from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.vlm.generate import batch_of, enough_memory, first_logits, generate, stream, training_batch
from mpoxlens.vlm.prompts import answer_ids

Pair = tuple[Any, Any]


@pytest.fixture(scope="module")
def pair() -> Pair:
    model, tokenizer = made()
    with torch.no_grad():  # so that it writes more than one token again and again
        for parameter in model.language.model.layers.parameters():
            parameter.mul_(20)
    return model, tokenizer


def test_the_cache_changes_nothing(pair: Pair) -> None:
    model, tokenizer = pair
    inputs = asked(model, tokenizer, "Is it?", "Could this be mpox, or is it not?")
    ids = {
        cache: model.generate(**inputs, use_cache=cache, max_new_tokens=12, do_sample=False, eos_token_id=None)
        for cache in (True, False)
    }
    assert torch.equal(ids[True], ids[False])
    assert len(set(ids[True][0, -12:].tolist())) > 3


def test_an_answer_hangs_on_the_photograph() -> None:
    model, tokenizer = made()
    logits = [first_logits(model, asked(model, tokenizer, "Is it?", seed=seed)) for seed in (0, 1)]
    yes, no = answer_ids(tokenizer)
    odds = [float(one[0, yes] - one[0, no]) for one in logits]
    assert abs(odds[0] - odds[1]) > 1e-4
    assert logits[0].shape == (1, 300)


def test_the_stream_is_the_answer_in_pieces(pair: Pair) -> None:
    model, tokenizer = pair
    inputs = asked(model, tokenizer, "Is it?")
    whole = generate(model, tokenizer, inputs, most=12)
    pieces = list(stream(model, tokenizer, inputs, most=12))
    assert "".join(pieces).strip() == whole[0]
    assert len(pieces) > 1


def test_a_batch_answers_as_each_alone(pair: Pair) -> None:
    model, tokenizer = pair
    questions = ("Is it?", "Could this be mpox, or is it not?")
    both = asked(model, tokenizer, *questions)
    alone = []
    for row in range(2):
        keep = both["attention_mask"][row].bool()
        text = {k: both[k][row : row + 1, keep] for k in ("input_ids", "attention_mask", "position_ids")}
        alone += generate(model, tokenizer, text | {k: both[k][row : row + 1] for k in both if "pixels" in k}, most=8)
    assert generate(model, tokenizer, both, most=8) == alone


def test_who_leaves_stops_the_model(pair: Pair) -> None:
    model, tokenizer = pair
    steps = []
    hook = model.language.register_forward_hook(lambda *_: steps.append(1))
    pieces: Any = stream(model, tokenizer, asked(model, tokenizer, "Is it?"), most=400)
    next(pieces)
    pieces.close()
    hook.remove()
    assert len(steps) < 400


def test_an_error_while_writing_reaches_the_reader(pair: Pair) -> None:
    model, tokenizer = pair
    inputs = asked(model, tokenizer, "Is it?")
    del inputs["skin_pixels"]
    with pytest.raises(DataError, match="the skin part: the text has 4 place holders for 0 visual tokens"):
        list(stream(model, tokenizer, inputs))


def test_too_little_memory_is_told_in_one_line(pair: Pair) -> None:
    model, tokenizer = pair

    def gpu(*_: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate")

    def processor(*_: object) -> None:
        torch.empty(1 << 50)  # 4 PiB

    for full in (gpu, processor):
        hook = model.language.register_forward_pre_hook(full)
        try:
            for ask in (generate, stream):
                with pytest.raises(MpoxlensError, match="memory: it does not suffice for this model"):
                    list(ask(model, tokenizer, asked(model, tokenizer, "Is it?")))
        finally:
            hook.remove()


def test_another_error_is_not_taken_for_too_little_memory() -> None:
    with pytest.raises(RuntimeError, match="shape"), enough_memory():
        torch.empty(3).view(2, 2)


def test_batches_by_hand() -> None:
    left = batch_of([[5], [6, 7, 8]], pad=0)
    assert left["input_ids"].tolist() == [[0, 0, 5], [6, 7, 8]]
    assert left["attention_mask"].tolist() == [[0, 0, 1], [1, 1, 1]]
    assert left["position_ids"].tolist() == [[0, 0, 0], [0, 1, 2]]
    right = training_batch([([5], [5]), ([6, 7], [-100, 7])], pad=0)
    assert right["input_ids"].tolist() == [[5, 0], [6, 7]]
    assert right["attention_mask"].tolist() == [[1, 0], [1, 1]]
    assert right["labels"].tolist() == [[5, -100], [-100, 7]]
