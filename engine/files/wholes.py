"""Which of diffusers' other pipelines are run whole, and what each draws with where nobody says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGLISH = ("CLIPTextModel", "CLIPTextModelWithProjection", "T5EncoderModel")
"""Text encoders that have learned English alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What one pipeline's own call does by default, and what it takes."""

    family: str
    steps: int
    guidance: float
    side: int | None = 1024
    """Of its pictures, in pixels; None where the model's own config says it."""
    multiple: int = 16
    """Of which width and height must be multiples."""
    guidance_argument: str = "guidance_scale"
    """What it calls classifier-free guidance, or the guidance that the model was trained to imitate."""
    takes_negative: bool = True
    """Whether a negative prompt has an effect."""
    few_steps: int = 4
    """Instead of `steps`, of a model that was distilled until it needs no guidance."""


_PIXART = Whole(family="PixArt", steps=20, guidance=4.5, side=None, multiple=8)
_SD3 = Whole(family="Stable Diffusion 3", steps=28, guidance=7.0, side=None)
_SANA = Whole(family="Sana", steps=20, guidance=4.5, multiple=32)
_HUNYUAN = Whole(family="Hunyuan-DiT", steps=50, guidance=5.0, side=None)
_FLUX = Whole(family="FLUX.1", steps=28, guidance=3.5, takes_negative=False)
_FLUX2 = Whole(family="FLUX.2", steps=50, guidance=4.0, takes_negative=False)
_LUMINA = Whole(family="Lumina", steps=30, guidance=4.0, side=None)
_COGVIEW = Whole(family="CogView", steps=50, guidance=5.0, side=None)
_Z_IMAGE = Whole(family="Z-Image", steps=50, guidance=5.0)
_QWEN = Whole(family="Qwen-Image", steps=50, guidance=4.0, guidance_argument="true_cfg_scale")

WHOLES: Mapping[str, Whole] = {
    "StableDiffusion3Pipeline": _SD3,
    "StableDiffusion3PAGPipeline": _SD3,
    "FluxPipeline": _FLUX,
    "FluxKontextPipeline": _FLUX,
    "Flux2Pipeline": _FLUX2,
    "Flux2KleinPipeline": _FLUX2,
    "ZImagePipeline": _Z_IMAGE,
    "ZImageOmniPipeline": _Z_IMAGE,
    "QwenImagePipeline": _QWEN,
    "QwenImage21Pipeline": Whole(
        family="Qwen-Image", steps=40, guidance=1.0, multiple=32, guidance_argument="true_cfg_scale"
    ),
    "PixArtAlphaPipeline": _PIXART,
    "PixArtSigmaPipeline": _PIXART,
    "PixArtSigmaPAGPipeline": _PIXART,
    "SanaPipeline": _SANA,
    "SanaPAGPipeline": _SANA,
    "HunyuanDiTPipeline": _HUNYUAN,
    "HunyuanDiTPAGPipeline": _HUNYUAN,
    "Kandinsky3Pipeline": Whole(family="Kandinsky 3", steps=25, guidance=3.0, multiple=64),
    "AuraFlowPipeline": Whole(family="AuraFlow", steps=50, guidance=3.5),
    "ChromaPipeline": Whole(family="Chroma", steps=35, guidance=5.0),
    "CogView3PlusPipeline": _COGVIEW,
    "CogView4Pipeline": _COGVIEW,
    "GlmImagePipeline": Whole(family="GLM-Image", steps=50, guidance=1.5, side=None, multiple=32, takes_negative=False),
    "Krea2Pipeline": Whole(family="Krea 2", steps=28, guidance=4.5, few_steps=8),
    "LuminaPipeline": _LUMINA,
    "Lumina2Pipeline": _LUMINA,
    "NucleusMoEImagePipeline": Whole(family="Nucleus-Image", steps=50, guidance=4.0),
    "OvisImagePipeline": Whole(family="Ovis-Image", steps=50, guidance=5.0),
}
"""By what a model's index calls itself: pipelines of AutoPipelineForText2Image to which a text alone is enough."""
