"""The form behind Edit: opened with what was asked, read back, and opened again as typed where it is faulty."""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import discord

from bot import views
from bot.accept import accept
from bot.admission import Refused
from bot.answers import privately
from bot.changing import change
from bot.locales import catalogue
from bot.markdown import utf16_length
from bot.sentences import sentence
from bot.store import requests
from bot.wording import worded
from engine import GenerationRequest, InvalidRequest
from engine.notation.trailing import read_options
from engine.notation.values import FIELDS as OPTION_FIELDS
from engine.notation.values import negative_prompt, number, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.client import Client
    from bot.store.requests import RequestRow
    from bot.wording import Wording
    from engine import ModelCard

MAX_INPUT_CHARACTERS = 4000
"""https://discord.com/developers/docs/components/reference#text-input."""
MAX_NUMBER_CHARACTERS = 32
SUBMITTED = re.compile(r"(?P<act>edit|change)-form:(?P<request_id>\d{1,18})")
"""The custom_id of a form that was submitted, whichever process opened it: for another request, or for the same one."""
OPTIONAL = ("negative_prompt", "steps", "guidance", "seed")
PARAGRAPHS = ("prompt", "negative_prompt")
FIELD_NAMES = {"steps": "num_inference_steps", "guidance": "guidance_scale"}
"""What the request calls a field of the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What stands in the form, as typed."""

    prompt: str
    negative_prompt: str
    steps: str
    guidance: str
    seed: str


class FaultyForm(Exception):
    """What was typed cannot be drawn: one sentence for each faulty field."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__(*sentences)
        self.sentences = sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A form that was faulty, kept for [Correct it]."""

    act: str
    request_id: int
    typed: Typed


def typed_of(row: RequestRow) -> Typed:
    """The form's contents for a request as it is."""
    return Typed(
        prompt=row.as_typed,
        negative_prompt=row.negative_prompt,
        steps=str(row.num_inference_steps),
        guidance=repr(row.guidance_scale).removesuffix(".0"),
        seed=str(row.seed),
    )


def edit_form(request_id: int, typed: Typed, locale: str, *, act: str = "edit") -> views.Form:
    """
    The form, filled in.

    Args:
        act: what its submission does: "edit" asks for another request, "change" changes the one that waits.
    """
    say = catalogue(locale).say
    labels = []
    for field in fields(Typed):
        key = f"form-{field.name.replace('_', '-')}"
        is_paragraph = field.name in PARAGRAPHS
        component: discord.ui.TextInput[views.Form] = discord.ui.TextInput(
            custom_id=field.name,
            style=discord.TextStyle.paragraph if is_paragraph else discord.TextStyle.short,
            default=getattr(typed, field.name) or None,
            required=field.name not in OPTIONAL,
            max_length=MAX_INPUT_CHARACTERS if is_paragraph else MAX_NUMBER_CHARACTERS,
        )
        description = say(f"{key}.description") if field.name in OPTIONAL else None
        labels.append(discord.ui.Label(text=say(key), description=description, component=component))
    return views.Form(say(f"form-title-{act}"), f"{act}-form:{request_id}", *labels)


async def open_form(
    interaction: discord.Interaction[Client], request_id: int, typed: Typed, *, act: str = "edit"
) -> None:
    """Show the form; where a text is too long for one, give it as a file to the member alone."""
    locale = interaction.locale.value
    long = [name for name in PARAGRAPHS if utf16_length(getattr(typed, name)) > MAX_INPUT_CHARACTERS]
    if not long:
        await interaction.response.send_modal(edit_form(request_id, typed, locale, act=act))
        return
    files = [discord.File(io.BytesIO(getattr(typed, name).encode()), f"{name}.txt") for name in long]
    await privately(interaction, catalogue(locale).say("form-too-long", maximum=MAX_INPUT_CHARACTERS), files=files)


async def submit(interaction: discord.Interaction[Client], request_id: int, *, act: str = "edit") -> None:
    """
    A form was submitted: the presser's own request, or a change of the one that waits.

    What cannot be drawn is answered to the presser alone, with the reasons and [Correct it].

    Raises:
        Refused: the request that is to be changed is not known any more.
    """
    client = interaction.client
    async with client.database.reading() as connection:
        row = await requests.fetch(connection, request_id)
    if row is None:
        raise Refused("request-unknown")
    if row.erased_at is not None:
        raise Refused("request-erased")
    locale = interaction.locale.value
    typed = read(interaction.data)
    try:
        source = await asyncio.to_thread(client.engine.find_source, model_of(row, typed.prompt))
        before = client.engine.card_of(row.model)
        request, wording = wanted(row, typed, source.card, locale, before=before)
        owned = replace(request, model=source.name, owner=str(interaction.user.id))
        if act == "change":
            await change(interaction, row, owned, wording)
        else:
            await accept(interaction, owned, kind="edit", parent_id=row.id, wording=wording)
    except FaultyForm as faulty:
        sentences = faulty.sentences
    except (InvalidRequest, Refused) as fault:
        sentences = (sentence(fault, locale),)
    else:
        return
    draft = Draft(act=act, request_id=request_id, typed=typed)
    client.drafts.keep(interaction.id, draft, user_id=interaction.user.id)
    say = catalogue(locale).say
    lines = [say("form-faults"), *(say("form-fault", sentence=sentence) for sentence in sentences)]
    await privately(interaction, "\n".join(lines), view=views.under_faults(interaction.id, locale))


