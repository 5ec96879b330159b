"""Single files as the community writes them: tensors under the names of the models' authors, by a map of our own."""

import json
import re
from dataclasses import replace

import diffusers
import torch
import transformers
from accelerate import init_empty_weights

from engine.files.figures import FAMILIES, STABLE_DIFFUSION_1, STABLE_DIFFUSION_2, STABLE_DIFFUSION_XL

LAYERS = 2
"""Residual layers a level, in every family."""
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_VAE = {"block_out_channels": [32, 32, 32, 32], "layers_per_block": 2, "sample_size": 64}
_TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}


def tiny(figures, *, unet, text, text_2=None):
    """A family with the same structure, of a few thousand weights."""
    return replace(
        figures,
        unet={**figures.unet, **unet},
        vae={**figures.vae, **_VAE},
        text_encoder={**figures.text_encoder, **_TEXT, **text},
        text_encoder_2=text_2 and {**figures.text_encoder_2, **_TEXT, **text_2},
        sides=dict.fromkeys(figures.sides, 64),
    )


TINY = (
    tiny(
        STABLE_DIFFUSION_1,
        unet={"block_out_channels": [32, 64, 64, 64], "cross_attention_dim": 32, "attention_head_dim": 4},
        text={"projection_dim": 32},
    ),
    tiny(
        STABLE_DIFFUSION_2,
        unet={"block_out_channels": [32, 64, 64, 64], "cross_attention_dim": 48, "attention_head_dim": [2, 4, 4, 4]},
        text={"hidden_size": 48},
    ),
    tiny(
        STABLE_DIFFUSION_XL,
        unet={
            "block_out_channels": [32, 64, 64],
            "transformer_layers_per_block": [1, 1, 2],
            "attention_head_dim": [2, 4, 4],
            "cross_attention_dim": 64,
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 80,
        },
        text={"projection_dim": 32},
        text_2={"projection_dim": 32},
    ),
)
NAMES = ("sd1", "sd2", "sdxl")
FULL = dict(zip(NAMES, FAMILIES, strict=True))
SMALL = dict(zip(NAMES, TINY, strict=True))


def networks(figures, *, in_channels=4, seed=0):
    """The family's parts with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        parts = {
            "unet": diffusers.UNet2DConditionModel.from_config({**figures.unet, "in_channels": in_channels}),
            "vae": diffusers.AutoencoderKL.from_config(figures.vae),
            "text_encoder": transformers.CLIPTextModel(transformers.CLIPTextConfig(**figures.text_encoder)),
        }
        if figures.text_encoder_2:
            config = transformers.CLIPTextConfig(**figures.text_encoder_2)
            parts["text_encoder_2"] = transformers.CLIPTextModelWithProjection(config)
    return {name: network.eval() for name, network in parts.items()}


def empty_networks(figures, *, in_channels=4):
    """The same without weights, which costs no memory at any width."""
    with init_empty_weights():
        return networks(figures, in_channels=in_channels)


def single_file(parts):
    """All parts' tensors under the names of the models' authors."""
    is_xl, is_open_clip = "text_encoder_2" in parts, parts["text_encoder"].config.hidden_act == "gelu"
    tensors = {f"model.diffusion_model.{name}": each for name, each in unet_tensors(parts["unet"]).items()}
    tensors |= {f"first_stage_model.{name}": each for name, each in vae_tensors(parts["vae"]).items()}
    text = parts["text_encoder"].state_dict()
    if is_open_clip:
        tensors |= {f"cond_stage_model.model.{name}": each for name, each in open_clip_tensors(text).items()}
    else:
        start = "conditioner.embedders.0" if is_xl else "cond_stage_model"
        tensors |= {f"{start}.transformer.text_model.{name}": each for name, each in text.items()}
    if is_xl:
        second = open_clip_tensors(parts["text_encoder_2"].state_dict())
        tensors |= {f"conditioner.embedders.1.model.{name}": each for name, each in second.items()}
    return {name: tensor.contiguous().clone() for name, tensor in tensors.items()}


def unet_tensors(unet):
    state = unet.state_dict()
    attentive = {
        re.match(r"up_blocks\.\d+", name)[0] for name in state if re.match(r"up_blocks\.\d+\.attentions", name)
    }
    return {_unet_name(name, attentive): tensor for name, tensor in state.items()}


def _unet_name(name, attentive):
    for ours, theirs in UNET.items():
        if name.startswith(f"{ours}."):
            return name.replace(ours, theirs, 1)
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        place = 1 if found[1] == "attentions" else 2 * int(found[2])
        return f"middle_block.{place}.{_resnet(found[3])}"
    way, level, kind, number, rest = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name).groups()
    level, number = int(level), int(number)
    block, side = (1, "input_blocks") if way == "down" else (0, "output_blocks")
    block += (LAYERS + 1) * level + number
    if kind == "downsamplers":
        return f"input_blocks.{(LAYERS + 1) * (level + 1)}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        return f"output_blocks.{(LAYERS + 1) * level + LAYERS}.{2 if f'up_blocks.{level}' in attentive else 1}.{rest}"
    return f"{side}.{block}.{0 if kind == 'resnets' else 1}.{_resnet(rest) if kind == 'resnets' else rest}"


def _resnet(rest):
    first, _, end = rest.partition(".")
    return f"{RESNET[first]}.{end}" if first in RESNET else rest


def vae_tensors(vae):
    levels = len(vae.config.block_out_channels)
    return dict(_vae_entry(name, tensor, levels) for name, tensor in vae.state_dict().items())


def _vae_entry(name, tensor, levels):
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{levels - 1 - int(found[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{levels - 1 - int(found[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    if "mid_block.attentions.0." not in name:
        return name, tensor
    name = (
        name.replace("mid_block.attentions.0", "mid.attn_1")
        .replace("group_norm", "norm")
        .replace("to_out.0", "proj_out")
    )
    name = re.sub(r"to_([qkv])", r"\1", name)
    # The authors' attention is a convolution over single cells.
    return name, tensor[:, :, None, None] if tensor.ndim == 2 else tensor


def open_clip_tensors(state):
    state = {name.removeprefix("text_model."): tensor for name, tensor in state.items()}
    tensors = {}
    for name, tensor in state.items():
        if found := re.match(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(weight|bias)", name):
            all_three = [state[name.replace("q_proj", each)] for each in ("q_proj", "k_proj", "v_proj")]
            tensors[f"transformer.resblocks.{found[1]}.attn.in_proj_{found[2]}"] = torch.cat(all_three)
        elif found := re.match(r"encoder\.layers\.(\d+)\.(.*)\.(weight|bias)", name):
            if found[2] in OPEN_CLIP:
                tensors[f"transformer.resblocks.{found[1]}.{OPEN_CLIP[found[2]]}.{found[3]}"] = tensor
        elif name == "text_projection.weight":
            tensors["text_projection"] = tensor.T
        else:
            theirs = name.replace("embeddings.position_embedding.weight", "positional_embedding")
            theirs = theirs.replace("embeddings.token_embedding", "token_embedding")
            tensors[theirs.replace("final_layer_norm", "ln_final")] = tensor
    return tensors


def write_sparse(file, tensors, *, metadata=None, dtype="F16"):
    """A file as long as its header states, whose weights take no place on the disk."""
    sizes = {"F16": 2, "F32": 4, "I64": 8, "F8_E4M3": 1, "U8": 1}
    header = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * sizes[dtype]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    data = json.dumps(header).encode()
    with file.open("wb") as stream:
        stream.write(len(data).to_bytes(8, "little") + data)
        stream.truncate(8 + len(data) + end)
    return file
