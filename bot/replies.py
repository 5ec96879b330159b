"""Pure: a request and what came of it -> the message that people see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot import views
from bot.licences import line_under_picture
from bot.locales import catalogue
from bot.markdown import MAX_MESSAGE_CHARACTERS, clipped, one_line, plain, utf16_length
from bot.sentences import SHOWN_TEXT_CHARACTERS, note_text, quoted, sampler_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.admission import Allowance
    from bot.store.flagged import FlaggedRow
    from bot.store.requests import RequestRow
    from bot.views import Buttons
    from engine import ModelCard, Progress
    from engine.prompt import Note

SHOWN_PROMPT_CHARACTERS = 300
MAX_ALT_CHARACTERS = 1024
"""https://discord.com/developers/docs/resources/message#attachment-object."""
MAX_NOTES = 5
SPOILER = "SPOILER_"
BAR_CELLS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file of a message."""

    filename: str
    data: bytes
    description: str
    """The alt text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole message."""

    content: str
    uploads: tuple[Upload, ...] = ()
    view: Buttons | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What came of a request that shows at least one picture."""

    uploads: tuple[Upload, ...]
    seeds: tuple[int, ...]
    """The seed of each upload."""
    flagged: Sequence[FlaggedRow]
    licence: str
    """The model's, where nobody has told the member of it; else empty."""
    cut_prompt: str
    cut_negative_prompt: str
    notes: tuple[Note, ...]
    """What the prompts' notations did otherwise than was typed."""
    model: str | None
    """The title of the model that drew it, where that is not the usual one."""
    model_before: str | None
    """The model that drew what this repeats or changes, where it was another."""
    seconds: float
    """What the pictures took of the device."""
    left_today: int
    reason: str | None
    """Why there are fewer pictures than were asked for: a key of the catalogue."""


@dataclass(frozen=True, slots=True)
class Ready:
    """When a request that waits will be ready."""

    at: float
    """Unix seconds."""
    is_past: bool


def waiting(
    row: RequestRow,
    *,
    place: int | None,
    loading: str | None,
    left: str = "",
    ready: Ready | None = None,
    is_paused: bool = False,
) -> Reply:
    """
    An accepted request before its first step, with its price.

    Args:
        loading: the title of the model that it waits for.
        left: as `left_today`.
        is_paused: whether the server's moderators let nothing start.
    """
    say = catalogue(row.locale).say
    news = [say("line-is-paused")] if is_paused else [place_in_line(place, row.locale)]
    if ready is not None:
        news.append(ready_text(ready, row.locale))
    news += [*price(row), *([left] if left else [])]
    if loading is not None:
        news.append(say("model-loading", model=quoted(loading)))
    return Reply(content=_message(row, " · ".join(news), _owner(row)), view=views.under_waiting(row))


def ready_text(ready: Ready, locale: str) -> str:
    """When it will be ready, as people say it."""
    say = catalogue(locale).say
    if ready.is_past:
        return say("progress-moment")
    return say("ready-at", at=datetime.fromtimestamp(ready.at, UTC))


def price(row: RequestRow) -> list[str]:
    """What a request is thought to take; nothing where that was not known yet when it was asked for."""
    if not row.estimated_s:
        return []
    return [catalogue(row.locale).say("price", count=row.num_images, seconds=max(1, round(row.estimated_s)))]


def left_today(allowance: Allowance, locale: str) -> str:
    """What a member still has today: pictures, and where seconds are limited, those too."""
    numbers: dict[str, object] = {"left": allowance.left, "limit": allowance.rules.pictures_per_day}
    if allowance.seconds_left is None:
        return catalogue(locale).say("left-of-today", **numbers)
    return catalogue(locale).say("left-of-today-and-seconds", **numbers, seconds=int(allowance.seconds_left))


def seconds_text(seconds: float) -> str:
    """Seconds that were spent, to a tenth; what took less than that is not nothing."""
    return f"{max(seconds, 0.1) if seconds > 0 else 0.0:.1f}"


def restarting(row: RequestRow) -> Reply:
    """A request that the next start of the bot will take up."""
    news = catalogue(row.locale).say("restarting")
    return Reply(content=_message(row, news, _owner(row)), view=views.under_unfinished(row))


