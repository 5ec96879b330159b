"""What can be pressed under a message: labels and custom_ids that hold only an id; what a press does is elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import discord
from discord import ButtonStyle, SelectDefaultValueType

from bot.locales import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.store.flagged import FlaggedRow
    from bot.store.requests import RequestRow

MAX_LABEL_CHARACTERS = 80
"""https://discord.com/developers/docs/components/reference#button."""
PAGES = 100_000
"""More of them no list has."""
FEW_PAGES = 2
"""So many need no other way than one to the next."""


class Buttons(discord.ui.View):
    """
    Buttons and selects without a memory: a press is found by its custom_id, also after a restart.

    Stopped at birth, so that discord.py stores no view for every message that was ever sent.
    """

    def __init__(self, *rows: Sequence[discord.ui.Item[Buttons]]) -> None:
        super().__init__(timeout=None)
        for number, row in enumerate(rows):
            for item in row:
                item.row = number
                self.add_item(item)
        self.stop()


class Form(discord.ui.Modal):
    """A form without a memory: its submission is found by its custom_id; stopped at birth, as `Buttons`."""

    def __init__(self, title: str, custom_id: str, *labels: discord.ui.Label[Form]) -> None:
        super().__init__(title=title, custom_id=custom_id)
        for label in labels:
            self.add_item(label)
        self.stop()


def entered(data: Any) -> dict[str, str]:
    """What was typed into each of a form's inputs, by custom_id, out of Discord's submission."""
    values: dict[str, str] = {}
    for component in data["components"]:
        inputs = [component["component"]] if "component" in component else component.get("components", [])
        values.update({entry["custom_id"]: entry.get("value") or "" for entry in inputs})
    return values


def button(label: str, custom_id: str, style: ButtonStyle = ButtonStyle.secondary) -> discord.ui.Button[Buttons]:
    """A button; a label that is too long for Discord ends in an ellipsis."""
    if len(label) > MAX_LABEL_CHARACTERS:
        label = f"{label[: MAX_LABEL_CHARACTERS - 1]}…"
    return discord.ui.Button(label=label, custom_id=custom_id, style=style)


def under_waiting(row: RequestRow) -> Buttons:
    """What may be done while a request waits."""
    say = catalogue(row.locale).say
    return Buttons(
        [
            button(say("button-edit"), f"change:{row.id}"),
            button(say("button-why"), f"why:{row.id}"),
            button(say("button-cancel"), f"cancel:{row.id}"),
        ]
    )


def as_chosen(target_id: int | str, kind: SelectDefaultValueType) -> discord.SelectDefaultValue:
    """What a select shows as chosen; its id as text, which alone Discord's OpenAPI document allows."""
    return discord.SelectDefaultValue(id=cast("int", str(target_id)), type=kind)


def under_unfinished(row: RequestRow) -> Buttons:
    """What may be done while a request is drawn."""
    return Buttons([button(catalogue(row.locale).say("button-cancel"), f"cancel:{row.id}")])


def under_finished(row: RequestRow, flagged: Sequence[FlaggedRow] = ()) -> Buttons:
    """What may be done with finished pictures, and about those that were withheld."""
    say = catalogue(row.locale).say
    key = "button-appeal" if len(flagged) == 1 else "button-appeal-of-several"
    return Buttons(
        [
            button(say("button-reroll"), f"reroll:{row.id}", ButtonStyle.primary),
            button(say("button-edit"), f"edit:{row.id}"),
            button(say("button-delete"), f"delete:{row.id}", ButtonStyle.danger),
        ],
        [button(say(key, position=each.position + 1), f"appeal:{each.id}") for each in flagged if each.can_appeal],
    )


def under_appeal(flagged_id: int, request_id: int, locale: str) -> Buttons:
    """What moderators may say of a picture that was withheld."""
    say = catalogue(locale).say
    return Buttons(
        [
            button(say("button-approve"), f"approve:{flagged_id}", ButtonStyle.success),
            button(say("button-uphold"), f"uphold:{flagged_id}", ButtonStyle.danger),
            button(say("button-mod-details"), f"moddetails:{request_id}"),
        ]
    )


def under_question(wish_id: int, locale: str) -> Buttons:
    """The yes to a model's licence."""
    return Buttons([button(catalogue(locale).say("button-agree"), f"agree:{wish_id}", ButtonStyle.primary)])


def under_faults(draft_id: int, locale: str) -> Buttons:
    """The way back to a form whose values were faulty."""
    return Buttons([button(catalogue(locale).say("button-correct"), f"correct:{draft_id}", ButtonStyle.primary)])


def under_history(rows: Sequence[RequestRow], *, is_first: bool, has_more: bool, locale: str) -> Buttons:
    """Make again for each of at most five requests, and the way to older and newest ones."""
    say = catalogue(locale).say
    turns = []
    if not is_first:
        turns.append(button(say("button-newest"), "history:0"))
    if has_more:
        turns.append(button(say("button-older"), f"history:{rows[-1].id}"))
    return Buttons([button(say("button-again", id=row.short_id), f"again:{row.id}") for row in rows], turns)


def under_limits(proposal_id: int, count: int, locale: str) -> Buttons:
    """What carries out a change of limits that withdraws so many requests."""
    label = catalogue(locale).say("button-limits", count=count)
    return Buttons([button(label, f"limits:{proposal_id}", ButtonStyle.danger)])


def under_models(page: int, pages: int, firsts: Mapping[str, int], locale: str) -> Buttons:
    """
    The way to the pages before and behind this one, and to where each kind begins.

    Args:
        firsts: the page of each kind, by what the catalogue calls it.
    """
    say = catalogue(locale).say
    turns = []
    if page > 0:
        turns.append(button(say("button-previous"), f"models:{page - 1}"))
    if page + 1 < pages:
        turns.append(button(say("button-next"), f"models:{page + 1}"))
    if pages <= FEW_PAGES:
        return Buttons(turns)
    # What stands before the page only tells buttons apart: Discord takes no two of one custom_id in a message.
    jumps = [
        button(say(f"models-{kind}"), f"models:{number * PAGES + first}")
        for number, (kind, first) in enumerate(firsts.items(), start=1)
    ]
    return Buttons(turns, jumps)


def page_of(number: int) -> int:
    """The page that a button of `under_models` leads to, by the number in its custom_id."""
    return number % PAGES


def under_erasure(*, with_messages: bool, locale: str) -> Buttons:
    """Whether messages are deleted as well, and the last word."""
    say, now = catalogue(locale).say, int(with_messages)
    tick = button(say("mydata-ticked" if with_messages else "mydata-unticked"), f"tick:{1 - now}")
    return Buttons([tick], [button(say("button-erase"), f"erase:{now}", ButtonStyle.danger)])


def under_help(examples: Sequence[str], *, has_licence: bool, locale: str) -> Buttons:
    """The model's examples, each of which draws when pressed, and the text of its licence."""
    licence = [button(catalogue(locale).say("button-licence"), "licence:0")] if has_licence else []
    return Buttons(*([button(example, f"example:{number}")] for number, example in enumerate(examples)), licence)
