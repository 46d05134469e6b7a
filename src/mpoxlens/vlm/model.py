"""MpoxVLM: two encoders see the photograph, and a language model reads what they see and the history.

Cao et al. 2024, "MpoxVLM" (PMLR 259:171-185). What the paper leaves open is as in LLaVA-1.5 (Liu et al. 2023, arXiv
2310.03744): a projector is two linear layers with a GELU between them, and visual tokens take the place of place
holders in the text.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionModel, Dinov2Model, LlamaForCausalLM, ViTModel
from transformers.generation.utils import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.modeling_utils import PreTrainedModel

from mpoxlens.errors import DataError
from mpoxlens.vlm.config import MpoxVlmConfig
from mpoxlens.vlm.prompts import IGNORED

VISUAL = ("photo_pixels", "skin_pixels", "photo_features", "skin_features")


class Projector(nn.Sequential):
    """Visual features [B, T, D] to embeddings of the language model [B, T, W]."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__(nn.Linear(depth, width), nn.GELU(), nn.Linear(width, width))


class MpoxVlm(PreTrainedModel, GenerationMixin):  # type: ignore[no-untyped-call]
    """The paper's figure: photo -> CLIP -> projector, photo -> skin expert -> projector, both and the text -> LLaMA."""

    config_class = MpoxVlmConfig
    config: MpoxVlmConfig
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012  as transformers declares it

    def __init__(self, config: MpoxVlmConfig) -> None:
        super().__init__(config)
        photo, skin, text = _parts(config)
        self.photo_encoder = CLIPVisionModel(photo)
        self.skin_encoder = _skin_encoder(skin)
        self.photo_projector = Projector(photo.hidden_size, text.hidden_size)
        self.skin_projector = Projector(skin.hidden_size, text.hidden_size)
        self.language = LlamaForCausalLM(text)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding of words."""
        words: nn.Module = self.language.get_input_embeddings()
        return words

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        head: nn.Module = self.language.lm_head
        return head

    def encode_photo(self, pixels: Tensor) -> Tensor:
        """Return features [B, T, D] of CLIP from pixels [B, 3, S, S], standardised as CLIP's; no gradient passes."""
        with torch.no_grad():
            seen = self.photo_encoder(pixel_values=pixels.to(self.photo_encoder.dtype), output_hidden_states=True)
        return pooled(seen.hidden_states[self.config.photo_layer], self.config.photo_grid, self.config.class_tokens)

    def encode_skin(self, pixels: Tensor) -> Tensor:
        """Return features [B, T, D] of the skin expert from pixels [B, 3, S, S], standardised as its own."""
        seen = self.skin_encoder(pixel_values=pixels.to(self.skin_encoder.dtype))
        return pooled(seen.last_hidden_state, self.config.skin_grid, self.config.class_tokens)

    def embed(self, input_ids: Tensor, photo_features: Tensor | None, skin_features: Tensor | None) -> Tensor:
        """Return embeddings [B, L, W] of text [B, L], the visual tokens in their places.

        Raises:
            DataError: a row has more or fewer place holders than there are visual tokens.
        """
        text = input_ids.masked_fill(input_ids >= self.language.config.vocab_size, 0)  # place holders have no row
        words: Tensor = self.get_input_embeddings()(text)  # [B, L, W]
        for name, token, projector, features in (
            ("photo", self.config.photo_token_id, self.photo_projector, photo_features),
            ("skin", self.config.skin_token_id, self.skin_projector, skin_features),
        ):
            places = input_ids == token  # [B, L]
            _check_places(name, places, 0 if features is None else features.shape[1])
            if features is not None:
                visual = projector(features.to(next(projector.parameters()).dtype)).to(words.dtype)  # [B, T, W]
                words = words.masked_scatter(places[..., None], visual)
        return words

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        photo_pixels: Tensor | None = None,
        skin_pixels: Tensor | None = None,
        photo_features: Tensor | None = None,
        skin_features: Tensor | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Return logits [B, L, V] of the next token; with `labels`, the mean loss and [N, V] of the N learned tokens.

        Args:
            input_ids: [B, L] with place holders; with `past_key_values` only what is new.
            attention_mask: [B, L] 1 where there is text.
            position_ids: [B, L].
            past_key_values: the cache of the tokens before.
            inputs_embeds: [B, L, W] in place of `input_ids`, visual tokens included.
            labels: [B, L] the tokens to learn, `prompts.IGNORED` elsewhere.
            photo_pixels: [B, 3, S, S] for CLIP, or
            photo_features: [B, T, D] what `encode_photo` gave.
            skin_pixels: [B, 3, S, S] for the skin expert, or
            skin_features: [B, T, D] what `encode_skin` gave.
            kwargs: for the language model, such as `logits_to_keep`; `num_items_in_batch`, by which the loss is divided
                where a step has several batches.
        """
        if photo_pixels is not None:
            photo_features = self.encode_photo(photo_pixels)  # [B, T, D]
        if skin_pixels is not None:
            skin_features = self.encode_skin(skin_pixels)  # [B, T, D]
        if inputs_embeds is None:
            if input_ids is None:
                raise DataError("the text", "neither ids nor embeddings of it were given", "give input_ids")
            inputs_embeds = self.embed(input_ids, photo_features, skin_features)  # [B, L, W]
        text = {"inputs_embeds": inputs_embeds, "attention_mask": attention_mask, "position_ids": position_ids}
        if labels is not None:
            return self._learn(text, labels, kwargs.get("num_items_in_batch"))
        found: CausalLMOutputWithPast = self.language(**text, past_key_values=past_key_values, **kwargs)
        return found

    def _learn(self, text: dict[str, Any], labels: Tensor, count: Any) -> CausalLMOutputWithPast:
        """Apply the head where a token is learned and nowhere else: of a conversation that is a short answer."""
        hidden = self.language.model(**text, use_cache=False).last_hidden_state[:, :-1]  # [B, L - 1, W]
        wanted = labels[:, 1:]
        learned = wanted != IGNORED
        logits = self.language.lm_head(hidden[learned]).float()  # [N, V]
        total = functional.cross_entropy(logits, wanted[learned], reduction="sum")
        return CausalLMOutputWithPast(loss=total / (count or learned.sum().clamp(min=1)), logits=logits)

    def prepare_inputs_for_generation(self, input_ids: Any, *args: Any, **kwargs: Any) -> Any:
        """Leave out the photograph once the cache holds it."""
        inputs = super().prepare_inputs_for_generation(input_ids, *args, **kwargs)  # type: ignore[misc]
        seen = not kwargs.get("is_first_iteration") and kwargs.get("use_cache", True)
        return {key: value for key, value in inputs.items() if not (seen and key in VISUAL)}


def _parts(config: MpoxVlmConfig) -> tuple[Any, Any, Any]:
    return config.photo_config, config.skin_config, config.text_config


def _skin_encoder(config: Any) -> Any:
    if config.model_type == "vit":
        return ViTModel(config, add_pooling_layer=False)
    if config.model_type == "dinov2":
        return Dinov2Model(config)
    raise DataError(f"skin expert {config.model_type!r}", "not known here", "use a dinov2 or a vit")


def pooled(tokens: Tensor, grid: int, class_token: bool) -> Tensor:
    """Average the patches of tokens [B, 1 + N, D], the class token first, to a grid; [B, T, D]."""
    patches = tokens[:, 1:]
    if grid:
        side = round(patches.shape[1] ** 0.5)
        maps = patches.transpose(1, 2).reshape(*patches.shape[::2], side, side)  # [B, D, side, side]
        patches = functional.adaptive_avg_pool2d(maps, grid).flatten(2).transpose(1, 2)
    return torch.cat([tokens[:, :1], patches], dim=1) if class_token else patches


def _check_places(name: str, places: Tensor, wanted: int) -> None:
    found = places.sum(1)
    if bool((found != wanted).any()):
        counts = ", ".join(map(str, sorted(set(found.tolist()))))
        why = f"the text has {counts} place holders for {wanted} visual tokens"
        raise DataError(f"the {name} part", why, "make the text with prompts.prompt_ids, and give every part it names")
