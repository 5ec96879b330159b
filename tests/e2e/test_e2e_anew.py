"""A message too old to be edited is answered by one new one, wherever the bot is killed on the way to it."""

from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from bot_process import PACED, opened_playground
from room import DRAWN_S, Room

pytestmark = pytest.mark.timeout(400)
MEMBER = "ann"
NONCE_LIFE_S = 400.0
"""After it Discord no longer tells a second message from the first."""
INTENDED, SENT = "intended", "sent"
ROOMS = {
    "intended": (INTENDED, False),
    "sent": (SENT, False),
    "intended, past closed": (INTENDED, True),
    "sent, past closed": (SENT, True),
}
"""How far each request has come when the bot is killed, and whether it may read the channel afterwards."""


@dataclass(frozen=True)
class Outcome:
    row: Any
    messages: list[dict[str, Any]]
    """Without pings."""
    history: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcomes(new_bot):
    async with opened_playground() as playground, new_bot(playground) as bot:
        bot.program = PACED
        await bot.start()
        rooms = {}
        for number, name in enumerate(ROOMS):
            user, channel = f"painter{number}", f"attic{number}"
            playground.add_member(user)
            playground.add_channel(channel)
            rooms[name] = Room(playground, user, channel)
        for name, room in rooms.items():
            await room.imagine(name, steps=20)
        playground.limits.old_edits, playground.limits.token_life_s = 0, 0.0
        playground.advance(2 * 3600)
        for name, (point, _) in ROOMS.items():
            path = f"/channels/{rooms[name].channel_id}/messages"
            if point == SENT:
                playground.fault(method="POST", path=path, delay_s=300.0, cut=True, after_effect=True)
            else:
                playground.fault(method="POST", path=path, status=500, times=50)
        for name, (point, _) in ROOMS.items():
            room = rooms[name]
            if point == SENT:
                await playground.wait_for(lambda room=room: len(room.messages()) == 2, DRAWN_S)
            else:
                tried = f"/channels/{room.channel_id}/messages"
                await playground.wait_for(
                    lambda tried=tried: any(
                        (request.method, request.path, request.status) == ("POST", tried, 500)
                        for request in playground.requests
                    ),
                    DRAWN_S,
                )
        await bot.kill()
        playground.clear_faults()
        playground.advance(NONCE_LIFE_S)
        bot.execute("UPDATE requests SET anew_intended_at = anew_intended_at - ?", NONCE_LIFE_S)
        for name, (_, is_closed) in ROOMS.items():
            if is_closed:
                playground.overwrite(rooms[name].channel, deny="read_message_history")
        await bot.start()
        await bot.ended_rows("1")
        playground.limits.token_life_s = 900.0
        yield {
            name: Outcome(
                row=bot.rows("prompt = ?", name)[0],
                messages=[message for message in room.messages() if not message["mentions"]],
                history=(await room.command("history"))["message"]["content"],
            )
            for name, room in rooms.items()
        }


@pytest.mark.parametrize("name", ["intended", "sent"])
def test_the_pictures_come_once_in_a_message_that_answers_the_first(outcomes, name):
    found = outcomes[name]
    waiting, new = found.messages
    assert [len(waiting["attachments"]), len(new["attachments"])] == [0, 1]
    assert (found.row["state"], found.row["charged"], found.row["message_id"]) == ("done", 1, int(new["id"]))


@pytest.mark.parametrize(("name", "count"), [("intended, past closed", 1), ("sent, past closed", 2)])
def test_where_the_bot_may_not_look_it_sends_nothing_refunds_and_history_says_so(outcomes, name, count):
    found = outcomes[name]
    assert (found.row["state"], found.row["reason"], found.row["charged"]) == ("failed", "failed-unsure", 0)
    assert len(found.messages) == count
    assert "cannot tell whether the pictures are there" in found.history
