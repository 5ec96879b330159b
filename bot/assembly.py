"""Where the bot's objects are built, each of them once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.admission import Admission, Gate
from bot.client import Client
from bot.delivery import Delivery
from bot.endings import Endings
from bot.english import EnglishOnly
from bot.erasing import Eraser
from bot.files import Files, RoomOnDisk
from bot.members import Members
from bot.moderation.blocks import BlockedMembers
from bot.moderation.flagging import Flagging
from bot.moderation.gates import FilterGate, FloorGate
from bot.moderation.unchecked import UncheckedModels
from bot.prices import LEARNED_FROM, Prices
from bot.progress import Board
from bot.recovery import Recovery
from bot.store import past
from bot.studio import Studio

if TYPE_CHECKING:
    from bot.database import Database
    from bot.moderation.rules import Rule
    from bot.settings import Settings
    from engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """What serving needs of all that was built; it has said nothing to Discord yet."""

    client: Client
    studio: Studio
    recovery: Recovery


async def assemble(settings: Settings, engine: Engine, database: Database, operators_rules: tuple[Rule, ...]) -> Bot:
    """Build everything that stands between Discord, the database and the engine."""
    files = Files(settings.data_dir, database, most_bytes=settings.most_disk_bytes)
    floor = FloorGate(engine.readings)
    filters = FilterGate(engine.readings, floor, operators_rules)
    blocked = BlockedMembers(settings.servers)
    admission = Admission(database, settings.limits, gates=_gates(settings, engine, blocked, floor, filters))
    delivery = Delivery()
    members = Members(database, admission, blocked)
    prices = await _prices(database, engine)
    endings = Endings(
        database=database,
        admission=admission,
        delivery=delivery,
        prices=prices,
        flagging=Flagging(database=database, files=files, is_age_restricted=delivery.is_age_restricted),
        files=files,
        keep_pictures_s=settings.keep_pictures_s,
        cards=engine.card_of,
        usual_model=engine.model,
    )
    recovery = Recovery(database=database, delivery=delivery, endings=endings)
    studio = Studio(
        database=database,
        engine=engine,
        endings=endings,
        board=Board(delivery),
        members=members,
        max_rows=settings.max_rows,
        model_requests=settings.model_requests,
        model_wait_s=settings.model_wait_seconds,
        weights=settings.weights,
        stop_s=settings.stop_seconds,
    )
    eraser = Eraser(
        database=database, files=files, studio=studio, endings=endings, forget_prompts_s=settings.forget_prompts_s
    )
    client = Client(
        settings=settings,
        database=database,
        admission=admission,
        studio=studio,
        recovery=recovery,
        delivery=delivery,
        files=files,
        members=members,
        prices=prices,
        filters=filters,
        eraser=eraser,
        engine=engine,
        card=engine.card,
    )
    for speaker in (delivery, members, eraser):
        speaker.speak_through(client)
    return Bot(client=client, studio=studio, recovery=recovery)


def _gates(
    settings: Settings, engine: Engine, blocked: BlockedMembers, floor: FloorGate, filters: FilterGate
) -> tuple[Gate, ...]:
    """What a request passes before limits and quota are looked at, in this order."""
    disks = (settings.data_dir, settings.database_path.parent)
    gates = (
        blocked,
        floor,
        filters,
        EnglishOnly(engine),
        RoomOnDisk(disks, least_free_bytes=settings.least_free_bytes),
    )
    return gates if settings.unchecked_models == "anywhere" else (*gates, UncheckedModels(engine))


async def _prices(database: Database, engine: Engine) -> Prices:
    """Prices that have learned from what is in the database."""
    prices = Prices(rows_of=engine.rows_of, card_of=engine.card_of)
    async with database.reading() as connection:
        prices.relearn(await past.measured_lately(connection, count=LEARNED_FROM))
    return prices
