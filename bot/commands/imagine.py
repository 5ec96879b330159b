"""`/imagine`: options -> request -> accepted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot import loras, offers, options
from bot.accept import accept
from engine.notation.trailing import read_options
from engine.notation.values import asked_model

if TYPE_CHECKING:
    from bot.client import Client

OPTIONS = (
    "prompt",
    "aspect",
    "images",
    "negative_prompt",
    "model",
    "lora",
    "seed",
    "steps",
    "guidance",
    "sampler",
    "width",
    "height",
)


def command() -> app_commands.Command[Any, ..., None]:
    """The command `/imagine`."""

    @app_commands.command(name=options.text("command-imagine"), description=options.text("command-imagine.description"))
    @app_commands.rename(**options.names(*OPTIONS))
    @app_commands.describe(**options.descriptions(*OPTIONS))
    @app_commands.choices(sampler=options.sampler_choices())
    async def imagine(  # noqa: PLR0917 - discord.py reads the options from the signature
        interaction: discord.Interaction[Client],
        prompt: options.Prompt,
        aspect: options.Aspect | None = None,
        images: options.Images | None = None,
        negative_prompt: options.NegativePrompt | None = None,
        model: options.Model | None = None,
        lora: options.Lora | None = None,
        seed: options.Seed | None = None,
        steps: options.Steps | None = None,
        guidance: options.Guidance | None = None,
        sampler: str | None = None,
        width: options.Side | None = None,
        height: options.Side | None = None,
    ) -> None:
        name, notes = asked_model(read_options(prompt).options, model)
        source = await asyncio.to_thread(interaction.client.engine.find_source, name)
        if lora is not None:
            prompt, told = await asyncio.to_thread(loras.with_lora, source, prompt, lora)
            notes = (*notes, *told)
        request, wording = options.requested(
            source.card,
            owner=interaction.user.id,
            prompt=prompt,
            aspect=aspect,
            images=images,
            negative_prompt=negative_prompt,
            seed=seed,
            steps=steps,
            guidance=guidance,
            sampler=sampler,
            width=width,
            height=height,
        )
        wording = replace(wording, notes=(*wording.notes, *notes))
        await accept(interaction, replace(request, model=source.name), kind="imagine", wording=wording)

    imagine.autocomplete("aspect")(offers.complete_aspect)
    imagine.autocomplete("model")(offers.complete_model)
    imagine.autocomplete("lora")(loras.complete)
    return imagine
