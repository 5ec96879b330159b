"""The configs of Stable Diffusion's families, which a single file of weights does not bring along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.files.families import SD1, SD2, SDXL

if TYPE_CHECKING:
    from collections.abc import Mapping

EPSILON = "epsilon"
V_PREDICTION = "v_prediction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """By what a family's parts are built: configs as diffusers' folders have them."""

    family: str
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    text_encoder: Mapping[str, Any]
    text_encoder_2: Mapping[str, Any] | None = None
    scheduler: Mapping[str, Any]
    sides: Mapping[str, int]
    """How wide and high its own pictures are in pixels, by what the U-Net predicts."""
    prediction_type: str = EPSILON
    """What the U-Net of a file that does not say so predicts."""
    pad_tokens: tuple[str, ...]
    """With what each tokenizer fills up a short prompt."""

    @property
    def context_width(self) -> int:
        """How wide the texts are that the U-Net attends to; a family is known by it."""
        return int(self.unet["cross_attention_dim"])

    def config(self, part: str) -> Mapping[str, Any]:
        """The config of a part that the family has."""
        config: Mapping[str, Any] = getattr(self, part)
        return config

    def with_file(self, *, in_channels: int, prediction_type: str, is_zero_snr: bool, size: tuple[int, int]) -> Figures:
        """The configs of one file of the family, whose size is (width, height)."""
        width, height = size
        factor = 2 ** (len(self.vae["block_out_channels"]) - 1)
        scheduler = {**self.scheduler, "prediction_type": prediction_type}
        if is_zero_snr:
            scheduler |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
            if scheduler["_class_name"] == "PNDMScheduler":  # which cannot begin where there is no signal at all
                scheduler["_class_name"] = "DDIMScheduler"
        sample_size = width // factor if width == height else [height // factor, width // factor]
        unet = {**self.unet, "in_channels": in_channels, "sample_size": sample_size}
        return replace(self, unet=unet, scheduler=scheduler)


_UNET = {
    "_class_name": "UNet2DConditionModel",
    "out_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "act_fn": "silu",
    "flip_sin_to_cos": True,
    "freq_shift": 0,
}
_FOUR_LEVELS = {
    "block_out_channels": [320, 640, 1280, 1280],
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}
_VAE = {
    "_class_name": "AutoencoderKL",
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "act_fn": "silu",
    "sample_size": 512,
    "scaling_factor": 0.18215,
}
_CLIP = {"model_type": "clip_text_model", "vocab_size": 49408, "max_position_embeddings": 77}
_CLIP_L = {
    **_CLIP,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
}
_SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}

STABLE_DIFFUSION_1 = Figures(
    family=SD1,
    unet={**_UNET, **_FOUR_LEVELS, "cross_attention_dim": 768, "attention_head_dim": 8},
    vae=_VAE,
    text_encoder=_CLIP_L,
    scheduler={**_SCHEDULER, "_class_name": "PNDMScheduler"},
    sides={EPSILON: 512, V_PREDICTION: 512},
    pad_tokens=("<|endoftext|>",),
)
STABLE_DIFFUSION_2 = Figures(
    family=SD2,
    unet={
        **_UNET,
        **_FOUR_LEVELS,
        "cross_attention_dim": 1024,
        "attention_head_dim": [5, 10, 20, 20],
        "use_linear_projection": True,
        "upcast_attention": True,  # 2.1 overflows in half precision without it
    },
    vae=_VAE,
    text_encoder={
        **_CLIP,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 23,  # of 24: the last one is never read
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "projection_dim": 512,
    },
    scheduler={**_SCHEDULER, "_class_name": "DDIMScheduler"},
    sides={EPSILON: 512, V_PREDICTION: 768},
    prediction_type=V_PREDICTION,
    pad_tokens=("!",),
)
STABLE_DIFFUSION_XL = Figures(
    family=SDXL,
    unet={
        **_UNET,
        "block_out_channels": [320, 640, 1280],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "transformer_layers_per_block": [1, 2, 10],
        "attention_head_dim": [5, 10, 20],
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    vae={**_VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True},
    text_encoder=_CLIP_L,
    text_encoder_2={
        **_CLIP,
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 20,
        "hidden_act": "gelu",
        "projection_dim": 1280,
    },
    scheduler={**_SCHEDULER, "_class_name": "EulerDiscreteScheduler", "interpolation_type": "linear"},
    sides={EPSILON: 1024, V_PREDICTION: 1024},
    pad_tokens=("<|endoftext|>", "!"),
)
FAMILIES = (STABLE_DIFFUSION_1, STABLE_DIFFUSION_2, STABLE_DIFFUSION_XL)
