"""Files of LoRAs with random weights, as diffusers writes them or as kohya's trainer does."""

from pathlib import Path

import diffusers
import torch
from diffusers.utils import recurse_remove_peft_layers
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save_file

UNET_TARGETS = r".*(to_q|to_k|to_v|to_out\.0|proj_in|proj_out|net\.0\.proj|net\.2|conv1|time_emb_proj)"
TEXT_TARGETS = r".*(q_proj|k_proj|v_proj|out_proj|fc1|fc2)"


def save_lora(
    networks,
    file: Path,
    *,
    form="diffusers",
    seed=1,
    rank=4,
    alpha=4.0,
    unet=UNET_TARGETS,
    text=TEXT_TARGETS,
    metadata=None,
) -> Path:
    """
    Write a LoRA that changes layers of a model's networks.

    Args:
        networks: `unet`, `text_encoder` and, where there is one, `text_encoder_2`, to build on; they stay as they are.
        form: `diffusers` or `kohya`.
    """
    targets = {part: unet if part == "unet" else text for part in networks}
    made = {
        part: _adapter(networks[part], each, seed + number, rank, alpha)
        for number, (part, each) in enumerate(targets.items())
        if each
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    if form == "kohya":
        save_file(_kohya(made, alpha, is_sdxl="text_encoder_2" in networks), file, metadata=metadata)
        return file
    kind = diffusers.StableDiffusionXLPipeline if "text_encoder_2" in networks else diffusers.StableDiffusionPipeline
    layers, configs = {}, {}
    for part, tensors in made.items():
        layers[f"{part}_lora_layers"] = tensors
        config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets[part])
        configs[f"{part}_lora_adapter_metadata"] = config.to_dict()
    kind.save_lora_weights(file.parent, weight_name=file.name, **layers, **configs)
    return file


def _adapter(network, targets: str, seed: int, rank: int, alpha: float) -> dict[str, torch.Tensor]:
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, init_lora_weights=False)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inject_adapter_in_model(config, network, "made")
    tensors = get_peft_model_state_dict(network, adapter_name="made")
    # Large enough to be seen in every picture, small enough not to burst the U-Net.
    tensors = {key: (0.2 * value).detach().half().contiguous().clone() for key, value in tensors.items()}
    recurse_remove_peft_layers(network)
    del network.peft_config
    return tensors


def _kohya(made, alpha: float, *, is_sdxl: bool) -> dict[str, torch.Tensor]:
    first = "lora_te1_" if is_sdxl else "lora_te_"
    starts = {"unet": "lora_unet_", "text_encoder": first, "text_encoder_2": "lora_te2_"}
    tensors = {}
    for part, adapter in made.items():
        for key, value in adapter.items():
            name, _, end = key.rpartition(".lora_")
            inner = "text_model." if part != "unet" and not name.startswith("text_model.") else ""
            layer = starts[part] + (inner + name).replace(".", "_")
            tensors[f"{layer}.lora_{'down' if end[0] == 'A' else 'up'}.weight"] = value
            tensors[f"{layer}.alpha"] = torch.tensor(float(alpha))
    return tensors
