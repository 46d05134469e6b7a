"""What learns when."""

import pytest

from mpoxlens.vision.backbones import create, freeze, stages
from mpoxlens.vision.recipe import ModelRecipe, TrainRecipe
from mpoxlens.vision.schedule import rate, thaw, thawed


@pytest.mark.parametrize(
    ("head_epochs", "unfreeze", "expected"),
    [(1, 0, [0, 4, 4, 4, 4, 4, 4]), (0, 1, [1, 2, 3, 4, 4, 4, 4]), (2, 2, [0, 0, 1, 1, 2, 2, 3])],
)
def test_the_head_learns_first_then_part_after_part(head_epochs: int, unfreeze: int, expected: list[int]) -> None:
    settings = TrainRecipe(head_epochs=head_epochs, unfreeze=unfreeze)
    assert [thawed(settings, epoch, 4) for epoch in range(7)] == expected


def test_parts_thaw_from_the_output_on_and_frozen_ones_never() -> None:
    model = create(ModelRecipe("test_efficientnet", "none", frozen_blocks=0), 2)
    parts = stages(model)
    settings = TrainRecipe(head_epochs=1, unfreeze=1)
    for epoch in range(9):
        thaw(model, settings, epoch)
        freeze(model, 1)
        learning = [any(p.requires_grad for p in part.parameters()) for part in parts]
        frozen = 2
        assert learning == [i >= max(frozen, len(parts) - epoch) for i in range(len(parts))]
        assert all(p.requires_grad for p in model.head.parameters())


def test_the_rate_warms_up_and_falls_to_a_hundredth() -> None:
    rates = [rate(step, 100) for step in range(100)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5] == 1
    assert rates == [*rates[:5], *sorted(rates[5:], reverse=True)]
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_a_fit_of_one_step_has_a_rate_before_and_after_it() -> None:
    assert rate(0, 1) == 1
    assert rate(1, 1) == pytest.approx(1)  # asked for by the scheduler once the step is done
