"""The road behind admission on a real database; only the engine and Discord are played by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from bot.admission import Admission, Ask
from bot.database import Database
from bot.endings import Endings
from bot.erasing import Eraser
from bot.files import Files
from bot.moderation.flagging import Flagging
from bot.policy import OperatorLimits, Rules
from bot.prices import Prices
from bot.progress import Board
from bot.recovery import Recovery
from bot.store import messages, requests
from bot.studio import Studio
from bot.undeliverable import TooOld
from engine import CompleteRequest, EngineClosed, GenerationResult, ModelCard, Picture
from engine.reading import read_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.replies import Reply
    from bot.store.requests import RequestRow

CARD = ModelCard(title="Emoji", steps=20, guidance=5.0, width=128, height=128, scheduler="default")
MANY = Rules(pictures_per_day=1000, places_in_line=1000, pixels=2**20, steps=150)
CLOSED = EngineClosed("engine_closed", "the engine is closed")
WAIT_S = 60.0
ENOUGH_TURNS = 200
"""Of the event loop, in which everything that can happen does; the database's thread gets its turns, too."""


def picture(request: CompleteRequest, index: int = 0, *, flagged: bool = False, side_px: int = 8) -> Picture:
    image = Image.new("RGB", (side_px, side_px), "red")
    return Picture(index=index, seed=request.seed + index, image=image, flagged=flagged, gpu_s=1.5)


def result(request: CompleteRequest, *pictures: Picture) -> GenerationResult:
    return GenerationResult(request=request, pictures=pictures, model=CARD.title, has_safety_checker=False)


@dataclass
class Drawing:
    """One request in the engine's hands: what `say` puts there, its stream gives."""

    request: CompleteRequest
    events: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    is_closed: bool = False

    def say(self, *events: Any) -> None:
        for event in events:
            self.events.put_nowait(event)

    def finish(self, *, flagged: bool = False) -> None:
        pictures = [picture(self.request, index, flagged=flagged) for index in range(self.request.num_images)]
        self.say(*pictures, result(self.request, *pictures))


class HandEngine:
    """Draws what the test says, when it says so."""

    notices: tuple[str, ...] = ()
    card = CARD
    together = True
    """Whether all models fit into memory together."""

    def __init__(self) -> None:
        self.drawings: list[Drawing] = []
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.is_closed = False
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    def fit_together(self, models) -> bool:
        return self.together or len(models) <= 1

    def rows_of(self, request: CompleteRequest) -> tuple[int, ...]:
        return tuple(reading.rows for reading in read_all(request))

    async def ready(self) -> None:
        await self.loaded.wait()

    async def stream(self, request: CompleteRequest) -> AsyncIterator[Any]:
        if self.is_closed:
            raise CLOSED
        drawing = Drawing(request)
        self.drawings.append(drawing)
        try:
            while True:
                event = await drawing.events.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, GenerationResult):
                    return
        finally:
            drawing.is_closed = True

    async def close(self, *, finish: bool = True) -> None:
        self.is_closed = True
        if finish:
            await self.may_finish.wait()
        self.may_finish.set()
        for drawing in self.drawings:
            if finish and not drawing.is_closed:
                drawing.finish()
            else:
                drawing.say(CLOSED)

    @property
    def prompts(self) -> list[str]:
        return [drawing.request.prompt for drawing in self.drawings]

    async def drawing(self, prompt: str, attempt: int = 1) -> Drawing:
        """The drawing of this prompt, once it has begun."""

        def found() -> list[Drawing]:
            return [drawing for drawing in self.drawings if drawing.request.prompt == prompt]

        await until(lambda: len(found()) >= attempt)
        return found()[attempt - 1]


class HandMembers:
    """Every member is there, unless `reasons` says otherwise by their id; about some of them the answer is awaited."""

    def __init__(self) -> None:
        self.reasons: dict[int, str] = {}
        self.gates: dict[int, asyncio.Event] = {}

    async def why_not(self, row: RequestRow) -> str | None:
        if row.user_id in self.gates:
            await self.gates[row.user_id].wait()
        return self.reasons.get(row.user_id)


