"""The real client, database and admission, logged in at the desk; only the studio is a note-taker."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import discord
from desk import ANN_ID, APP_ID, CALLBACK, CHANNEL_ID, GUILD_ID, Call, Desk

from bot.admission import Admission, Ask
from bot.client import Client, use_api
from bot.database import Database
from bot.delivery import Delivery
from bot.english import EnglishOnly
from bot.erasing import Eraser
from bot.files import Files
from bot.members import Members
from bot.moderation.blocks import BlockedMembers
from bot.moderation.gates import FilterGate, FloorGate
from bot.prices import Prices
from bot.settings import Settings
from engine import CompleteRequest, Engine, GenerationRequest, ModelCard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bot.store.requests import RequestRow
    from bot.wording import Wording

CARD = ModelCard(
    title="Emoji",
    licence="MIT",
    draws="emoji only",
    examples=("a red heart", "a cat", "a strawberry"),
    steps=20,
    guidance=5.0,
    width=128,
    height=128,
)
REQUEST = CompleteRequest(
    prompt="a red heart",
    negative_prompt="blur",
    width=128,
    height=128,
    num_inference_steps=20,
    guidance_scale=5.0,
    seed=4181,
    scheduler="default",
    num_images=1,
)


@dataclass
class Withdrawn:
    id: int


@dataclass
class StudioNotes:
    """What the studio was asked to do."""

    loading: str | None = None
    is_closing: bool = False
    can_cancel: bool = True
    running: set[int] = field(default_factory=set)
    done: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def withdrawals(self) -> StudioNotes:
        """What they were asked to do stands beside the rest."""
        return self

    async def cancel(self, request_id: int, *, reason: str) -> bool:
        self.done.append(("cancel", request_id, reason))
        return self.can_cancel

    async def withdraw_message(self, request_id: int) -> None:
        self.done.append(("withdraw_message", request_id))

    async def withdraw(self, request_ids: Sequence[int], reason: str) -> list[Any]:
        self.done.append(("withdraw", list(request_ids), reason))
        return [Withdrawn(request_id) for request_id in request_ids if request_id not in self.running]

    async def withdraw_channel(self, channel_id: int) -> None:
        self.done.append(("withdraw_channel", channel_id))

    async def withdraw_guild(self, guild_id: int) -> None:
        self.done.append(("withdraw_guild", guild_id))

    async def withdraw_other_guilds(self, guild_ids: list[int]) -> None:
        self.done.append(("withdraw_other_guilds", guild_ids))

    async def drop(self, request_ids: list[int]) -> None:
        self.done += [("drop", request_id) for request_id in request_ids]

    async def tell(self, row: RequestRow, reason: str) -> None:
        self.done.append(("tell", row.id, reason))

    def tell_withdrawn(self, rows: Sequence[RequestRow]) -> None:
        self.done.append(("tell_withdrawn", [row.id for row in rows]))

    @property
    def overview(self) -> StudioNotes:
        """Every request is the second in line."""
        return self

    def place_of(self, request_id: int) -> int:
        return 2

    def waiting_rows(self, _guild_id: int | None) -> list[RequestRow]:
        return []

    @asynccontextmanager
    async def holding(self, *_request_ids: int) -> AsyncIterator[None]:
        yield


@dataclass
class Accepted:
    """What was handed to `accept`."""

    calls: list[tuple[GenerationRequest, str, int | None]] = field(default_factory=list)
    wordings: list[Wording | None] = field(default_factory=list)

    async def __call__(
        self,
        interaction: discord.Interaction[Any],
        request: GenerationRequest,
        *,
        kind: str,
        parent_id: int | None = None,
        wording: Wording | None = None,
    ) -> None:
        self.calls.append((request, kind, parent_id))
        self.wordings.append(wording)
        await interaction.response.send_message("accepted")


@dataclass
class World:
    desk: Desk
    client: Client
    database: Database
    studio: StudioNotes
    accepted: Accepted

    def send(self, payload: dict[str, Any]) -> None:
        """Let the gateway bring an interaction."""
        self.client._connection.parse_interaction_create(payload)

    async def answer(self, payload: dict[str, Any]) -> Call:
        """How an interaction was first answered, once all of it is done."""
        before = len(self.desk.sent("POST", CALLBACK))
        self.send(payload)
        await self.settled()
        (call,) = self.desk.sent("POST", CALLBACK)[before:]
        return call

    async def settled(self) -> None:
        """Until everything that discord.py has started for events is done."""
        names = ("CommandTree-invoker", "discord-ui", "discord.py: ")
        while tasks := [task for task in asyncio.all_tasks() if task.get_name().startswith(names)]:
            await asyncio.wait(tasks, timeout=60)

    async def row(self, **changes: Any) -> RequestRow:
        """A request that stands in the database."""
        request = CompleteRequest(
            **{name: changes.pop(name, getattr(REQUEST, name)) for name in CompleteRequest.__dataclass_fields__}
        )
        ask = {
            "kind": "imagine",
            "parent_id": None,
            "user_id": ANN_ID,
            "guild_id": GUILD_ID,
            "channel_id": CHANNEL_ID,
            "interaction_id": 4,
            "interaction_token": "old",
            "attachment_limit": 10 * 2**20,
            "locale": "en-US",
            "model": request.model or "emoji",
        }
        return await self.client.admission.reserve(Ask(request=request, **(ask | changes)))


@asynccontextmanager
async def bot_at_desk(tmp_path, monkeypatch, **settings):
    remember_base(monkeypatch)
    accepted = Accepted()
    for module in ("bot.buttons", "bot.forms", "bot.commands.imagine"):
        monkeypatch.setattr(f"{module}.accept", accepted)
    chosen = Settings.of(**{"servers": (GUILD_ID,), **settings})
    async with Desk.open() as desk, Database.open(tmp_path / "bot.sqlite3") as database:
        await use_api(desk.url, "token")
        studio = StudioNotes()
        engine = Engine.open("emoji", models_dir=chosen.models_dir)
        floor = FloorGate(engine.readings)
        filters = FilterGate(engine.readings, floor)
        files = Files(tmp_path / "files", database, most_bytes=chosen.most_disk_bytes)
        eraser = Eraser(
            database=database,
            files=files,
            studio=studio,
            endings=studio,
            forget_prompts_s=chosen.forget_prompts_s,
        )
        delivery = Delivery()
        admission = Admission(database, chosen.limits, gates=(floor, filters, EnglishOnly(engine)))
        client = Client(
            settings=chosen,
            database=database,
            admission=admission,
            studio=studio,
            recovery=None,
            delivery=delivery,
            members=Members(database, admission, BlockedMembers(chosen.servers)),
            prices=Prices(rows_of=engine.rows_of, card_of=engine.card_of),
            filters=filters,
            files=files,
            eraser=eraser,
            engine=engine,
            card=CARD,
        )
        eraser.speak_through(client)
        delivery.speak_through(client)
        async with client:
            await client.login("token")
            assert client.application_id == APP_ID
            yield World(desk, client, database, studio, accepted)


def remember_base(monkeypatch) -> None:
    """Put discord.py's addresses back after the test."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    monkeypatch.setattr(
        discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    )
    monkeypatch.setattr(discord.asset.Asset, "BASE", discord.asset.Asset.BASE)
