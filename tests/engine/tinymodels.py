"""Models of every family at tiny size, with random weights, saved as folders in diffusers' layout."""

import json
from importlib.resources import files
from pathlib import Path

import diffusers
import torch
import transformers

EMOJI = Path(str(files("engine"))) / "emoji"
"""Its tokenizer and its VAE are everybody's, so that pictures have contrast."""

TEXT = {
    "vocab_size": 3200,
    "bos_token_id": 3198,
    "eos_token_id": 3199,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "projection_dim": 32,
    # Random layers of the usual weights hardly tell two prompts apart.
    "initializer_factor": 3.0,
}
UNET = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "attention_head_dim": 8,
    "cross_attention_dim": 32,
}
SCHEDULER = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
OPENCLIP = {**TEXT, "hidden_act": "gelu"}
SDXL_SIZES = 8
SDXL_TEXT_2 = {**OPENCLIP, "hidden_size": 48, "projection_dim": 24}
SDXL_UNET = {
    **UNET,
    "cross_attention_dim": TEXT["hidden_size"] + SDXL_TEXT_2["hidden_size"],
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": SDXL_SIZES,
    "projection_class_embeddings_input_dim": 6 * SDXL_SIZES + SDXL_TEXT_2["projection_dim"],
}


def save_sd1(folder: Path, *, unet=None, text=None, scheduler=None, kind=diffusers.StableDiffusionPipeline) -> Path:
    """SD 1.x; `unet`, `text` and `scheduler` are what its configs say besides."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = {
            "text_encoder": transformers.CLIPTextModel(transformers.CLIPTextConfig(**(TEXT | (text or {})))),
            "tokenizer": _tokenizer(),
            "unet": _unet(UNET | (unet or {})),
        }
    empty = {name: [None, None] for name in ("safety_checker", "feature_extractor", "image_encoder")}
    return _save(folder, kind, parts, scheduler, requires_safety_checker=False, **empty)


def save_sd2(folder: Path, *, unet=None, scheduler=None, kind=diffusers.StableDiffusionPipeline) -> Path:
    """SD 2.x: OpenCLIP's text encoder, a tokenizer that pads with `!`, and v-prediction."""
    scheduler = {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction", **(scheduler or {})}
    save_sd1(folder, unet={"use_linear_projection": True} | (unet or {}), text=OPENCLIP, scheduler=scheduler, kind=kind)
    _tokenizer(pad_token="!").save_pretrained(folder / "tokenizer")
    return folder


def save_sdxl(folder: Path, *, unet=None, scheduler=None, kind=diffusers.StableDiffusionXLPipeline, **values) -> Path:
    """SDXL: two text encoders of different widths."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        text, text_2 = transformers.CLIPTextConfig(**TEXT), transformers.CLIPTextConfig(**SDXL_TEXT_2)
        parts = {
            "text_encoder": transformers.CLIPTextModel(text),
            "text_encoder_2": transformers.CLIPTextModelWithProjection(text_2),
            "tokenizer": _tokenizer(),
            "tokenizer_2": _tokenizer(pad_token="!"),
            "unet": _unet(SDXL_UNET | (unet or {})),
        }
    scheduler = {"_class_name": "EulerDiscreteScheduler", **(scheduler or {})}
    return _save(folder, kind, parts, scheduler, **values)


def _tokenizer(**values):
    return transformers.CLIPTokenizer.from_pretrained(EMOJI / "tokenizer", **values)


def _unet(config) -> diffusers.UNet2DConditionModel:
    unet = diffusers.UNet2DConditionModel(**config)
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if ".attn2." in name or name.startswith(("add_embedding", "time_embedding")):
                # What the texts and the sizes change must be seen in a picture.
                parameter.mul_(1.5)
            elif name.startswith("conv_out"):
                parameter.mul_(1.5)
    return unet


def _save(folder: Path, kind, parts, scheduler, **values) -> Path:
    config = {
        "_class_name": "PNDMScheduler",
        "skip_prk_steps": True,
        "steps_offset": 1,
        **SCHEDULER,
        **(scheduler or {}),
    }
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    (folder / "vae").mkdir()
    (folder / "vae" / "config.json").write_text((EMOJI / "vae" / "config.json").read_text())
    weights = "diffusion_pytorch_model.safetensors"
    (folder / "vae" / weights).symlink_to(EMOJI / "vae" / weights)
    index = {"_class_name": kind.__name__, "_diffusers_version": diffusers.__version__, **values}
    index |= {name: [type(part).__module__.partition(".")[0], type(part).__name__] for name, part in parts.items()}
    index |= {"vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", config["_class_name"]]}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
