"""A bot that is killed and started again: every accepted request is delivered once, into its own message."""

import asyncio
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from bot_process import PACED, PATIENCE_S, BotProcess, opened_playground
from room import DRAWN_S, Json, Room

from bot.playground import Playground

pytestmark = pytest.mark.timeout(400)
CALLBACK = "/interactions/*/callback"
PING = "/channels/{channel_id}/messages"
PROGRAM = (*PACED, "--ping-after", "600")
A_LONG_WAIT_S = 700.0
"""Longer than that, which none of this takes by itself, however slow the machine is."""
HANG_S = 300.0
DISCORDS_DEADLINE_S = 3.0


@dataclass
class Scene:
    """One request for each place in which a kill can find it; all rooms are in one playground."""

    bot: BotProcess
    playground: Playground
    new_room: Callable[[Playground], Room]
    rooms: dict[str, Room] = field(default_factory=dict)
    answers: dict[str, Json] = field(default_factory=dict)

    def room(self, name: str) -> Room:
        return self.rooms.setdefault(name, self.new_room(self.playground))

    async def ask(self, name: str, *, room: str | None = None, **options) -> Json:
        """Ask for a picture under this name."""
        self.rooms[name] = self.room(room or name)
        self.answers[name] = await self.rooms[name].imagine(name, **options)
        return self.answers[name]

    def message_id(self, name: str) -> str:
        return self.answers[name]["message"]["id"]

    def message(self, name: str) -> Json | None:
        return self.rooms[name].message(self.message_id(name))

    def row(self, name: str):
        [row] = self.bot.rows("prompt = ?", name)
        return row

    def messages(self, name: str) -> list[Json]:
        return self.rooms[name].messages()

    def pings(self, name: str) -> list[Json]:
        return [message for message in self.messages(name) if message["mentions"]]

    def hang(self, method: str, path: str) -> None:
        """Discord will do what is asked for next in this way, and never say so."""
        self.playground.fault(method=method, path=path, delay_s=HANG_S, cut=True, after_effect=True)


async def before_the_kill(scene: Scene) -> None:
    """Bring one request into each place; some wait for an answer of Discord that never comes."""
    drawn = await scene.ask("drawn", steps=2)
    message = await scene.rooms["drawn"].finished(drawn["message"]["id"])
    scene.answers["form"] = await scene.rooms["drawn"].click(message, "edit")
    scene.hang("PATCH", "/webhooks/*/messages/*")
    await scene.ask("shown, not noted", steps=1)
    shown = scene.message_id("shown, not noted")
    await scene.rooms["shown, not noted"].finished(shown)
    await scene.ask("running", images=2, steps=80)
    await scene.ask("running beside", images=2, steps=80)
    await scene.ask("waiting", room="running", images=2, steps=3)
    await scene.ask("deleted meanwhile", room="running", steps=3)
    await scene.ask("channel deleted meanwhile", steps=150)
    cancelled = await scene.ask("cancelled, not told", room="running beside", steps=3)
    await scene.rooms["running"].running(scene.message_id("running"))
    scene.playground.fault(method="PATCH", path=f"/webhooks/*/{cancelled['token']}/*", status=500, times=50)
    await scene.rooms["running beside"].click(cancelled["message"], "cancel")
    await scene.bot.ended_rows("prompt = 'cancelled, not told'")
    scene.hang("POST", CALLBACK)
    asking = asyncio.create_task(scene.ask("answered, not noted", steps=3))
    room = scene.room("answered, not noted")
    await scene.playground.wait_for(room.messages)
    scene.playground.fault(method="POST", path=CALLBACK, status=500, times=50)
    scene.playground.limits.deadline_s = DISCORDS_DEADLINE_S
    never = asyncio.create_task(scene.ask("never shown", steps=3))
    await scene.playground.wait_for(
        lambda: any(request.status == 500 and "callback" in request.path for request in scene.playground.requests)
    )
    scene.playground.limits.deadline_s = PATIENCE_S
    await scene.bot.kill()
    await asyncio.gather(asking, never)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(new_bot, new_room):
    """Killed with a request in every place, started again; killed again after a ping was sent, but not noted."""
    async with opened_playground() as playground, new_bot(playground, MAX_ROWS="8") as bot:
        bot.program = PROGRAM
        scene = Scene(bot, playground, new_room)
        await bot.start()
        await before_the_kill(scene)
        playground.clear_faults()
        playground.delete_message(scene.message_id("deleted meanwhile"), user="mo")
        playground.delete_channel(scene.rooms["channel deleted meanwhile"].channel)
        bot.execute(
            "UPDATE requests SET created_at = created_at - ? WHERE prompt IN ('waiting', 'running')", A_LONG_WAIT_S
        )
        path = PING.format(channel_id=scene.rooms["running"].channel_id)
        scene.hang("POST", path)
        await bot.start(DISCORD_API_URL=f"{playground.api_url}/")
        scene.answers["edited"] = await playground.modal(scene.answers["form"]["token"], {"prompt": "edited"})
        scene.rooms["edited"] = scene.rooms["drawn"]
        await playground.wait_for(lambda: scene.pings("running"), DRAWN_S)
        await bot.kill()
        playground.clear_faults()
        await bot.start()
        await bot.ended_rows("1")
        await playground.wait_for(lambda: scene.pings("running") and scene.pings("waiting"), DRAWN_S)
        await scene.rooms["cancelled, not told"].saying("Cancelled", scene.message_id("cancelled, not told"))
        yield scene


async def test_a_running_request_is_delivered_into_its_message(scene):
    assert len(scene.message("running")["attachments"]) == 2
    assert scene.row("running")["state"] == "done"


