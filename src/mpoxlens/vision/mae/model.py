"""The masked autoencoder: an encoder that sees a quarter of the patches, a light decoder that draws the others.

He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners", arXiv 2111.06377, figure 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from timm.layers import build_sincos2d_pos_embed
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from mpoxlens.errors import RecipeError
from mpoxlens.vision.recipe import MaeRecipe

HEAD_WIDTH = 32  # of the decoder's attention, as in the paper (512 in 16 heads)


class Transformer:
    """The vision transformer inside a backbone, and what has to be known of it."""

    def __init__(self, backbone: Any, size: int) -> None:
        self.features: Callable[[Tensor], Tensor] = backbone.forward_features
        self.placed, self.patch = _entrance(backbone)  # `placed` gives tokens that know their place
        self.side = size // self.patch  # patches a side
        if size % self.patch:
            why = f"the network's patches are {self.patch} px wide"
            raise RecipeError(f"model.size = {size}", why, f"use {self.side * self.patch}")
        with torch.no_grad():
            _, tokens, self.width = self.features(torch.zeros(1, 3, size, size)).shape
        self.prefix = tokens - self.side**2  # P, tokens before those of the patches

    def visible(self, photos: Tensor, kept: Tensor) -> Tensor:
        """Return tokens [B, P + V, D] of photos [B, 3, H, W] when only the patches `kept` [B, V] pass the blocks."""
        with _only(self.placed, kept, self.prefix):
            return self.features(photos)


def _entrance(backbone: nn.Module) -> tuple[nn.Module, int]:
    """Return the module whose output enters the first block, and the side of a patch in px.

    Raises:
        RecipeError: there is none; convolutions cannot leave out what is masked.
    """
    for net in backbone.modules():
        part: Any = net
        if isinstance(net, VisionTransformer):
            return part.patch_drop, part.patch_embed.patch_size[0]
        if type(net).__name__ in ("Dinov2Model", "CLIPVisionModel", "ViTModel"):
            return part.embeddings, part.config.patch_size
    why = "no vision transformer of timm, nor Dinov2, CLIP or ViT of transformers"
    raise RecipeError(f"model.backbone {type(backbone).__name__}", why, "choose another, such as dinov2-s")


@contextmanager
def _only(placed: nn.Module, kept: Tensor, prefix: int) -> Iterator[None]:
    """Let only some patches go on from `placed`; the transformer itself stays as its library wrote it."""

    def gather(_module: nn.Module, _inputs: object, tokens: Tensor) -> Tensor:
        index = kept[..., None].expand(-1, -1, tokens.shape[-1])
        return torch.cat([tokens[:, :prefix], tokens[:, prefix:].gather(1, index)], dim=1)

    hook = placed.register_forward_hook(gather)
    try:
        yield
    finally:
        hook.remove()


class MaskedAutoencoder(nn.Module):
    """Encoder, decoder and loss."""

    def __init__(self, backbone: nn.Module, recipe: MaeRecipe, size: int) -> None:
        super().__init__()
        self.backbone, self.recipe = backbone, recipe
        self.transformer = Transformer(backbone, size)
        width = recipe.decoder_width
        if width % HEAD_WIDTH:
            mend = f"use {(width // HEAD_WIDTH + 1) * HEAD_WIDTH}"
            raise RecipeError(f"mae.decoder_width = {width}", f"heads of {HEAD_WIDTH} do not fill it", mend)
        self.decoder = nn.ModuleDict(
            {
                "embed": nn.Linear(self.transformer.width, width),
                "blocks": nn.Sequential(*(Block(width, width // HEAD_WIDTH) for _ in range(recipe.decoder_depth))),
                "norm": nn.LayerNorm(width),
                "draw": nn.Linear(width, 3 * self.transformer.patch**2),
            }
        )
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.places: Tensor
        self.register_buffer(
            "places", build_sincos2d_pos_embed([self.transformer.side] * 2, width)[None], persistent=False
        )

    @property
    def patches(self) -> int:
        """How many patches a photograph has (N)."""
        return self.transformer.side**2

    @property
    def seen(self) -> int:
        """How many of them the encoder sees (V)."""
        return max(1, round(self.patches * (1 - self.recipe.mask)))

    def forward(self, photos: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss on the masked patches, and what was drawn [B, N, 3 * patch²].

        Args:
            photos: [B, 3, size, size], standardised.
            order: [B, N] a permutation of the patches for each photograph; the first V are seen.
        """
        drawn = self.decode(self.transformer.visible(photos, order[:, : self.seen]), order)
        wanted = cut(photos, self.transformer.patch)
        if self.recipe.normalise_pixels:
            wanted, _, _ = standardised(wanted)
        error = (drawn.float() - wanted).square().mean(dim=2)  # [B, N]
        return error.gather(1, order[:, self.seen :]).mean(), drawn

    def decode(self, tokens: Tensor, order: Tensor) -> Tensor:
        """Return pixels [B, N, 3 * patch²] drawn from the tokens [B, P + V, D] of the patches seen."""
        prefix = self.transformer.prefix
        tokens = self.decoder["embed"](tokens)  # [B, P + V, W]
        masked = self.mask_token.to(tokens.dtype).expand(len(order), self.patches - self.seen, -1)
        shuffled = torch.cat([tokens[:, prefix:], masked], dim=1)  # [B, N, W], in the order of `order`
        back = order.argsort(dim=1)[..., None].expand_as(shuffled)
        placed = shuffled.gather(1, back) + self.places
        hidden = self.decoder["blocks"](torch.cat([tokens[:, :prefix], placed], dim=1))
        return self.decoder["draw"](self.decoder["norm"](hidden[:, prefix:]))  # type: ignore[no-any-return]


def cut(photos: Tensor, patch: int) -> Tensor:
    """Cut photos [B, 3, H, W] into patches [B, N, patch² * 3], row by row."""
    b, c, h, w = photos.shape
    cells = photos.reshape(b, c, h // patch, patch, w // patch, patch)
    return cells.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, patch * patch * c)


def join(patches: Tensor, patch: int) -> Tensor:
    """Join patches [B, N, patch² * 3] of square photographs to [B, 3, size, size]; undoes `cut`."""
    b, n, _ = patches.shape
    side = round(n**0.5)
    cells = patches.reshape(b, side, side, patch, patch, 3)
    return cells.permute(0, 5, 1, 3, 2, 4).reshape(b, 3, side * patch, side * patch)


def standardised(patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return each patch with mean 0 and deviation 1, and its mean and deviation [B, N, 1]."""
    mean = patches.mean(dim=2, keepdim=True)
    deviation = (patches.var(dim=2, keepdim=True) + 1e-6).sqrt()
    return (patches - mean) / deviation, mean, deviation
