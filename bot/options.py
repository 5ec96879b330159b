"""What the slash commands take: options, their choices, and the request that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discord import AppCommandOptionType, ChannelType, app_commands
from discord.app_commands import AppCommandChannel, AppCommandThread, Choice, Range, locale_str

from bot.admission import Refused
from bot.locales import DEFAULT_LOCALE, catalogue, known_locales
from bot.policy import MAX_PICTURES
from bot.sentences import sampler_title
from bot.wording import worded
from engine import SCHEDULERS, GenerationRequest
from engine.notation import values
from engine.notation.aspects import aspect_size
from engine.request import MAX_GUIDANCE_SCALE, MAX_PROMPT_CHARACTERS, MAX_SEED, MAX_SIDE_PX, MAX_STEPS, MIN_SIDE_PX

if TYPE_CHECKING:
    from discord import Interaction, Locale

    from bot.wording import Wording
    from engine import ModelCard

Prompt = Range[str, 1, MAX_PROMPT_CHARACTERS]
Aspect = Range[str, 1, 100]
NegativePrompt = Range[str, None, MAX_PROMPT_CHARACTERS]
Images = Range[int, 1, MAX_PICTURES]
Model = Range[str, 1, 100]
Lora = Range[str, 1, 100]
Seed = Range[int, -1, MAX_SEED]
Steps = Range[int, 1, MAX_STEPS]
Guidance = Range[float, 0.0, MAX_GUIDANCE_SCALE]
Side = Range[int, MIN_SIDE_PX, MAX_SIDE_PX]
CHANNELS = [ChannelType.text, ChannelType.news, ChannelType.forum, ChannelType.voice, ChannelType.stage_voice]
"""Where commands are used, as far as Discord's OpenAPI document knows them; a thread counts as its parent."""
THREADS = [ChannelType.news_thread, ChannelType.public_thread, ChannelType.private_thread]


class Place(app_commands.Transformer):
    """A channel in which commands are used, or a thread of one."""

    @property
    def type(self) -> AppCommandOptionType:
        """What Discord lets choose."""
        return AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[ChannelType]:
        """Of which kinds."""
        return [*CHANNELS, *THREADS]

    async def transform(self, _interaction: Interaction[Any], value: Any, /) -> Any:
        """The channel or thread as Discord resolved it."""
        return value


ChannelOrThread = app_commands.Transform[AppCommandChannel | AppCommandThread, Place]


class Translator(app_commands.Translator):
    """The catalogue, as discord.py asks for it; what has no key, and languages without a catalogue, stay English."""

    async def translate(
        self, string: locale_str, locale: Locale, _context: app_commands.TranslationContextTypes
    ) -> str | None:
        """The text in another language; None is English."""
        key = string.extras.get("key")
        if key is None or locale.value == DEFAULT_LOCALE or locale.value not in known_locales():
            return None
        return catalogue(locale.value).say(key, **string.extras["values"])


def text(key: str, **values: object) -> locale_str:
    """A text of the catalogue that Discord shows in each member's language."""
    return locale_str(catalogue(DEFAULT_LOCALE).say(key, **values), key=key, values=values)


def names(*options: str) -> dict[str, str | locale_str]:
    """What the options are called, for `app_commands.rename`."""
    return {option: text(f"option-{option.replace('_', '-')}") for option in options}


def descriptions(*options: str) -> dict[str, str | locale_str]:
    """What the options mean, for `app_commands.describe`."""
    return {option: text(f"option-{option.replace('_', '-')}.description") for option in options}


def sampler_choices() -> list[Choice[str]]:
    """Every scheduler under the name that people know it by."""
    return [
        Choice(name=text("sampler-default") if name == "default" else sampler_title(name, DEFAULT_LOCALE), value=name)
        for name in SCHEDULERS
    ]


def requested(
    card: ModelCard,
    *,
    owner: int,
    prompt: str,
    aspect: str | None,
    images: int | None,
    negative_prompt: str | None,
    seed: int | None,
    steps: int | None,
    guidance: float | None,
    sampler: str | None,
    width: int | None,
    height: int | None,
) -> tuple[GenerationRequest, Wording]:
    """
    What somebody asked for by `/imagine`, and how; what is None was not said.

    Discord checks ranges and choices where the options are typed; what comes from elsewhere is checked here as well.

    Raises:
        InvalidRequest, Refused: the sentence names the value and the rule.
    """
    if aspect is not None:
        if width is not None or height is not None:
            raise Refused("engine-aspect-with-size")
        width, height = aspect_size(aspect, card)
    given = {
        "negative_prompt": None if negative_prompt is None else values.negative_prompt(negative_prompt),
        "width": width,
        "height": height,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "seed": seed,
        "scheduler": sampler,
        "num_images": images,
    }
    said = {name: value for name, value in given.items() if value is not None}
    return worded(prompt, said, card, otherwise={"owner": str(owner)})
