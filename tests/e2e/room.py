"""One member in a channel of their own, so that tests that share a bot do not disturb each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.playground import Playground

Json = dict[str, Any]
DRAWN_S = 150.0
"""Long enough for a slow machine under load: nothing here is about how long it takes."""


@dataclass(frozen=True)
class Room:
    """What a member does here, and what stands here."""

    playground: Playground
    user: str
    channel: str

    @property
    def user_id(self) -> str:
        return self.playground.user_id(self.user)

    @property
    def channel_id(self) -> str:
        return self.playground.channel_id(self.channel)

    async def command(self, name: str, *, user: str | None = None, **options: Any) -> Json:
        """Run a command: the interaction's result."""
        return await self.playground.command(name, options, user=user or self.user, channel=self.channel)

    async def imagine(self, prompt: str = "a red heart", *, user: str | None = None, **options: Any) -> Json:
        """Run `/imagine`: the interaction's result."""
        return await self.command("imagine", user=user, prompt=prompt, **options)

    async def draw(self, prompt: str = "a red heart", *, user: str | None = None, **options: Any) -> Json:
        """Run `/imagine`, a small one unless said otherwise: the finished message."""
        answer = await self.imagine(prompt, user=user, **{"steps": 2, **options})
        return await self.finished(answer["message"]["id"])

    async def click(self, message: Json, act: str, *, user: str | None = None) -> Json:
        """Press the button that does this act: the interaction's result."""
        return await self.playground.click(message["id"], custom_id(message, act), user=user or self.user)

    def messages(self, *, user: str | None = None) -> list[Json]:
        """What stands in the channel for the member, oldest first."""
        return self.playground.messages(user=user or self.user, channel=self.channel)

    def message(self, message_id: str) -> Json | None:
        """One message as it stands now."""
        return next((message for message in self.messages() if message["id"] == message_id), None)

    async def until(self, found: Callable[[Json], Any], message_id: str, *, wait_s: float = DRAWN_S) -> Json:
        """The message, once this is true of it."""
        return await self.playground.wait_for(
            lambda: (message := self.message(message_id)) and found(message) and message, wait_s
        )

    async def finished(self, message_id: str, *, wait_s: float = DRAWN_S) -> Json:
        """The message, once it shows pictures."""
        return await self.until(lambda message: message["attachments"], message_id, wait_s=wait_s)

    async def running(self, message_id: str) -> Json:
        """The message, once it shows a step."""
        return await self.until(lambda message: "step" in message["content"], message_id)

    async def saying(self, text: str, message_id: str) -> Json:
        """The message, once its text holds this."""
        return await self.until(lambda message: text in message["content"], message_id)


def custom_id(message: Json, act: str) -> str:
    """The custom_id of a message's button that does this act."""
    return next(each for each in custom_ids(message) if each.startswith(f"{act}:"))


def custom_ids(message: Json) -> list[str]:
    """Those of all buttons of a message."""
    return [button["custom_id"] for row in message["components"] for button in row["components"]]


def labels(message: Json) -> list[str]:
    """What stands on a message's buttons."""
    return [button["label"] for row in message["components"] for button in row["components"]]
