"""Members who ask, cancel, delete and press again while the bot is killed at the worst moments; seeded."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot_process import ANSWERED_S, PACED
from room import custom_ids

from bot.playground import NotPossible

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from random import Random

    from bot_process import BotProcess

    from bot.playground import Playground

Json = dict[str, Any]

CHANNEL = "art"
MODERATOR = "mo"
PROGRAM = (*PACED, "--ping-after", "1")
"""Less than any start takes: who was interrupted is pinged, on however fast a machine."""
LONGEST_LIFE_S = 12.0
"""From its first step or picture on; then a bot is killed even where its moment has not come."""
SETTLED_S = 240.0
CALLBACK, EDIT = {"method": "POST", "path": "/interactions/*/callback"}, {"method": "PATCH"}
FAULTS: tuple[Json, ...] = (
    CALLBACK | {"delay_s": 0.3, "after_effect": True},
    CALLBACK | {"cut": True, "after_effect": True},
    CALLBACK | {"status": 500, "after_effect": True},
    EDIT | {"delay_s": 0.3, "after_effect": True},
    EDIT | {"delay_s": 0.5},
    EDIT | {"cut": True, "after_effect": True},
    EDIT | {"status": 502, "after_effect": True},
    EDIT | {"status": 500},
    EDIT | {"status": 429, "retry_after": 0.2},
    {"method": "GET", "path": "/webhooks/*", "cut": True},
)
MOMENTS: dict[str, Callable[[Json], Any]] = {
    "asked": lambda event: event["type"] == "asked",
    "answered": lambda event: event["type"] == "message_create" and event["message"]["cmd"],
    "drawn": lambda event: event["type"] == "message_update" and "step " in event["message"]["content"],
    "delivered": lambda event: event["type"] == "message_update" and event["message"]["attachments"],
    "pinged": lambda event: event["type"] == "message_create" and event["message"]["mentions"],
    "heard": lambda event: event["type"] == "request" and event["method"] in ("PATCH", "POST"),
    "whenever": lambda _: False,
}
"""What the bot is killed at: what Discord's side sees, before the bot itself can have heard of it."""
DELAYS_S = (0.0, 0.0, 0.002, 0.005, 0.01, 0.03, 0.1, 0.5)
GATEWAY = ("reconnect", "invalid", "drop", "cut")


