"""Depthwise convolutions in 32 bits: the same network, before, within and after."""

import copy

import pytest
import torch

from mpoxlens.vision.backbones import create
from mpoxlens.vision.precision import narrow, widen
from mpoxlens.vision.recipe import ModelRecipe

PHOTOS = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64).sin()


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return create(ModelRecipe("tf_efficientnet_lite0", "none", 0, 64), 2).eval()


def test_only_slow_depthwise_convolutions_are_widened_and_all_of_it_is_undone(network: torch.nn.Module) -> None:
    wide = copy.deepcopy(network)
    widen(wide)
    changed = [
        name for (name, a), b in zip(network.named_modules(), wide.modules(), strict=True) if type(a) is not type(b)
    ]
    kernels = [wide.get_submodule(name) for name in changed]
    assert len(changed) == 11  # nine kernels of 5 x 5, and two of 3 x 3 with stride 2
    assert all(k.groups > 1 and (k.kernel_size == (5, 5) or k.stride == (2, 2)) for k in kernels)
    narrow(wide)
    assert [type(part) for part in wide.modules()] == [type(part) for part in network.modules()]


def test_in_32_bits_nothing_changes_and_a_copy_keeps_its_own_weights(network: torch.nn.Module) -> None:
    wide = copy.deepcopy(network)
    widen(wide)
    twin = copy.deepcopy(wide)
    with torch.no_grad():
        torch.testing.assert_close(wide(PHOTOS)[0], network(PHOTOS)[0], atol=0, rtol=0)
        for weight in wide.parameters():
            weight.zero_()
        torch.testing.assert_close(twin(PHOTOS)[0], network(PHOTOS)[0], atol=0, rtol=0)
    assert twin.state_dict().keys() == network.state_dict().keys()


def test_under_autocast_it_gives_32_bits(network: torch.nn.Module) -> None:
    wide = copy.deepcopy(network)
    widen(wide)
    seen = []
    part = next(m for m in wide.modules() if type(m).__name__.startswith("Wide"))
    part.register_forward_hook(lambda _m, _i, out: seen.append(out.dtype))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        wide(PHOTOS)
    assert seen == [torch.float32]
