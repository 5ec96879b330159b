"""Models that are run whole at tiny size, with random weights, saved as folders in diffusers' layout."""

import json
from importlib.resources import files
from pathlib import Path

import diffusers
import tokenizers
import torch
import transformers

EMOJI = Path(str(files("engine"))) / "emoji"
"""Its tokenizer and its VAE are everybody's, so that pictures have contrast."""
CLIP = {
    "vocab_size": 3200,
    "bos_token_id": 3198,
    "eos_token_id": 3199,
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "projection_dim": 32,
    "initializer_factor": 3.0,
}
T5 = {
    "vocab_size": 128,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 37,
    "num_layers": 2,
    "num_heads": 4,
    "initializer_factor": 3.0,
}
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:()<>"


def save_sd3(folder: Path) -> Path:
    """Stable Diffusion 3 without its third text encoder, as people with little memory run it."""
    torch.manual_seed(0)
    text = transformers.CLIPTextConfig(**CLIP)
    parts = {
        "text_encoder": transformers.CLIPTextModelWithProjection(text),
        "text_encoder_2": transformers.CLIPTextModelWithProjection(text),
        "tokenizer": _clip_tokenizer(),
        "tokenizer_2": _clip_tokenizer(),
        "transformer": _loud(
            diffusers.SD3Transformer2DModel(
                sample_size=8,
                patch_size=1,
                in_channels=4,
                out_channels=4,
                num_layers=1,
                attention_head_dim=8,
                num_attention_heads=4,
                caption_projection_dim=32,
                joint_attention_dim=64,
                pooled_projection_dim=64,
            )
        ),
        "vae": _shifted_vae(),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
    }
    return _save(folder, diffusers.StableDiffusion3Pipeline, parts, text_encoder_3=None, tokenizer_3=None)


def save_flux(folder: Path, *, guidance_embeds: bool = True) -> Path:
    """FLUX.1 [dev], or else [schnell], whose latents have 4 channels instead of 16."""
    torch.manual_seed(0)
    parts = {
        "text_encoder": transformers.CLIPTextModel(transformers.CLIPTextConfig(**CLIP)),
        "text_encoder_2": transformers.T5EncoderModel(transformers.T5Config(**T5)),
        "tokenizer": _clip_tokenizer(),
        "tokenizer_2": _t5_tokenizer(),
        "transformer": _loud(
            diffusers.FluxTransformer2DModel(
                patch_size=1,
                in_channels=16,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=32,
                pooled_projection_dim=32,
                axes_dims_rope=(4, 4, 8),
                guidance_embeds=guidance_embeds,
            )
        ),
        "vae": _shifted_vae(),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
    }
    return _save(folder, diffusers.FluxPipeline, parts)


def save_pixart(folder: Path, *, sample_size: int = 32) -> Path:
    """PixArt-Alpha, which tells the end of its steps by the older argument; of most sample sizes it draws nothing."""
    torch.manual_seed(0)
    parts = {
        "text_encoder": transformers.T5EncoderModel(transformers.T5Config(**T5)),
        "tokenizer": _t5_tokenizer(),
        "transformer": _loud(
            diffusers.PixArtTransformer2DModel(
                sample_size=sample_size,
                num_layers=2,
                patch_size=2,
                attention_head_dim=8,
                num_attention_heads=3,
                caption_channels=32,
                in_channels=4,
                cross_attention_dim=24,
                out_channels=8,
                attention_bias=True,
                activation_fn="gelu-approximate",
                num_embeds_ada_norm=1000,
                norm_type="ada_norm_single",
                norm_elementwise_affine=False,
                norm_eps=1e-6,
                use_additional_conditions=False,
            )
        ),
        "vae": diffusers.AutoencoderKL.from_pretrained(EMOJI / "vae"),
        "scheduler": diffusers.DPMSolverMultistepScheduler(),
    }
    return _save(folder, diffusers.PixArtAlphaPipeline, parts)


def save_qwen(folder: Path) -> Path:
    """Qwen-Image, whose guidance needs a negative prompt and goes by another name."""
    torch.manual_seed(0)
    text = {
        "vocab_size": 512,
        "hidden_size": 16,
        "intermediate_size": 16,
        "bos_token_id": None,
        "eos_token_id": None,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6},
    }
    vision = {
        "depth": 2,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 16,
    }
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision)
    parts = {
        "text_encoder": transformers.Qwen2_5_VLForConditionalGeneration(config),
        "tokenizer": _qwen_tokenizer(),
        "transformer": _loud(
            diffusers.QwenImageTransformer2DModel(
                patch_size=2,
                in_channels=16,
                out_channels=4,
                num_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=16,
                axes_dims_rope=(8, 4, 4),
            )
        ),
        "vae": diffusers.AutoencoderKLQwenImage(
            base_dim=24,
            z_dim=4,
            dim_mult=[1, 2, 4],
            num_res_blocks=1,
            temperal_downsample=[False, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
    }
    return _save(folder, diffusers.QwenImagePipeline, parts)


def _clip_tokenizer():
    return transformers.CLIPTokenizer.from_pretrained(EMOJI / "tokenizer")


def _t5_tokenizer():
    """One that knows letters."""
    begins = [f"▁{letter}" for letter in LETTERS]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((piece, -2.0) for piece in ("▁", *LETTERS, *begins))]
    inner = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    inner.post_processor = tokenizers.processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


def _qwen_tokenizer():
    """One that knows bytes."""
    pad = "<|endoftext|>"
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate([*letters, pad])}
    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges=[]))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=pad, eos_token=pad)


def _shifted_vae():
    """The VAEs of these pipelines also say where their latents begin."""
    vae = diffusers.AutoencoderKL.from_pretrained(EMOJI / "vae")
    vae.register_to_config(shift_factor=0.1)
    return vae


def _loud(transformer):
    """What the text changes must be seen in a picture, and what is drawn at all."""
    with torch.no_grad():
        for parameter in transformer.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn_like(parameter) * 0.2)
    return transformer


TOKENIZERS = {diffusers.QwenImagePipeline: "Qwen2Tokenizer"}


def _save(folder: Path, kind, parts, **absent) -> Path:
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    index = {"_class_name": kind.__name__, "_diffusers_version": diffusers.__version__}
    for name, part in parts.items():
        library, class_name = type(part).__module__.partition(".")[0], type(part).__name__
        index[name] = [library, TOKENIZERS.get(kind, "T5Tokenizer") if class_name.endswith("Fast") else class_name]
    index |= {name: [None, None] for name in absent}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