def model_of(row: RequestRow, prompt: str) -> str | None:
    """The model that a form asks for: what its prompt says, if that has changed, or else as it was; None: the usual."""
    before, now = (read_options(text).options.get("model") for text in (row.as_typed, prompt))
    return row.model if now == before else now


def read(data: Any) -> Typed:
    """What was typed, out of Discord's submission."""
    values = views.entered(data)
    return Typed(**{field.name: values.get(field.name, "") for field in fields(Typed)})


def wanted(
    row: RequestRow, typed: Typed, card: ModelCard, locale: str, *, before: ModelCard | None = None
) -> tuple[GenerationRequest, Wording]:
    """
    The request that the form asks for: what nobody changed stays as it was, also what has no field here.

    Args:
        card: of the model that is asked for now.
        before: of the model that drew; what was no more than its default is now that of the other one.

    Raises:
        FaultyForm: every field that is faulty, not only the first.
    """
    kept = _kept(row, typed.prompt)
    values: dict[str, Any] = {}
    faults = []
    for field in fields(Typed):
        name = FIELD_NAMES.get(field.name, field.name)
        try:
            values[name] = _value(name, getattr(typed, field.name))
            GenerationRequest(**{"prompt": "-", **kept, name: values[name]})
        except InvalidRequest as fault:
            faults.append(sentence(fault, locale))
    if not faults:
        try:
            prompt, given = values.pop("prompt"), _given(row, typed, values, kept)
            otherwise = {**kept, **values}
            if before is not None and before != card:
                otherwise = _without_defaults(otherwise, before) | given
            return worded(prompt, given, card, otherwise=otherwise)
        except (InvalidRequest, Refused) as fault:
            faults.append(sentence(fault, locale))
    raise FaultyForm(tuple(faults))


def _without_defaults(values: Mapping[str, Any], card: ModelCard) -> dict[str, Any]:
    """Values without those that a model's card fills in where nothing is said; width and height go together."""
    usual = {
        "num_inference_steps": card.steps,
        "guidance_scale": card.guidance,
        "scheduler": card.scheduler,
        "clip_skip": card.clip_skip,
        "negative_prompt": card.negative_prompt,
    }
    if (values.get("width"), values.get("height")) == (card.width, card.height):
        usual |= {"width": card.width, "height": card.height}
    return {name: value for name, value in values.items() if value != usual.get(name, ...)}


def _kept(row: RequestRow, prompt: str) -> dict[str, Any]:
    """What has no field in the form: as it was, but for what came from options that were taken out of the prompt."""
    kept: dict[str, Any] = {
        "scheduler": row.scheduler,
        "num_images": len(set(row.seeds)),
        "width": row.width,
        "height": row.height,
        "max_embeddings_multiples": row.max_embeddings_multiples,
        "clip_skip": row.clip_skip,
    }
    removed = read_options(row.as_typed).options.keys() - read_options(prompt).options.keys()
    gone = {field for option in removed for field in OPTION_FIELDS.get(option, ())}
    return {name: value for name, value in kept.items() if name not in gone}


def _given(row: RequestRow, typed: Typed, values: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """
    What holds against the options at the prompt's end.

    These are the fields that were changed in the form, and what an option that was not changed has led to already. An
    empty field says nothing.
    """
    shown = typed_of(row)
    filled = {field.name for field in fields(Typed) if getattr(typed, field.name).strip()}
    changed = {name for name in filled if getattr(typed, name) != getattr(shown, name)}
    given = {FIELD_NAMES.get(name, name) for name in changed - {"prompt"}}
    before = read_options(row.as_typed).options
    unchanged = {option for option, text in read_options(typed.prompt).options.items() if before.get(option) == text}
    emptied = {FIELD_NAMES.get(field.name, field.name) for field in fields(Typed) if field.name not in filled}
    given |= {field for option in unchanged for field in OPTION_FIELDS.get(option, ())} - emptied
    return {name: value for name, value in {**kept, **values}.items() if name in given}


def _value(name: str, typed: str) -> object:
    """
    What a text means in its field; an empty number is left to the model, an empty seed is drawn.

    Raises:
        InvalidRequest: it is no number.
    """
    if name in PARAGRAPHS:
        return negative_prompt(typed) if name == "negative_prompt" else typed
    if not typed.strip():
        return -1 if name == "seed" else None
    return number(name, typed.strip()) if name == "guidance_scale" else whole(name, typed.strip())
