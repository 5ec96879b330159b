"""The configs of the bundled model's parts, as diffusers and transformers read them."""

from __future__ import annotations

from typing import Any

VOCABULARY = 3200
WIDTH = 192
"""Of the text embeddings."""

VAE: dict[str, Any] = {
    "block_out_channels": (32, 64, 96, 128),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "latent_channels": 4,
    "mid_block_add_attention": False,
    "norm_num_groups": 8,
    "sample_size": 128,
}
TEXT_ENCODER: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 512,
    "projection_dim": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 77,
}
UNET: dict[str, Any] = {
    "sample_size": 16,
    # Attention at 16x16 doubles a step's time and bought nothing.
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (96, 160, WIDTH),
    "layers_per_block": 1,
    "cross_attention_dim": WIDTH,
    "norm_num_groups": 16,
}
SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "skip_prk_steps": True,
    "steps_offset": 1,
    # Without it DDIM and DDPM would clip latents, and turn colours over.
    "clip_sample": False,
}