def running(row: RequestRow, progress: Progress) -> Reply:
    """A request whose pictures are being drawn."""
    say = catalogue(row.locale).say
    news = [say("progress-step", step=progress.step, steps=progress.steps)]
    if row.num_images > 1:
        news.append(say("progress-pictures", done=progress.pictures_done, count=row.num_images))
    seconds = round((progress.steps - progress.step) * progress.seconds_per_step)
    news.append(say("progress-remaining", seconds=seconds) if seconds >= 1 else say("progress-moment"))
    full = BAR_CELLS * progress.step // max(1, progress.steps)
    bar = "▰" * full + "▱" * (BAR_CELLS - full)
    return Reply(content=_message(row, f"{' · '.join(news)}  {bar}", _owner(row)), view=views.under_unfinished(row))


def finished(row: RequestRow, drawn: Drawn, card: ModelCard) -> Reply:
    """A request that shows pictures: all that were asked for, or with the reason why some are missing."""
    say = catalogue(row.locale).say
    # Where it differs from the one before, a line of its own says so.
    is_said = drawn.model is not None and drawn.model_before is None
    model = [quoted(drawn.model or "")] if is_said else []
    lines = [" · ".join([seeds_text(drawn.seeds, row.locale), *model, *_differences(row, card)])]
    if row.negative_prompt:
        is_default = row.negative_prompt == card.negative_prompt
        key = "used-negative-prompt-default" if is_default else "used-negative-prompt"
        lines.append(say(key, text=quoted(row.negative_prompt)))
    if drawn.model_before is not None:
        models = {"before": model_name(drawn.model_before), "now": model_name(row.model)}
        lines.append(say("another-model", **models))
    if drawn.cut_prompt:
        lines.append(say("cut-prompt", text=quoted(drawn.cut_prompt)))
    if drawn.cut_negative_prompt:
        lines.append(say("cut-negative-prompt", text=quoted(drawn.cut_negative_prompt)))
    notes_at = len(lines)
    if drawn.flagged:
        lines.append(say(f"flagged-as-{drawn.flagged[0].way}", flagged=len(drawn.flagged), count=row.num_images))
    if drawn.reason is not None:
        reason, charged = why(row, drawn.reason), len(drawn.uploads) - len(drawn.flagged)
        lines.append(say("partly", reason=reason, shown=charged, count=row.num_images) if charged else reason)
    cost = say("cost", count=len(drawn.seeds) - len(drawn.flagged), seconds=seconds_text(drawn.seconds))
    facts = [cost, say("left-today", left=drawn.left_today)]
    lines.append(" · ".join([_owner(row), *facts]))
    if drawn.licence:
        licence = line_under_picture(card.title, drawn.licence, row.locale)
        if utf16_length(_message(row, *lines, licence)) < MAX_MESSAGE_CHARACTERS:
            lines.insert(-1, licence)
    return Reply(
        content=_with_notes(_message(row, *lines).split("\n"), notes_at + 1, drawn.notes, row.locale),
        uploads=drawn.uploads,
        view=views.under_finished(row, drawn.flagged),
    )


def ended(row: RequestRow, key: str) -> Reply:
    """A request that ends without pictures: why, and, here only, that nothing was charged."""
    sentence = catalogue(row.locale).say("nothing-charged", reason=why(row, key))
    return Reply(content=_message(row, sentence, _owner(row)))


def why(row: RequestRow, key: str) -> str:
    """The sentence of a reason that a request's row may hold."""
    facts = {
        "id": row.short_id,
        "width": row.width,
        "height": row.height,
        "count": row.num_images,
        "steps": row.num_inference_steps,
        "scheduler": sampler_title(row.scheduler, row.locale),
        "model": model_name(row.model),
    }
    return catalogue(row.locale).say(key, **facts)


def ready_ping(row: RequestRow) -> str:
    """The one message that pings: that the pictures are ready, after a long wait."""
    return catalogue(row.locale).say("ready-ping", member=member(row.user_id), id=row.short_id, count=row.num_images)


def of_appeal(row: RequestRow, index: int, outcome: str) -> str:
    """What the moderators say about a picture that was withheld."""
    return catalogue(row.locale).say(f"appeal-{outcome}", position=index + 1)


def message_url(row: RequestRow) -> str:
    """Where Discord shows a request's message."""
    return f"https://discord.com/channels/{row.guild_id or '@me'}/{row.channel_id}/{row.message_id}"


def access_lost(row: RequestRow) -> str:
    """What the owner reads in a direct message where the channel is closed to the bot."""
    return catalogue(row.locale).say("access-lost", id=row.short_id, channel=f"<#{row.channel_id}>")


