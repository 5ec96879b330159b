"""Interactions: what a member did, how the bot may answer it, and until when."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

from bot.playground import wire
from bot.playground.clock import Clock
from bot.playground.errors import Json, NotPossible, refusal
from bot.playground.feed import Dispatch, Feed
from bot.playground.letter import Cause, Message
from bot.playground.limits import Limits
from bot.playground.messages import Messages
from bot.playground.world import World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
PENDING, DONE, FAILED = "pending", "done", "failed: application did not respond"


@dataclass(slots=True)
class Interaction:
    """
    One thing that a member did.

    `state` leaves `pending` exactly once: `done` when the member sees the bot's answer, `failed` after the deadline.
    """

    interaction_id: str
    token: str
    type: int
    user: Json
    channel_id: str
    created_at: float
    size_limit_bytes: int
    owners: Json
    command: str | None = None
    source_id: str | None = None
    target_id: str | None = None
    opened_by: "Interaction | None" = None
    deadline: asyncio.TimerHandle | None = None
    callback_type: int | None = None
    acknowledged_after_s: float | None = None
    state: str = PENDING
    original_id: str | None = None
    is_loading: bool = False
    is_ephemeral: bool | None = None
    followup_ids: list[str] = field(default_factory=list)
    choices: list[Json] | None = None
    modal: Json | None = None

    @property
    def cause(self) -> Cause:
        """What its messages say about where they come from."""
        return Cause(self.user, self._metadata(), self.command)

    def _metadata(self) -> Json:
        metadata: Json = {
            "id": self.interaction_id,
            "type": self.type,
            "user": self.user,
            "authorizing_integration_owners": self.owners,
        }
        if self.target_id:
            metadata["target_message_id"] = self.target_id
        if self.type == COMPONENT:
            metadata["interacted_message_id"] = self.source_id
        if self.opened_by:
            metadata["triggering_interaction_metadata"] = self.opened_by._metadata()  # noqa: SLF001  its own class
        return metadata


class Interactions:
    """All interactions by token."""

    def __init__(self, world: World, messages: Messages, clock: Clock, feed: Feed, limits: Limits) -> None:
        self._world = world
        self._messages = messages
        self._clock = clock
        self._feed = feed
        self._limits = limits
        self.by_token: dict[str, Interaction] = {}

    def start(
        self,
        type_: int,
        user: Json,
        channel: Json,
        data: Json,
        *,
        command: str | None = None,
        message: Message | None = None,
        opened_by: Interaction | None = None,
    ) -> Interaction:
        """
        Tell the bot that a member did something; it has until the deadline to answer.

        Raises:
            NotPossible: the bot is not in this server, or a forum's posts are meant.
        """
        if channel["type"] == wire.FORUM:
            raise NotPossible("in a forum one uses commands in its posts")
        guild = self._world.guild_of(channel)
        if guild and self._world.bot["id"] not in guild.members:
            raise NotPossible("the bot is not in this server")
        interaction = Interaction(
            interaction_id=self._clock.snowflake(),
            token=secrets.token_urlsafe(60),
            type=type_,
            user=user,
            channel_id=channel["id"],
            created_at=self._clock.now(),
            size_limit_bytes=self._limits.size_limit_bytes,
            owners={"0": guild.guild_id if guild else "0"},
            command=command,
            source_id=message.message_id if message else None,
            target_id=data.get("target_id"),
            opened_by=opened_by,
        )
        self.by_token[interaction.token] = interaction
        loop = asyncio.get_running_loop()
        interaction.deadline = loop.call_later(self._limits.deadline_s, self._expire, interaction)
        payload = self._payload(interaction, channel, data)
        if message:
            payload["message"] = self._messages.shown(message)
        self._feed.dispatch(Dispatch("INTERACTION_CREATE", payload, channel.get("guild_id")))
        return interaction

    def alive(self, token: str) -> Interaction:
        """
        The interaction with this token, answered and not yet 15 minutes old.

        Raises:
            ApiError: 10015 or 50027.
        """
        interaction = self.by_token.get(token)
        if interaction is None or interaction.callback_type is None:
            raise refusal(10015)
        if self._clock.now() - interaction.created_at > self._limits.token_life_s:
            raise refusal(50027)
        return interaction

    def unanswered(self, interaction_id: str, token: str) -> Interaction:
        """
        The interaction that the bot answers for the first time, in time.

        Raises:
            ApiError: 10062 or 40060.
        """
        interaction = self.by_token.get(token)
        if interaction is None or interaction.interaction_id != interaction_id:
            raise refusal(10062)
        if interaction.callback_type is not None:
            raise refusal(40060)
        if interaction.state == FAILED or self.age_s(interaction) > self._limits.deadline_s:
            raise refusal(10062)
        return interaction

    def acknowledge(self, interaction: Interaction, callback_type: int, *, is_done: bool) -> None:
        """Note the first answer."""
        if interaction.deadline:
            interaction.deadline.cancel()
        interaction.callback_type = callback_type
        interaction.acknowledged_after_s = self.age_s(interaction)
        if is_done:
            interaction.state = DONE
        self._tell(interaction)

    def complete(self, interaction: Interaction) -> None:
        """Note that a deferred answer has arrived."""
        interaction.is_loading = False
        interaction.state = DONE
        self._tell(interaction)

    def age_s(self, interaction: Interaction) -> float:
        """Seconds since the member did it."""
        return self._clock.now() - interaction.created_at

    def close(self) -> None:
        """Stop waiting for answers."""
        for interaction in self.by_token.values():
            if interaction.deadline:
                interaction.deadline.cancel()

    def result(self, interaction: Interaction) -> Json:
        """An interaction as the control API shows it."""

        def shown(message_id: str | None) -> Json | None:
            message = self._messages.by_id.get(message_id or "")
            return self._messages.for_page(message) if message else None

        return {
            "id": interaction.interaction_id,
            "token": interaction.token,
            "state": interaction.state,
            "kind": interaction.callback_type,
            "ack_after": interaction.acknowledged_after_s,
            "ephemeral": interaction.is_ephemeral,
            "choices": interaction.choices,
            "modal": interaction.modal,
            "message": shown(interaction.original_id),
            "followups": [followup for each in interaction.followup_ids if (followup := shown(each))],
        }

    def _expire(self, interaction: Interaction) -> None:
        interaction.state = FAILED
        self._tell(interaction)

    def _tell(self, interaction: Interaction) -> None:
        facts = {"id": interaction.interaction_id, "state": interaction.state, "kind": interaction.callback_type}
        self._feed.tell("interaction", **facts)

    def _payload(self, interaction: Interaction, channel: Json, data: Json) -> Json:
        user_id = interaction.user["id"]
        held = str(int(self._world.permissions(user_id, channel)))
        payload: dict[str, Any] = {
            "id": interaction.interaction_id,
            "application_id": self._world.bot["id"],
            "type": interaction.type,
            "token": interaction.token,
            "version": 1,
            "data": data,
            "channel_id": channel["id"],
            "channel": channel if channel["type"] == wire.DM else {**channel, "permissions": held},
            "locale": self._world.locales[user_id],
            "entitlements": [],
            "authorizing_integration_owners": interaction.owners,
            "app_permissions": str(int(self._world.permissions(self._world.bot["id"], channel))),
            "attachment_size_limit": interaction.size_limit_bytes,
        }
        guild = self._world.guild_of(channel)
        if guild is None:
            return payload | {"context": 1, "user": interaction.user}
        return payload | {
            "context": 0,
            "guild_id": guild.guild_id,
            "guild": {"id": guild.guild_id, "locale": guild.locale, "features": []},
            "guild_locale": guild.locale,
            "member": {**guild.members[user_id], "permissions": held},
        }