class HandDelivery:
    """Notes what is shown; `errors` are raised first, one each time."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, Reply]] = []
        self.errors: list[Exception] = []
        self.pings: list[int] = []
        self.pinged_messages: list[int | None] = []
        self.dms: list[str] = []
        self.messages: dict[int, Any] = {}
        self.pinged_before: set[int] = set()
        self.new_message_id: int | None = None
        self.answered: list[tuple[RequestRow, bool]] = []
        self.answers: dict[int, Any] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def show(self, row: RequestRow, reply: Reply) -> None:
        if self.new_message_id is not None:
            raise TooOld
        await self.show_once(row, reply)

    async def answer(self, row: RequestRow, reply: Reply, *, is_first: bool) -> int:
        await self.show_once(row, reply)
        self.answered.append((row, is_first))
        return self.new_message_id

    async def find_answer(self, row: RequestRow) -> Any:
        if isinstance(found := self.answers.get(row.id), Exception):
            raise found
        return found

    async def show_once(self, row: RequestRow, reply: Reply) -> None:
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.shown.append((row.id, reply))

    async def ping(self, row: RequestRow) -> None:
        self.pings.append(row.id)
        self.pinged_messages.append(row.message_id)

    async def has_pinged(self, row: RequestRow) -> bool:
        return row.id in self.pinged_before

    async def tell_by_dm(self, row: RequestRow, text: str, *, is_first: bool) -> None:
        self.dms.append(text)
        self.was_first_dm = is_first

    async def fetch(self, row: RequestRow) -> Any:
        return self.messages.get(row.id)

    def is_age_restricted(self, row: RequestRow) -> bool:
        return bool(row.is_age_restricted)

    def last(self, row: RequestRow) -> Reply:
        return [reply for request_id, reply in self.shown if request_id == row.id][-1]


async def until(is_true: Any) -> None:
    """Wait for something that the road does by itself."""
    async with asyncio.timeout(WAIT_S):
        while not is_true():  # noqa: ASYNC110 - the database tells nobody when it changes
            await asyncio.sleep(0.001)


@dataclass
class Clock:
    """Time that passes only when the test lets it."""

    now: float = 1_785_585_600.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Road:
    """Everything from admission to the ledger."""

    database: Database
    admission: Admission
    engine: HandEngine
    delivery: HandDelivery
    endings: Endings
    recovery: Recovery
    studio: Studio
    files: Files
    members: HandMembers
    prices: Prices
    eraser: Eraser
    clock: Clock

    async def admitted(self, prompt: str = "a cat", *, user_id: int = 1, message_id: int | None = 900, **more: Any):
        """A request that stands in the database, shown in a message."""
        facts = {
            "kind": "imagine",
            "parent_id": None,
            "guild_id": 7,
            "channel_id": 70,
            "interaction_id": 1,
            "interaction_token": "token",
            "attachment_limit": 10 * 2**20,
            "locale": "en-US",
            "model": "emoji",
            "typed_prompt": None,
            "role_ids": (),
            "notes": (),
            "estimated_s": 0.0,
            "is_age_restricted": False,
        }
        request = {
            "width": 128,
            "height": 128,
            "num_inference_steps": 20,
            "guidance_scale": 5.0,
            "seed": 7,
            "scheduler": "default",
        }
        asked = {name: more.pop(name) for name in facts if name in more}
        ask = Ask(request=CompleteRequest(prompt=prompt, **{**request, **more}), user_id=user_id, **{**facts, **asked})
        row = await self.admission.reserve(ask)
        if message_id is not None:
            async with self.database.transaction() as connection:
                await messages.mark_answered(connection, row.id, message_id=message_id)
        return await self.row(row.id)

    async def waiting(self, prompt: str = "a cat", **more: Any) -> RequestRow:
        """A request that was handed to the studio."""
        row = await self.admitted(prompt, **more)
        self.studio.enqueue(row)
        return row

    async def row(self, request_id: int) -> RequestRow:
        async with self.database.reading() as connection:
            row = await requests.fetch(connection, request_id)
        assert row is not None
        return row

    async def ended(self, row: RequestRow) -> RequestRow:
        """The request, once its ledger is settled and its member told."""
        async with asyncio.timeout(WAIT_S):
            while (current := await self.row(row.id)).told_at is None:  # noqa: ASYNC110 - the database tells nobody when it changes
                await asyncio.sleep(0.001)
        return current

    async def in_state(self, row: RequestRow, state: str) -> RequestRow:
        async with asyncio.timeout(WAIT_S):
            while (current := await self.row(row.id)).state != state:  # noqa: ASYNC110 - the database tells nobody when it changes
                await asyncio.sleep(0.001)
        return current

    async def change(self, row: RequestRow, **values: Any) -> RequestRow:
        """Set columns, as another time or another process would have left them."""
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        async with self.database.transaction() as connection:
            await connection.execute(f"UPDATE requests SET {assignments} WHERE id = :id", {**values, "id": row.id})  # noqa: S608
        return await self.row(row.id)

    async def settle(self) -> None:
        """Let everything happen that can."""
        for _ in range(ENOUGH_TURNS):
            await asyncio.sleep(0)
        async with self.database.transaction():
            pass


@asynccontextmanager
async def opened_road(
    tmp_path: Any,
    *,
    max_rows: int = 16,
    model_requests: int = 20,
    is_served: bool = True,
    rules: Rules = MANY,
    keep_pictures_s: float = 0.0,
    stop_s: float = WAIT_S,
    forget_prompts_s: float = 0.0,
    most_bytes: int = 10**9,
    weights: Any = None,
):
    """The road on a database of its own; `is_served` runs the studio's loop."""
    clock = Clock()
    async with Database.open(tmp_path / "bot.sqlite3") as database:
        admission = Admission(database, OperatorLimits(default=rules, ceiling=rules), clock=clock)
        delivery, engine = HandDelivery(), HandEngine()
        prices = Prices(rows_of=engine.rows_of, card_of=lambda _: CARD)
        files = Files(tmp_path / "files", database, most_bytes=most_bytes, clock=clock)
        endings = Endings(
            database=database,
            admission=admission,
            delivery=delivery,
            prices=prices,
            flagging=Flagging(
                database=database, files=files, is_age_restricted=delivery.is_age_restricted, clock=clock
            ),
            files=files,
            keep_pictures_s=keep_pictures_s,
            cards=lambda _: CARD,
            usual_model="emoji",
            clock=clock,
        )
        board, members = Board(delivery), HandMembers()
        studio = Studio(
            database=database,
            engine=engine,
            endings=endings,
            board=board,
            members=members,
            max_rows=max_rows,
            model_requests=model_requests,
            model_wait_s=60.0,
            stop_s=stop_s,
            weights=weights or {},
            clock=clock,
        )
        recovery = Recovery(database=database, delivery=delivery, endings=endings)
        eraser = Eraser(
            database=database,
            files=files,
            studio=studio,
            endings=endings,
            forget_prompts_s=forget_prompts_s,
            clock=clock,
        )
        road = Road(
            database, admission, engine, delivery, endings, recovery, studio, files, members, prices, eraser, clock
        )
        serving = asyncio.create_task(studio.run()) if is_served else None
        yield road
        delivery.gate.set()
        await studio.close()
        if serving:
            await serving
