"""The masked autoencoder: what passes, what is drawn, what the loss counts."""

import pytest
import timm
import torch
from torch import nn

from mpoxlens.errors import RecipeError
from mpoxlens.vision.backbones.families import HALF
from mpoxlens.vision.backbones.others import TransformersBackbone
from mpoxlens.vision.mae.model import MaskedAutoencoder, Transformer, cut, join, standardised
from mpoxlens.vision.recipe import MaeRecipe

SIZE = 64


def timm_vit() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_vit", img_size=SIZE, num_classes=0)  # type: ignore[no-any-return]


def dinov2() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2, "image_size": SIZE, "patch_size": 16}
    return TransformersBackbone(transformers.Dinov2Model(transformers.Dinov2Config(**sizes)), SIZE, *HALF)


def clip() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2, "image_size": SIZE, "patch_size": 16}
    config = transformers.CLIPVisionConfig(intermediate_size=64, projection_dim=16, **sizes)
    return TransformersBackbone(transformers.CLIPVisionModelWithProjection(config), SIZE, *HALF)


MAKES = pytest.mark.parametrize("make", [timm_vit, dinov2, clip])


def orders(batch: int, patches: int) -> torch.Tensor:
    return torch.stack([torch.randperm(patches) for _ in range(batch)])


@MAKES
@torch.no_grad()
def test_with_nothing_masked_the_encoder_gives_what_the_whole_network_gives(make) -> None:  # type: ignore[no-untyped-def]
    vit = Transformer(make().eval(), SIZE)
    photos, order = torch.randn(2, 3, SIZE, SIZE), orders(2, 16)
    whole = vit.features(photos)
    seen = vit.visible(photos, order)
    shuffled = whole[:, 1:].gather(1, order[..., None].expand(-1, -1, vit.width))
    torch.testing.assert_close(seen, torch.cat([whole[:, :1], shuffled], dim=1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(vit.features(photos), whole)  # the hook is gone


@MAKES
@torch.no_grad()
def test_what_is_masked_does_not_reach_the_encoder(make) -> None:  # type: ignore[no-untyped-def]
    vit = Transformer(make().eval(), SIZE)
    photos, order = torch.randn(1, 3, SIZE, SIZE), orders(1, 16)
    cells = cut(photos, 16)
    cells[0, order[0, 4:]] = 9.0
    torch.testing.assert_close(
        vit.visible(photos, order[:, :4]), vit.visible(join(cells, 16), order[:, :4]), rtol=0, atol=0
    )
    assert not torch.equal(vit.features(photos), vit.features(join(cells, 16)))


@pytest.mark.parametrize(("mask", "seen"), [(0.75, 4), (0.5, 8), (0.9, 2), (0.99, 1)])
def test_the_share_that_is_seen_is_exact(mask: float, seen: int) -> None:
    vit = timm_vit()
    model = MaskedAutoencoder(vit, MaeRecipe(mask=mask), SIZE).eval()
    passed: list[int] = []
    vit.get_submodule("blocks.0").register_forward_pre_hook(lambda _m, inputs: passed.append(inputs[0].shape[1]))
    model(torch.randn(2, 3, SIZE, SIZE), orders(2, 16))
    assert passed == [1 + seen]  # the class token, and the patches


@torch.no_grad()
def test_the_loss_counts_masked_patches_alone() -> None:
    model = MaskedAutoencoder(timm_vit(), MaeRecipe(normalise_pixels=False), SIZE).eval()
    photos, order = torch.randn(2, 3, SIZE, SIZE), orders(2, 16)
    loss, drawn = model(photos, order)
    wanted = cut(photos, 16)
    by_hand = [((drawn[b, i] - wanted[b, i]) ** 2).mean() for b in range(2) for i in order[b, 4:].tolist()]
    assert len(by_hand) == 24
    torch.testing.assert_close(loss, torch.stack(by_hand).mean())


@torch.no_grad()
def test_a_drawing_does_not_depend_on_the_order_in_which_patches_are_listed() -> None:
    model = MaskedAutoencoder(timm_vit(), MaeRecipe(), SIZE).eval()
    photos, order = torch.randn(1, 3, SIZE, SIZE), orders(1, 16)
    other = torch.cat([order[:, :4].flip(1), order[:, 4:].flip(1)], dim=1)
    torch.testing.assert_close(model(photos, order)[1], model(photos, other)[1], atol=1e-5, rtol=1e-4)


def test_cutting_goes_row_by_row_and_joining_undoes_it() -> None:
    photo = torch.arange(3 * 4 * 4.0).reshape(1, 3, 4, 4)
    cells = cut(photo, 2)
    assert cells[0, 1, ::3].tolist() == [2, 3, 6, 7]  # red of the upper right patch
    torch.testing.assert_close(join(cells, 2), photo, rtol=0, atol=0)


def test_a_standardised_patch_by_hand() -> None:
    values, mean, deviation = standardised(torch.tensor([[[1.0, 2.0, 3.0]]]))
    assert (mean.item(), round(deviation.item(), 5)) == (2.0, 1.0)
    torch.testing.assert_close(values, torch.tensor([[[-1.0, 0.0, 1.0]]]), atol=1e-5, rtol=0)


def test_a_network_of_convolutions_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"model\.backbone .*: no vision transformer of timm, nor Dinov2"):
        MaskedAutoencoder(timm.create_model("test_resnet", num_classes=0), MaeRecipe(), SIZE)


def test_a_size_that_cuts_patches_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"model\.size = 72: the network's patches are 16 px wide; use 64"):
        MaskedAutoencoder(timm_vit(), MaeRecipe(), 72)


def test_a_decoder_whose_heads_do_not_fill_it_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"mae\.decoder_width = 48: heads of 32 do not fill it; use 64"):
        MaskedAutoencoder(timm_vit(), MaeRecipe(decoder_width=48), SIZE)
