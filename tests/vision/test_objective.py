"""The loss, worked out by hand: labels, a teacher, photographs without a label, and parts that add up."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from mpoxlens.vision.objective import Shape, objective, shares_of
from mpoxlens.vision.recipe import DistilRecipe

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
EMBEDDING = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
OFF = DistilRecipe()


def test_the_shares_of_labels_are_smoothed_and_no_label_is_no_share() -> None:
    shares = shares_of(torch.tensor([1, -1]), 4, 0.2)
    torch.testing.assert_close(shares, torch.tensor([[0.05, 0.85, 0.05, 0.05], [0.0, 0.0, 0.0, 0.0]]))


def test_without_a_teacher_it_is_the_smoothed_cross_entropy() -> None:
    targets = torch.tensor([0, 1, 1])
    found = objective((LOGITS, EMBEDDING), shares_of(targets, 2, 0.1), None, OFF, Shape(3, 3))
    torch.testing.assert_close(found, cross_entropy(LOGITS, targets, label_smoothing=0.1))


def test_a_photograph_without_a_label_does_not_dilute_the_others() -> None:
    found = objective((LOGITS, EMBEDDING), shares_of(torch.tensor([0, 1, -1]), 2, 0.0), None, OFF, Shape(3, 2))
    by_hand = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    assert float(found) == pytest.approx(by_hand)


def test_labels_divergence_and_embedding_have_their_weights() -> None:
    settings = DistilRecipe(teachers=("t",), weight=0.25, temperature=2.0, feature_weight=3.0)
    logits, embedding = torch.tensor([[0.0, 2 * math.log(3)]]), torch.tensor([[1.0, 0.0]])
    taught = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    found = objective((logits, embedding), shares_of(torch.tensor([0]), 2, 0.0), taught, settings, Shape(1, 1))
    labels = math.log(1 + 9)  # probability 1/10 of the label
    divergence = 4 * (0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75))  # softened: 1/4 and 3/4, taught 1/2
    assert float(found) == pytest.approx(0.75 * labels + 0.25 * divergence + 3 * (1 - math.sqrt(0.5)), rel=1e-5)


def test_the_parts_of_two_processes_add_up_to_the_whole() -> None:
    settings = DistilRecipe(teachers=("t",), weight=0.5, feature_weight=1.0)
    shares, taught = shares_of(torch.tensor([0, -1, 1]), 2, 0.1), (LOGITS.flip(0), EMBEDDING.flip(1))
    shape = Shape(3, 2)
    whole = objective((LOGITS, EMBEDDING), shares, taught, settings, shape)
    parts = [
        objective((LOGITS[k::2], EMBEDDING[k::2]), shares[k::2], (taught[0][k::2], taught[1][k::2]), settings, shape)
        for k in (0, 1)
    ]
    torch.testing.assert_close(parts[0] + parts[1], whole)
