"""Where CLIP's projector begins: worked out by hand, and a real probe's logits on the labels' own words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from vlm_data import LABELS, base, recipe

from mpoxlens.vlm.beginning import LOUDNESS, begin_with_probe, speak
from mpoxlens.vlm.model import Projector
from mpoxlens.vlm.teacher import teacher_of


def test_a_name_is_said_as_loudly_as_its_logit() -> None:
    projector = Projector(3, 6)
    with torch.no_grad():
        for parameter in projector.parameters():
            parameter.zero_()
    names = torch.tensor([[0.5, 0, 0, 0, 0, 0], [0, 2.0, 0, 0, 0, 0]])
    speak(projector, torch.tensor([[1.0, 2, 0], [0, 0, -3]]), torch.tensor([0.25, 1.0]), names)
    found = projector(torch.tensor([[1.0, -1, 2], [-10, 30, -4]]))
    torch.testing.assert_close(found[:, 0], 0.5 * torch.tensor([1 - 2 + 0.25, -10 + 60 + 0.25]))
    torch.testing.assert_close(found[:, 1], 2.0 * torch.tensor([-6 + 1.0, 12 + 1.0]))
    assert not found[:, 2:].any()


def test_the_other_units_stay_as_they_were_drawn() -> None:
    projector = Projector(3, 6)
    before = projector(torch.eye(3))
    speak(projector, torch.zeros(2, 3), torch.zeros(2), torch.ones(2, 6))
    kept = projector[2](projector[1](projector[0](torch.eye(3))) * (torch.arange(6) >= 4))
    torch.testing.assert_close(projector(torch.eye(3)), kept)
    assert not torch.equal(before, kept)


def test_a_projector_says_what_the_teacher_believes() -> None:
    model, tokenizer = base()
    rng = np.random.default_rng(0)
    labels = [k % 4 for k in range(40)]
    features = (np.eye(16)[labels] * 2 + rng.normal(size=(40, 16))).astype(np.float32)
    teacher = teacher_of(features, labels, [str(k) for k in range(40)], recipe(inverse_penalty=1.0).folding)
    given = torch.from_numpy(features)
    before = model.photo_projector(given)
    begin_with_probe(model, tokenizer, teacher, LABELS)
    ids = [tokenizer(f" {label}", add_special_tokens=False)["input_ids"] for label in LABELS]
    words = [model.get_input_embeddings().weight[one].mean(0) for one in ids]
    names = torch.stack([word * LOUDNESS / word.norm() for word in words]).double()  # [C, W]
    assert torch.linalg.matrix_rank(names) == 4
    logits = teacher.probe.logits(features) / teacher.calibration.temperature
    wanted = torch.from_numpy(logits - logits.mean(axis=1, keepdims=True)).double() @ names
    drawn = model.photo_projector[2].weight.detach().clone()
    with torch.no_grad():
        model.photo_projector[2].weight[:, 8:] = 0
        said = model.photo_projector(given) - model.photo_projector[2].bias
        model.photo_projector[2].weight.copy_(drawn)
    torch.testing.assert_close(said.double(), wanted, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(model.photo_projector(given), before)


@pytest.mark.parametrize("label", LABELS)
def test_every_label_has_a_word(label: str) -> None:
    _, tokenizer = base()
    assert tokenizer(f" {label}", add_special_tokens=False)["input_ids"]
