"""What members do: run commands, press buttons, fill in forms, write and delete."""

import contextlib

from bot.playground import wire
from bot.playground.commands import MESSAGE_MENU
from bot.playground.components import SELECTS, Kind, walk
from bot.playground.errors import Json, NotPossible
from bot.playground.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, PENDING, Interaction
from bot.playground.letter import Message
from bot.playground.modals import submitted
from bot.playground.options import Options
from bot.playground.permissions import Permission
from bot.playground.resolved import Resolved
from bot.playground.service import Service
from bot.playground.typed import path_of, values_of

SLOW_MODE_EXEMPT = Permission.MANAGE_MESSAGES | Permission.MANAGE_CHANNELS


class People:
    """
    Acts of members, by username and channel name (or their ids); `@dm` is a member's direct messages with the bot.

    What waits for the bot returns an interaction result: id, token, state, kind, ack_after, ephemeral, choices, modal,
    message, followups. A member who may not do it, or could not in Discord's client, is a NotPossible.
    """

    _service: Service

    async def command(
        self,
        name: str,
        options: Json | None = None,
        *,
        user: str = "ann",
        channel: str = "art",
        wait: float = 30.0,
    ) -> Json:
        """Run a slash command; `name` is its whole path, `limits set`."""
        member, place = self._at(user, channel)
        path = name.split()
        command = self._service.commands.find(path, member, place)
        data = self._options(member, place).filled(command, path[1:], options or {})
        interaction = self._service.interactions.start(COMMAND, member, place, data, command=" ".join(path))
        return await self._answered(interaction, wait)

    async def menu(self, name: str, message: str, *, user: str = "ann", wait: float = 30.0) -> Json:
        """Run a command of a message's menu ("Apps" in Discord's client)."""
        member = self._service.world.find_user(user)
        target = self._seen(message, member)
        place = self._service.world.channels[target.channel_id]
        command = self._service.commands.find([name], member, place, kind=MESSAGE_MENU)
        data: Json = {
            "id": command["id"],
            "name": name,
            "type": MESSAGE_MENU,
            "target_id": message,
            "resolved": {"messages": {message: self._service.messages.shown(target)}},
        }
        if "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        return await self._answered(self._service.interactions.start(COMMAND, member, place, data, command=name), wait)

    async def autocomplete(
        self,
        name: str,
        focused: str,
        options: Json | None = None,
        *,
        user: str = "ann",
        channel: str = "art",
        wait: float = 30.0,
    ) -> Json:
        """Ask for an option's choices while typing; they are the result's `choices`."""
        member, place = self._at(user, channel)
        path = name.split()
        command = self._service.commands.find(path, member, place)
        data = self._options(member, place).focused(command, path[1:], options or {}, focused)
        return await self._answered(self._service.interactions.start(AUTOCOMPLETE, member, place, data), wait)

    async def type(self, text: str, *, user: str = "ann", channel: str = "art", wait: float = 30.0) -> Json:
        """Send a whole line as typed: a command where it begins with a slash, else a message."""
        if not text.startswith("/"):
            return {"state": "done", "kind": None, "message": self.say(text, user=user, channel=channel)}
        member, place = self._at(user, channel)
        words = text[1:].split(maxsplit=1)
        if not words:
            raise NotPossible("a command's name follows the slash")
        path, rest = path_of(text, self._service.commands.find(words[:1], member, place))
        values = values_of(self._service.commands.find(path, member, place), path, rest)
        return await self.command(" ".join(path), values, user=user, channel=channel, wait=wait)

    async def click(self, message: str, custom_id: str, *, user: str = "ann", wait: float = 30.0) -> Json:
        """Press a button."""
        return await self._touched(message, custom_id, user, wait, None)

    async def select(
        self, message: str, custom_id: str, values: list[str], *, user: str = "ann", wait: float = 30.0
    ) -> Json:
        """Choose from a select: values of its options, or names or ids of members, roles or channels."""
        return await self._touched(message, custom_id, user, wait, values)

    async def modal(self, token: str, values: Json, *, wait: float = 30.0) -> Json:
        """Submit the form that the interaction with this token opened; fields left out keep what stood in them."""
        opener = self._service.interactions.by_token.get(token)
        if opener is None or opener.modal is None:
            raise NotPossible("no form is open")
        place = self._service.world.find_channel(opener.channel_id, opener.user)
        interaction = self._service.interactions.start(
            MODAL_SUBMIT,
            opener.user,
            place,
            submitted(opener.modal, values, Resolved(self._service.world, opener.user, place)),
            message=self._service.messages.by_id.get(opener.source_id or ""),
            opened_by=opener,
        )
        return await self._answered(interaction, wait)

    def say(self, content: str, *, user: str = "ann", channel: str = "art", reply_to: str | None = None) -> Json:
        """Write a message."""
        member, place = self._at(user, channel)
        self._check_may_write(member, place)
        body: Json = {"content": content}
        if reply_to:
            body["message_reference"] = {"message_id": reply_to}
        size_limit_bytes = self._service.limits.size_limit_bytes
        message = self._service.messages.write(place, body, {}, author=member, size_limit_bytes=size_limit_bytes)
        return self._service.messages.for_page(message)

    def delete_message(self, message: str, *, user: str = "ann") -> None:
        """Delete a message of one's own, or as a moderator; an ephemeral one is only dismissed."""
        member = self._service.world.find_user(user)
        found = self._seen(message, member)
        if found.reader_id:
            self._service.messages.dismiss(found)
            return
        held = self._service.world.permissions(member["id"], self._service.world.channels[found.channel_id])
        may_manage = found.guild_id is not None and Permission.MANAGE_MESSAGES in held
        if found.author is not member and not may_manage:
            raise NotPossible("you may delete only your own messages")
        self._service.messages.delete(found)

    def messages(self, *, user: str = "ann", channel: str = "art") -> list[Json]:
        """What stands in a channel for a member, oldest first."""
        member, place = self._at(user, channel)
        standing = self._service.messages.in_channel(place["id"])
        return [self._service.messages.for_page(each) for each in standing if each.is_seen_by(member["id"])]

    def commands(self, *, user: str = "ann", channel: str = "art") -> list[Json]:
        """All commands, each with `hidden`: why this member does not see it here, or None."""
        return self._service.commands.seen_by(*self._at(user, channel))

    def _at(self, user: str, channel: str) -> tuple[Json, Json]:
        member = self._service.world.find_user(user)
        place = self._service.world.find_channel(channel, member)
        if Permission.VIEW_CHANNEL not in self._service.world.permissions(member["id"], place):
            raise NotPossible(f"{user} does not see the channel {channel}")
        if place["type"] == wire.DM and place["recipients"][0] is not member:
            raise NotPossible(f"{user} does not see the channel {channel}")
        return member, place

    def _check_may_write(self, member: Json, place: Json) -> None:
        if place["type"] == wire.FORUM:
            raise NotPossible("in a forum one writes in its posts")
        is_thread = place["type"] == wire.PUBLIC_THREAD
        held = self._service.world.permissions(member["id"], place)
        needed = Permission.SEND_MESSAGES_IN_THREADS if is_thread else Permission.SEND_MESSAGES
        is_locked = is_thread and place["thread_metadata"]["locked"] and Permission.MANAGE_THREADS not in held
        if needed not in held or is_locked:
            raise NotPossible(f"{member['username']} may not write here")
        if is_thread and place["thread_metadata"]["archived"]:
            self._service.world.set_thread(place, archived=False)
        if not held & SLOW_MODE_EXEMPT and (wait_s := self._service.messages.slow_for(place, member)) > 0:
            raise NotPossible(f"slow mode: {member['username']} may write here again in {wait_s:.0f} s")

    def _options(self, member: Json, place: Json) -> Options:
        resolved = Resolved(self._service.world, member, place)
        return Options(self._service.attachments, self._service.messages.origin, place, resolved)

    def _seen(self, message_id: str, member: Json) -> Message:
        message = self._service.messages.by_id.get(message_id)
        if message is None or not message.is_seen_by(member["id"]):
            raise NotPossible("there is no such message")
        self._at(member["username"], message.channel_id)
        return message

    async def _touched(self, message_id: str, custom_id: str, user: str, wait: float, values: list[str] | None) -> Json:
        member = self._service.world.find_user(user)
        message = self._seen(message_id, member)
        component = self._component(message, custom_id)
        data: Json = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"]}
        if values is None and component["type"] != Kind.BUTTON:
            raise NotPossible("only a button can be pressed")
        place = self._service.world.channels[message.channel_id]
        if values is not None:
            data |= self._chosen(component, values, member, place)
        interaction = self._service.interactions.start(COMPONENT, member, place, data, message=message)
        return await self._answered(interaction, wait)

    def _chosen(self, select: Json, values: list[str], member: Json, place: Json) -> Json:
        if select["type"] not in SELECTS:
            raise NotPossible("nothing can be chosen there")
        resolved = Resolved(self._service.world, member, place)
        chosen = resolved.chosen(select, values)
        return {"values": chosen} | ({"resolved": resolved.data} if resolved.data else {})

    def _component(self, message: Message, custom_id: str) -> Json:
        for _, component in walk(message.components):
            if component.get("custom_id") == custom_id and not component.get("disabled"):
                return component
        raise NotPossible(f"the message has no enabled component {custom_id}")

    async def _answered(self, interaction: Interaction, wait_s: float) -> Json:
        with contextlib.suppress(TimeoutError):
            await self._service.feed.until(lambda: interaction.state != PENDING, wait_s)
        return self._service.interactions.result(interaction)
