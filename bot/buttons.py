"""What a press does. A button's custom_id names the act and an id, so that it works for ever, also after a restart."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
import structlog

from bot import agreement, forms
from bot.accept import accept
from bot.admission import Refused
from bot.answers import acknowledge, answered, privately
from bot.changing import check_changeable
from bot.commands import help as helping
from bot.commands import limits, models, moderate, mydata, pictures
from bot.moderation import acts, appeals, menu
from bot.moderation.rights import is_moderator
from bot.store import audit, requests
from bot.waiting import why_text
from bot.wording import Wording
from engine import GenerationRequest

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Mapping

    from bot.client import Client
    from bot.store.audit import Deed
    from bot.store.requests import RequestRow

log = structlog.stdlib.get_logger(__name__)


class Press(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"(?P<act>[a-z]+):(?P<number>[0-9]{1,20})"
):
    """A press of any button of ours, found by its custom_id."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], act: str, number: int) -> None:
        super().__init__(item)
        self._act = act
        self._number = number

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Press:
        """The press, as discord.py finds it in an interaction."""
        assert isinstance(item, discord.ui.Button)  # noqa: S101 - narrows the type; we send no other component
        return cls(item, match["act"], int(match["number"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says; discord.py does not tell anybody what goes wrong here, so the wrapper does."""
        async with answered(interaction):
            await press(interaction, self._act, self._number)


async def press(interaction: discord.Interaction[Client], act: str, number: int) -> None:
    """
    Do what a button says, once for a double click.

    Raises:
        InvalidRequest, Refused: the sentence is for the presser alone.
    """
    client = interaction.client
    await client.servers.check(interaction)
    if act not in ACTS:
        raise Refused("button-outdated")
    message_id = interaction.message.id if interaction.message else None
    if client.presses.is_repeat(interaction.user.id, message_id, act, number):
        await acknowledge(interaction)
        return
    await ACTS[act](interaction, number)


async def reroll(interaction: discord.Interaction[Client], request_id: int) -> None:
    """The presser's own request for the same with another seed. Whoever presses sees the message, and so the prompt."""
    row = _with_words(await _row(interaction, request_id))
    request = replace(row.request.asked, seed=-1, owner=str(interaction.user.id))
    await accept(interaction, request, kind="reroll", parent_id=row.id, wording=Wording.of(row.as_typed))


async def edit(interaction: discord.Interaction[Client], request_id: int) -> None:
    """Open the form with what was asked."""
    row = _with_words(await _row(interaction, request_id))
    await forms.open_form(interaction, row.id, forms.typed_of(row))


async def correct(interaction: discord.Interaction[Client], draft_id: int) -> None:
    """Open a faulty form again, with what was typed."""
    draft = interaction.client.drafts.find(draft_id, user_id=interaction.user.id)
    if draft is None:
        raise Refused("form-gone")
    await forms.open_form(interaction, draft.request_id, draft.typed, act=draft.act)


async def change(interaction: discord.Interaction[Client], request_id: int) -> None:
    """Open the form for a request that waits, to change it where it stands."""
    row = await _row(interaction, request_id)
    check_changeable(interaction, row)
    await forms.open_form(interaction, row.id, forms.typed_of(row), act="change")


async def why(interaction: discord.Interaction[Client], request_id: int) -> None:
    """Tell the presser alone why a request waits."""
    row = await _row(interaction, request_id)
    if row.state != "queued" and interaction.client.studio.overview.place_of(row.id) is None:
        raise Refused("waits-no-more")
    await privately(interaction, why_text(row, interaction.client.studio, interaction.locale.value))


async def again(interaction: discord.Interaction[Client], request_id: int) -> None:
    """The same picture once more; only for whoever asked for it first, since their history is theirs alone."""
    row = await _row(interaction, request_id)
    if row.user_id != interaction.user.id:
        raise Refused("not-yours-again")
    _with_words(row)
    await accept(interaction, row.request, kind="again", parent_id=row.id, wording=Wording.of(row.as_typed))


async def example(interaction: discord.Interaction[Client], number: int) -> None:
    """Draw one of the model's examples."""
    examples = interaction.client.card.examples
    if number >= len(examples):
        raise Refused("example-unknown")
    request = GenerationRequest(prompt=examples[number], owner=str(interaction.user.id))
    await accept(interaction, request, kind="example")


async def agree(interaction: discord.Interaction[Client], wish_id: int) -> None:
    """Note the presser's yes to a licence, and go on with what they had typed."""
    wish = await agreement.agree(interaction, wish_id)
    try:
        await accept(interaction, wish.request, kind=wish.kind, parent_id=wish.parent_id, wording=wish.wording)
    finally:
        await agreement.take_back_question(wish)


async def cancel(interaction: discord.Interaction[Client], request_id: int) -> None:
    """End a request that is not finished; its message then says so."""
    row = await _row(interaction, request_id)
    is_owner = row.user_id == interaction.user.id
    if not is_owner and not await _may_touch(interaction, row):
        raise Refused("not-yours-cancel")
    await acknowledge(interaction)
    reason = "cancelled-by-owner" if is_owner else "cancelled-by-moderator"
    if not await interaction.client.studio.cancel(request_id, reason=reason):
        raise Refused("cancel-too-late")
    if not is_owner:
        await _note(interaction, acts.withdrawal(row, interaction.user.id))


async def delete(interaction: discord.Interaction[Client], request_id: int) -> None:
    """Delete the message at once, and withdraw what is not finished."""
    row = await _row(interaction, request_id)
    if row.user_id != interaction.user.id and not await _may_touch(interaction, row):
        raise Refused("not-yours-delete")
    await acknowledge(interaction)
    if row.deleted_at is None:
        await _note(interaction, acts.deletion(row, interaction.user.id))
    await interaction.client.studio.withdrawals.withdraw_message(request_id)
    await acts.note_deleted(interaction.client, [request_id])
    try:
        await interaction.delete_original_response()
    except discord.NotFound:
        return
    except discord.HTTPException as error:
        log.info("token_delete_failed", request_id=request_id, error=str(error))
        if interaction.message is not None:
            with suppress(discord.NotFound):
                await interaction.message.delete()


ACTS: Mapping[str, Callable[[discord.Interaction[Client], int], Awaitable[None]]] = {
    "reroll": reroll,
    "edit": edit,
    "correct": correct,
    "change": change,
    "why": why,
    "again": again,
    "example": example,
    "agree": agree,
    "licence": helping.licence,
    "appeal": appeals.appeal,
    "approve": appeals.approve,
    "uphold": appeals.uphold,
    "cancel": cancel,
    "delete": delete,
    "history": pictures.turn_page,
    "models": models.turn_page,
    "limits": limits.confirm,
    "purge": moderate.confirm_purge,
    **menu.ACTS,
    "tick": mydata.tick,
    "erase": mydata.erase,
}
"""What the first word of a custom_id does."""


async def _may_touch(interaction: discord.Interaction[Client], row: RequestRow) -> bool:
    """Whether the presser may touch somebody else's request: of their own server only."""
    return row.guild_id == interaction.guild_id and await is_moderator(interaction)


async def _note(interaction: discord.Interaction[Client], deed: Deed) -> None:
    """Write down what was done to a request."""
    async with interaction.client.database.transaction() as connection:
        await audit.append(connection, deed, now=time.time())


async def _row(interaction: discord.Interaction[Client], request_id: int) -> RequestRow:
    async with interaction.client.database.reading() as connection:
        row = await requests.fetch(connection, request_id)
    if row is None:
        raise Refused("request-unknown")
    return row


def _with_words(row: RequestRow) -> RequestRow:
    """
    The request, whose words are still there.

    Raises:
        Refused: they were erased.
    """
    if row.erased_at is not None:
        raise Refused("request-erased")
    return row