async def test_a_waiting_request_is_delivered_into_its_message(scene):
    assert len(scene.message("waiting")["attachments"]) == 2


async def test_nothing_is_delivered_twice(scene):
    pictures = [message for message in scene.messages("running") if message["attachments"]]
    assert [message["id"] for message in pictures] == [scene.message_id("running"), scene.message_id("waiting")]


async def test_pictures_shown_but_not_noted_are_noted_and_not_drawn_again(scene):
    row = scene.row("shown, not noted")
    assert (row["state"], row["charged"]) == ("done", 1)
    asked = scene.answers["shown, not noted"]["id"]
    deliveries = [request for request in scene.playground.requests if request.files and request.interaction_id == asked]
    assert [delivery for delivery in deliveries if not delivery.lost] == []


async def test_a_request_whose_message_stands_is_accepted_though_nobody_noted_it(scene):
    row = scene.row("answered, not noted")
    [message] = scene.messages("answered, not noted")
    assert (row["state"], str(row["message_id"])) == ("done", message["id"])
    assert len(message["attachments"]) == 1


async def test_a_request_that_discord_never_showed_is_withdrawn_and_refunded(scene):
    row = scene.row("never shown")
    assert (row["state"], row["reason"], row["charged"]) == ("cancelled", "never-shown", 0)
    assert scene.messages("never shown") == []


async def test_a_cancelled_request_is_told_at_the_next_start(scene):
    assert "Cancelled. Nothing was charged." in scene.message("cancelled, not told")["content"]


async def test_what_was_deleted_while_the_bot_was_away_stays_deleted(scene):
    row = scene.row("deleted meanwhile")
    assert (row["state"], row["reason"], row["charged"]) == ("cancelled", "message-gone", 0)
    assert scene.message("deleted meanwhile") is None


async def test_a_channel_deleted_while_the_bot_was_away_withdraws_its_requests(scene):
    row = scene.row("channel deleted meanwhile")
    assert (row["state"], row["charged"]) == ("cancelled", 0)


async def test_a_form_opened_before_the_restart_is_submitted_after_it(scene):
    assert scene.message("edited")["content"].startswith("**edited**\n")
    assert len(scene.message("edited")["attachments"]) == 1


async def test_who_waited_long_is_pinged_once_by_a_reply_without_pictures(scene):
    [ping] = [
        each for each in scene.pings("waiting") if each["referenced_message"]["id"] == scene.message_id("waiting")
    ]
    assert [user["id"] for user in ping["mentions"]] == [scene.rooms["waiting"].user_id]
    assert ping["attachments"] == []


async def test_a_ping_that_was_sent_but_not_noted_is_not_sent_again(scene):
    pings = [each for each in scene.pings("running") if each["referenced_message"]["id"] == scene.message_id("running")]
    assert len(pings) == 1
    assert scene.row("running")["pinged_at"]


async def test_who_did_not_wait_long_is_not_pinged(scene):
    assert scene.pings("running beside") == []


async def test_only_what_was_being_drawn_counts_as_interrupted(scene):
    assert scene.row("running")["interruptions"] >= 1
    assert scene.row("cancelled, not told")["interruptions"] == 0


async def test_commands_are_sent_only_where_discord_has_others(scene):
    puts = [request for request in scene.playground.requests if request.method == "PUT"]
    assert len(puts) == 1


async def test_every_picture_that_stands_is_charged_and_no_other(scene):
    delivered = [row for row in scene.bot.rows() if row["state"] == "done"]
    assert [row["prompt"] for row in delivered if row["charged"] != row["num_images"]] == []
    assert sum(row["charged"] for row in scene.bot.rows() if row["state"] != "done") == 0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stopped(scene):
    """The bot, told to stop while it draws two requests and others wait; its exit status comes first."""
    await scene.ask("stopped while running", images=2, steps=90)
    await scene.ask("stopped while running beside", images=2, steps=90)
    await scene.ask("stopped while waiting", room="stopped while running", steps=3)
    await scene.rooms["stopped while running"].running(scene.message_id("stopped while running"))
    scene.bot.process.send_signal(signal.SIGTERM)
    await scene.bot.saying("event=stopping")
    await scene.ask("stopped before it was asked", room="stopped while running", steps=3)
    status = await scene.bot.ended()
    return status, {name: scene.row(name)["state"] for name in scene.answers if name.startswith("stopped")}


async def test_a_graceful_stop_is_a_success(stopped):
    status, _ = stopped
    assert status == 0


async def test_running_pictures_are_finished_and_delivered_before_a_graceful_stop(scene, stopped):
    for name in ("stopped while running", "stopped while running beside"):
        assert len(scene.message(name)["attachments"]) == 2


async def test_what_waits_at_a_graceful_stop_keeps_its_place_in_the_ledger(stopped):
    _, states = stopped
    assert states == {
        "stopped while running": "done",
        "stopped while running beside": "done",
        "stopped while waiting": "queued",
        "stopped before it was asked": "queued",
    }


async def test_who_asks_while_it_stops_is_told_that_the_place_is_kept(scene, stopped):
    assert (
        "The bot is restarting; your place is kept."
        in scene.answers["stopped before it was asked"]["message"]["content"]
    )


async def test_a_stop_leaves_no_traceback(scene, stopped):
    assert not re.search("Traceback|Task exception|never retrieved", scene.bot.log)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gone_on(scene, stopped):
    """The bot, started once more."""
    await scene.bot.start()
    return scene


@pytest.mark.parametrize("name", ["stopped while waiting", "stopped before it was asked"])
async def test_the_next_start_goes_on(gone_on, name):
    await gone_on.rooms[name].finished(gone_on.message_id(name))
