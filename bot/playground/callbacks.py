"""The bot's answers to interactions: the first one, edits of it, and followups."""

from collections.abc import Mapping

from bot.playground.access import Access
from bot.playground.attachments import Upload
from bot.playground.errors import Json, invalid, refusal
from bot.playground.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, Interaction, Interactions
from bot.playground.letter import Message
from bot.playground.message_rules import Flag
from bot.playground.messages import Messages
from bot.playground.modals import check_modal
from bot.playground.world import World

MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
ALLOWED = {
    COMMAND: {MESSAGE, DEFERRED, MODAL},
    COMPONENT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},
    AUTOCOMPLETE: {CHOICES},
    MODAL_SUBMIT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}
MAX_CHOICES, MAX_CHOICE_LENGTH = 25, 100

Files = Mapping[str, Upload]


class Callbacks:
    """What a bot may do with an interaction's token."""

    def __init__(self, world: World, messages: Messages, interactions: Interactions, access: Access) -> None:
        self._world = world
        self._messages = messages
        self._interactions = interactions
        self._access = access

    def answer(self, interaction_id: str, token: str, body: Json, files: Files) -> Json:
        """
        The first answer to an interaction.

        Raises:
            ApiError: too late, answered before, or an answer that this interaction does not allow.
        """
        interaction = self._interactions.unanswered(interaction_id, token)
        kind, data = body["type"], body.get("data") or {}
        message = self._act(interaction, kind, data, files)
        interaction.original_id = message.message_id if message else None
        interaction.is_loading = kind == DEFERRED
        interaction.is_ephemeral = bool(message and message.reader_id)
        self._interactions.acknowledge(interaction, kind, is_done=kind != DEFERRED)
        facts: Json = {
            "id": interaction.interaction_id,
            "type": interaction.type,
            "response_message_loading": kind == DEFERRED,
            "response_message_ephemeral": interaction.is_ephemeral,
        }
        if message is None:
            return {"interaction": facts}
        facts["response_message_id"] = message.message_id
        if kind not in (MESSAGE, UPDATE):
            return {"interaction": facts}
        return {"interaction": facts, "resource": {"type": kind, "message": self._messages.shown(message)}}

    def _act(self, interaction: Interaction, kind: int, data: Json, files: Files) -> Message | None:
        is_update = kind in (DEFERRED_UPDATE, UPDATE)
        if kind not in ALLOWED[interaction.type] or (is_update and interaction.source_id is None):
            raise invalid("type", f"This interaction cannot be answered with type {kind}", "BASE_TYPE_CHOICES")
        if kind == MESSAGE:
            return self._write(interaction, data, files)
        if kind == DEFERRED:
            if (data.get("flags") or 0) & ~Flag.EPHEMERAL:
                raise invalid("data.flags", "Only EPHEMERAL may be set on a deferred answer", "BASE_TYPE_CHOICES")
            return self._write(interaction, data, {}, is_loading=True)
        if is_update:
            source = self._messages.by_id.get(interaction.source_id or "")
            if source is None:
                raise refusal(10008)
            if kind == UPDATE:
                self._edit(interaction, source, data, files)
            return source
        if kind == CHOICES:
            interaction.choices = _checked_choices(data.get("choices") or [])
        else:
            check_modal(data)
            interaction.modal = data
        return None

    def follow_up(self, token: str, body: Json, files: Files) -> Json:
        """
        A further message; while a deferred original stands, it completes that one and is seen by whoever sees that.

        Raises:
            ApiError: the token is dead, or a limit is broken.
        """
        interaction = self._interactions.alive(token)
        original = self._messages.by_id.get(interaction.original_id or "")
        if interaction.is_loading and original:
            self._edit(interaction, original, body, files)
            message = original
        else:
            message = self._write(interaction, body, files, reply_to=interaction.original_id)
            interaction.followup_ids.append(message.message_id)
        self._interactions.complete(interaction)
        return self._messages.shown(message)

    def read(self, token: str, message_id: str) -> Json:
        """
        One of the interaction's own messages.

        Raises:
            ApiError: the token is dead, or there is no such message.
        """
        return self._messages.shown(self._own(self._interactions.alive(token), message_id))

    def edit(self, token: str, message_id: str, body: Json, files: Files) -> Json:
        """
        Edit one of the interaction's own messages; editing a deferred original completes it.

        Raises:
            ApiError: the token is dead, there is no such message, or a limit is broken.
        """
        interaction = self._interactions.alive(token)
        message = self._own(interaction, message_id)
        self._edit(interaction, message, body, files)
        self._interactions.complete(interaction)
        return self._messages.shown(message)

    def delete(self, token: str, message_id: str) -> None:
        """
        Delete one of the interaction's own messages; a followup after a deleted deferred original may be private.

        Raises:
            ApiError: the token is dead, or there is no such message.
        """
        interaction = self._interactions.alive(token)
        self._messages.delete(self._own(interaction, message_id))

    def _own(self, interaction: Interaction, message_id: str) -> Message:
        wanted = interaction.original_id if message_id == "@original" else message_id
        message = self._messages.by_id.get(wanted or "")
        if message is None or wanted not in (interaction.original_id, *interaction.followup_ids):
            raise refusal(10008)
        return message

    def _write(
        self,
        interaction: Interaction,
        body: Json,
        files: Files,
        *,
        is_loading: bool = False,
        reply_to: str | None = None,
    ) -> Message:
        channel = self._world.channels.get(interaction.channel_id)
        if channel is None:
            raise refusal(10003)
        self._access.open_thread(channel)
        flags = Flag(body.get("flags") or 0) & Flag.EPHEMERAL
        return self._messages.write(
            channel,
            {} if is_loading else body,
            files,
            author=self._world.bot,
            size_limit_bytes=interaction.size_limit_bytes,
            cause=interaction.cause,
            more_flags=flags | Flag.LOADING if is_loading else flags,
            reply_to=reply_to or interaction.source_id,
        )

    def _edit(self, interaction: Interaction, message: Message, body: Json, files: Files) -> None:
        self._access.check_editable(self._world.channels[message.channel_id])
        self._messages.edit(message, body, files, size_limit_bytes=interaction.size_limit_bytes)


def _checked_choices(choices: list[Json]) -> list[Json]:
    if len(choices) > MAX_CHOICES:
        raise invalid("data.choices", "Must be 25 or fewer in length.")
    for index, choice in enumerate(choices):
        for key in ("name", "value"):
            if isinstance(choice[key], str) and not 1 <= len(choice[key]) <= MAX_CHOICE_LENGTH:
                raise invalid(f"data.choices.{index}.{key}", "Must be between 1 and 100 in length.")
    return choices
