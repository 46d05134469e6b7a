"""The settings of MpoxVLM, and its sizes."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, CLIPVisionConfig, Dinov2Config, LlamaConfig, ViTConfig
from transformers.configuration_utils import PreTrainedConfig, SubConfigSpec


class MpoxVlmConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Two encoders, a projector each, and a language model (Cao et al. 2024, PMLR 259).

    The ids of the place holders lie behind the vocabulary: no row of the embedding belongs to them, none is trained or
    stored, and the head has no logit for them, so no answer can contain one.
    """

    model_type = "mpox_vlm"
    sub_configs_defaults = {  # noqa: RUF012  transformers declares it a ClassVar
        "text_config": SubConfigSpec(LlamaConfig),
        "photo_config": SubConfigSpec(CLIPVisionConfig),
        "skin_config": SubConfigSpec(AutoConfig, "dinov2"),
    }

    text_config: dict[str, Any] | PreTrainedConfig | None = None
    """Of the language model, a LLaMA."""
    photo_config: dict[str, Any] | PreTrainedConfig | None = None
    """Of the CLIP image tower, which stays frozen."""
    skin_config: dict[str, Any] | PreTrainedConfig | None = None
    """Of the skin expert: a DINOv2 or a ViT."""
    photo_layer: int = -2
    """Hidden layer of CLIP that is read, as in LLaVA; -1 is the last."""
    photo_grid: int = 0
    """Visual tokens a side after average pooling of the patches; 0 takes every patch."""
    skin_grid: int = 0
    """Likewise of the skin expert."""
    class_tokens: bool = False
    """Whether each encoder's class token stands before its patches."""
    photo_size: int = 224
    """Pixels a side that CLIP sees."""
    skin_size: int = 224
    """Pixels a side that the skin expert sees."""
    photo_token_id: int = 32000
    """Place holder of a visual token of CLIP, behind the vocabulary."""
    skin_token_id: int = 32001
    """Place holder of a visual token of the skin expert, behind the vocabulary."""
    tie_word_embeddings: bool = False
    """Of the language model; kept there."""
    base_weights: dict[str, str] | None = None
    """The sha256 of each base weight by name; an adapter fits these and no others."""

    def tokens(self, part: str) -> int:
        """Return how many visual tokens the part "photo" or "skin" has."""
        grid = getattr(self, f"{part}_grid")
        side = grid or getattr(self, f"{part}_size") // getattr(self, f"{part}_config").patch_size
        return int(side * side + self.class_tokens)


def tiny(vocabulary: int = 300) -> MpoxVlmConfig:
    """Return a size for tests: real classes, 2 x 2 visual tokens of each encoder, a vocabulary to be given."""
    body: dict[str, Any] = {"num_hidden_layers": 2, "num_attention_heads": 2}
    return MpoxVlmConfig(
        text_config=LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            intermediate_size=48,
            num_key_value_heads=1,
            tie_word_embeddings=True,
            **body,
        ),
        photo_config=CLIPVisionConfig(hidden_size=16, intermediate_size=24, image_size=32, patch_size=8, **body),
        skin_config=Dinov2Config(
            hidden_size=12, mlp_ratio=2, image_size=28, patch_size=7, use_mask_token=False, **body
        ),
        photo_grid=2,
        skin_grid=2,
        photo_size=32,
        skin_size=28,
        photo_token_id=vocabulary,
        skin_token_id=vocabulary + 1,
    )


def mini() -> MpoxVlmConfig:
    """Return the size to be shipped: CLIP ViT-B/16, DINOv2-S/14 and SmolLM2-135M, 1 + 4 x 4 visual tokens of each.

    The class token and the last layer are read; LLaVA reads the patches of the last layer but one, and the paper states
    neither.
    """
    text = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    skin: dict[str, Any] = {
        "hidden_size": 384,
        "num_hidden_layers": 12,
        "num_attention_heads": 6,
        "image_size": 518,
        "patch_size": 14,
    }
    return MpoxVlmConfig(
        text_config=text,
        photo_config=CLIPVisionConfig(image_size=224, patch_size=16),
        skin_config=Dinov2Config(use_mask_token=False, **skin),
        photo_layer=-1,
        photo_grid=4,
        skin_grid=4,
        class_tokens=True,
        photo_token_id=49152,
        skin_token_id=49153,
    )


def paper() -> MpoxVlmConfig:
    """Return the paper's size: CLIP ViT-L/14-336, ViT-B/16 and LLaMA-2-7B, every patch a visual token."""
    return MpoxVlmConfig(
        text_config=LlamaConfig(
            vocab_size=32000,
            hidden_size=4096,
            intermediate_size=11008,
            num_hidden_layers=32,
            num_attention_heads=32,
            max_position_embeddings=4096,
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
        ),
        photo_config=CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=336,
            patch_size=14,
            projection_dim=768,
        ),
        skin_config=ViTConfig(),
        photo_size=336,
    )


SIZES = {"tiny": tiny, "mini": mini, "7b": paper}
