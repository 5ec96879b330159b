"""A real line behind the bot at the desk."""

from road import CARD

from bot.endings import Endings
from bot.progress import Board
from bot.store import messages, requests
from bot.studio import Studio


def studio_at_desk(world, delivery, *, engine=None, members=None, max_rows=16) -> Studio:
    client = world.client
    endings = Endings(
        database=world.database,
        admission=client.admission,
        delivery=delivery,
        cards=lambda _: CARD,
        usual_model="emoji",
        prices=client.prices,
        flagging=None,
        files=None,
        keep_pictures_s=0.0,
    )
    return Studio(
        database=world.database,
        engine=engine or client.engine,
        endings=endings,
        board=Board(delivery),
        members=members or client.members,
        max_rows=max_rows,
        model_requests=20,
        model_wait_s=60.0,
        stop_s=60.0,
        weights={},
    )


async def waiting(world, **changes):
    row = await world.row(**changes)
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, row.id, message_id=900)
    row = await stored(world, row)
    world.client.studio.enqueue(row)
    return row


async def stored(world, row):
    async with world.database.reading() as connection:
        return await requests.fetch(connection, row.id)