def place_in_line(place: int | None, locale: str) -> str:
    """The place as people say it; None is on its way out of the line."""
    say = catalogue(locale).say
    return say("place-next") if place is None or place <= 1 else say("place", place=place)


def file_name(row: RequestRow, index: int, extension: str, *, is_spoiler: bool = False) -> str:
    """What a picture's file is called; Discord hides one whose name begins so until somebody presses it."""
    return f"{SPOILER if is_spoiler else ''}imagine-{row.short_id}-{index + 1}.{extension}"


def stand_in_text(row: RequestRow, index: int) -> str:
    """What somebody who cannot see the picture reads of one that is withheld."""
    room = MAX_ALT_CHARACTERS - len(catalogue(row.locale).say("flagged-alt", alt=""))
    return catalogue(row.locale).say("flagged-alt", alt=clipped(alt_text(row, index), room))


def alt_text(row: RequestRow, index: int) -> str:
    """What somebody who cannot see the picture reads: its own prompt, and which of several it is."""
    say = catalogue(row.locale).say
    prompt = one_line(row.prompt_of(index)) or say("headline-empty")
    if row.num_images == 1:
        return say("picture-alt", prompt=clipped(prompt, MAX_ALT_CHARACTERS))
    place = {"position": index + 1, "count": row.num_images}
    room = MAX_ALT_CHARACTERS - len(say("picture-alt-of-several", prompt="", **place))
    return say("picture-alt-of-several", prompt=clipped(prompt, room), **place)


def headline(row: RequestRow, characters: int, locale: str) -> str:
    """The beginning of a request's prompt, safe to show."""
    if row.erased_at is not None:
        return catalogue(locale).say("headline-erased")
    return plain(clipped(one_line(row.prompt), characters)) or catalogue(locale).say("headline-empty")


def seeds_text(seeds: Sequence[int], locale: str) -> str:
    """Seeds in code style, which a phone copies: one, from first to last, or each where some are missing."""
    say = catalogue(locale).say
    seeds = list(dict.fromkeys(seeds))  # permutations share theirs
    if len(seeds) == 1:
        return say("seed-one", seed=seeds[0])
    if seeds[-1] - seeds[0] == len(seeds) - 1:
        return say("seed-range", first=seeds[0], last=seeds[-1])
    return say("seed-some", seeds=", ".join(f"`{seed}`" for seed in seeds))


def model_name(model: str) -> str:
    """A model as people call it: of a folder or a hub id only the last part, since paths are the operator's own."""
    return plain(clipped(re.split(r"[/\\]", model.rstrip("/\\"))[-1], SHOWN_TEXT_CHARACTERS))


def member(user_id: int) -> str:
    """A member, as Discord renders one."""
    return f"<@{user_id}>"


def _message(row: RequestRow, *lines: str) -> str:
    prompt = headline(row, SHOWN_PROMPT_CHARACTERS, row.locale)
    return "\n".join([catalogue(row.locale).say("headline", prompt=prompt), *lines])


def _with_notes(lines: Sequence[str], at: int, notes: Sequence[Note], locale: str) -> str:
    """The message with as many notes before line `at` as are read and as fit, and how many more there are."""
    texts = list(dict.fromkeys(note_text(note, locale) for note in notes))
    for shown in range(min(len(texts), MAX_NOTES), -1, -1):
        more = [catalogue(locale).say("notes-more", count=len(texts) - shown)] if shown < len(texts) else []
        content = "\n".join([*lines[:at], *texts[:shown], *more, *lines[at:]])
        if utf16_length(content) <= MAX_MESSAGE_CHARACTERS:
            return content
    return "\n".join(lines)


def _owner(row: RequestRow) -> str:
    say = catalogue(row.locale).say
    return f"-# {say('for-member', member=member(row.user_id))} · {say('short-id', id=row.short_id)}"


def _differences(row: RequestRow, card: ModelCard) -> list[str]:
    """What is not as the model's card has it."""
    say = catalogue(row.locale).say
    texts = []
    if row.num_inference_steps != card.steps:
        texts.append(say("used-steps", steps=row.num_inference_steps))
    if row.guidance_scale != card.guidance:
        texts.append(say("used-guidance", guidance=f"{row.guidance_scale:g}"))
    if row.scheduler != card.scheduler:
        texts.append(sampler_title(row.scheduler, row.locale))
    if (row.width, row.height) != (card.width, card.height):
        texts.append(say("used-size", width=row.width, height=row.height))
    return texts