@dataclass
class Chaos:
    """What members did, and what they were answered."""

    playground: Playground
    bot: BotProcess
    random: Random
    users: tuple[str, ...]
    answers: list[Json] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    kills: int = 0
    cuts: int = 0
    _acts: list[asyncio.Task[None]] = field(default_factory=list)
    _hear: Callable[[Json], None] = lambda _: None

    async def run(self, *, moments: Sequence[str], asks: int) -> None:
        """Kill the bot at each of these moments while so many requests are made; afterwards everything has settled."""
        self.bot.program = PROGRAM
        await self.bot.start()
        for number, moment in enumerate(moments):
            await self._live_and_die(moment, asks // len(moments))
            if number % 2:
                await self.bot.launch()
            else:
                await self.bot.start()
        self.playground.clear_faults()
        while unfinished := [act for act in self._acts if not act.done()]:
            await asyncio.gather(*unfinished)
        await self._settled()

    async def _live_and_die(self, moment: str, asks: int) -> None:
        occurrence, delay_s = self.random.randint(1, 6), self.random.choice(DELAYS_S)
        loop = asyncio.get_running_loop()
        process = self.bot.process
        longest_s = self.random.uniform(0.0, LONGEST_LIFE_S) if moment == "whenever" else LONGEST_LIFE_S
        seen, is_drawing = 0, False

        def kill() -> None:
            if process.returncode is None:
                process.kill()

        def listen(event: Json) -> None:
            nonlocal seen, is_drawing
            if not is_drawing and (MOMENTS["drawn"](event) or MOMENTS["delivered"](event)):
                is_drawing = True
                loop.call_later(longest_s, kill)
            seen += bool(MOMENTS[moment](event))
            if seen == occurrence:
                seen += 1
                loop.call_later(delay_s, kill) if delay_s else kill()

        self.playground.clear_faults()
        for fault in self.random.sample(FAULTS, 2):
            self.playground.fault(**fault)
        self._hear = listen
        with self.playground.listening(listen), contextlib.suppress(TimeoutError):
            self._do(self._act(asks))
            await asyncio.wait_for(process.wait(), SETTLED_S)
        await self.bot.kill()
        self.kills += process.returncode == -signal.SIGKILL

    async def _act(self, asks: int) -> None:
        """Ask, press and delete, at once or with little time between, whenever the bot is there."""
        for _ in range(asks):
            await self.playground.wait_for(lambda: self.playground.is_connected, SETTLED_S)
            self._do(self._ask())
            self._hear({"type": "asked"})
            await asyncio.sleep(self.random.choice((0.0, 0.0, 0.05, 0.3)))
        acts = self.random.choices((self._cancel, self._reroll, self._delete), (4, 2, 1), k=2)
        acts.insert(self.random.randrange(3), self._disturb)
        for act in acts:
            self._do(act())
            await asyncio.sleep(self.random.choice((0.0, 0.3)))

    def _do(self, act: Coroutine[Any, Any, None]) -> None:
        self._acts.append(asyncio.create_task(act))

    async def _ask(self) -> None:
        options = {
            "prompt": self.random.choice(("a red heart", "a cat", "the sun")),
            "images": self.random.choice((1, 1, 2, 3, 4)),
            "steps": self.random.choice((1, 2, 3, 8, 60)),
            "width": 64,
            "height": 64,
        }
        user = self.random.choice(self.users)
        self.answers.append(
            await self.playground.command("imagine", options, user=user, channel=CHANNEL, wait=ANSWERED_S)
        )

    async def _press(self, act: str) -> Json | None:
        """What the press of such a button is answered; None where there is none."""
        found = [
            (message, custom_id)
            for message in self.playground.messages(user=MODERATOR, channel=CHANNEL)
            for custom_id in custom_ids(message)
            if custom_id.startswith(f"{act}:")
        ]
        if not found:
            return None
        message, custom_id = self.random.choice(found)
        user = self.random.choice((*self.users, MODERATOR))
        with contextlib.suppress(NotPossible):
            return await self.playground.click(message["id"], custom_id, user=user, wait=ANSWERED_S)
        return None

    async def _cancel(self) -> None:
        await self._press("cancel")

    async def _reroll(self) -> None:
        if answer := await self._press("reroll"):
            self.answers.append(answer)

    async def _delete(self) -> None:
        """Delete a message that has no pictures yet."""
        waiting = [
            message
            for message in self.playground.messages(user=MODERATOR, channel=CHANNEL)
            if message["components"] and not message["attachments"]
        ]
        if waiting:
            message_id = self.random.choice(waiting)["id"]
            self.playground.delete_message(message_id, user=MODERATOR)
            self.deleted.add(message_id)

    async def _disturb(self) -> None:
        """Cut the bot off from the gateway, in one of the ways that this happens."""
        await self.playground.gateway(self.random.choice(GATEWAY))
        self.cuts += 1

    async def _settled(self) -> None:
        left = "ended_at IS NULL OR told_at IS NULL OR (ping_intended_at IS NOT NULL AND pinged_at IS NULL)"
        loop = asyncio.get_running_loop()
        fewest, until = None, 0.0
        while rows := self.bot.rows(left):
            assert self.bot.is_running, self.bot.log[-4000:]
            if fewest is None or len(rows) < fewest:  # a slow machine takes its time, as long as it goes on
                fewest, until = len(rows), loop.time() + SETTLED_S
            assert loop.time() < until, ([dict(row) for row in rows], self.bot.log[-4000:])
            await asyncio.sleep(0.2)  # the database tells nobody when it changes
