"""Line, engine and ledger together: what is accepted is delivered once, or refunded."""

import asyncio

import pytest
from road import opened_road, picture, until

from bot import replies
from bot import studio as studio_module
from bot.store import pauses, requests
from engine import DrawingFailed, EngineClosed, InvalidModel, InvalidRequest, Loading, OutOfMemory, Progress

FAILED = DrawingFailed("drawing_failed", "a library failed")


@pytest.fixture
async def road(tmp_path):
    async with opened_road(tmp_path) as road:
        yield road


@pytest.fixture
async def narrow_road(tmp_path):
    """An engine with room for one picture with guidance."""
    async with opened_road(tmp_path, max_rows=2) as road:
        yield road


async def test_a_request_is_drawn_shown_and_charged(road):
    row = await road.waiting()
    (await road.engine.drawing("a cat")).finish()
    ended = await road.ended(row)
    assert (ended.state, ended.charged) == ("done", 1)
    assert len(road.delivery.last(row).uploads) == 1


async def test_a_request_that_is_drawn_is_noted_as_running(road):
    row = await road.waiting()
    await road.engine.drawing("a cat")
    assert (await road.row(row.id)).state == "running"


async def test_a_request_whose_member_is_gone_is_never_drawn_and_refunded_with_the_reason(road):
    road.members.reasons[1] = "member-gone"
    ended = await road.ended(await road.waiting())
    assert (ended.state, ended.reason, ended.charged) == ("cancelled", "member-gone", 0)
    assert "no longer in this server. Nothing was charged." in road.delivery.last(ended).content
    assert road.engine.drawings == []


async def test_asking_about_one_member_holds_up_nobody_else(road):
    road.members.gates[1] = asyncio.Event()
    await road.waiting("first", user_id=1)
    await road.waiting("second", user_id=2)
    (await road.engine.drawing("second")).finish()
    await road.settle()
    assert road.engine.prompts == ["second"]
    road.members.gates[1].set()
    await road.engine.drawing("first")


async def test_what_is_cancelled_while_its_member_is_asked_about_is_never_drawn(road):
    road.members.gates[1] = asyncio.Event()
    row = await road.waiting()
    await road.settle()
    assert await road.studio.cancel(row.id)
    road.members.gates[1].set()
    ended = await road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("cancelled", "cancelled-by-owner", 0)


async def test_what_is_deleted_while_its_member_is_asked_about_is_never_drawn(road):
    road.members.gates[1] = asyncio.Event()
    row = await road.waiting()
    await road.settle()
    await road.studio.withdrawals.withdraw_message(row.id)
    road.members.gates[1].set()
    await road.settle()
    assert (await road.ended(row)).reason == "message-gone"
    assert road.engine.drawings == []


async def test_nothing_is_drawn_before_the_model_is_loaded(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        road.engine.loaded.clear()
        serving = asyncio.create_task(road.studio.run())
        row = await road.waiting()
        await road.settle()
        assert road.engine.drawings == []
        assert road.studio.overview.place_of(row.id) == 1
        road.engine.loaded.set()
        await road.engine.drawing("a cat")
        await road.studio.close()
        await serving


async def test_where_rows_are_free_the_next_request_joins(road):
    await road.waiting("first")
    await road.waiting("second")
    await road.engine.drawing("second")


async def test_where_no_rows_are_free_a_members_second_request_waits(narrow_road):
    await narrow_road.waiting("first")
    second = await narrow_road.waiting("second")
    await narrow_road.engine.drawing("first")
    await narrow_road.settle()
    assert narrow_road.engine.prompts == ["first"]
    assert narrow_road.studio.overview.place_of(second.id) == 2


async def test_where_no_rows_are_free_a_newcomers_request_is_handed_over_all_the_same(narrow_road):
    await narrow_road.waiting("first")
    await narrow_road.engine.drawing("first")
    await narrow_road.waiting("newcomer", user_id=2)
    await narrow_road.engine.drawing("newcomer")


async def test_what_waits_is_drawn_when_rows_become_free(narrow_road):
    await narrow_road.waiting("first")
    await narrow_road.waiting("second")
    (await narrow_road.engine.drawing("first")).finish()
    await narrow_road.engine.drawing("second")


async def test_a_finished_picture_frees_its_rows_before_its_request_ends(narrow_road):
    await narrow_road.waiting("two", num_images=2, guidance_scale=1.0)
    await narrow_road.waiting("next", guidance_scale=1.0)
    drawing = await narrow_road.engine.drawing("two")
    drawing.say(picture(drawing.request))
    await narrow_road.engine.drawing("next")


async def test_members_take_turns(tmp_path):
    async with opened_road(tmp_path, max_rows=2, is_served=False) as road:
        for prompt, user_id in (("a1", 1), ("a2", 1), ("b1", 2), ("b2", 2)):
            await road.waiting(prompt, user_id=user_id)
        serving = asyncio.create_task(road.studio.run())
        for prompt in ("a1", "b1", "a2", "b2"):
            (await road.engine.drawing(prompt)).finish()
        assert road.engine.prompts == ["a1", "b1", "a2", "b2"]
        await road.studio.close()
        await serving


async def test_a_place_is_none_once_the_first_step_is_done(road):
    row = await road.waiting()
    drawing = await road.engine.drawing("a cat")
    assert road.studio.overview.place_of(row.id) == 1
    drawing.say(Progress(step=1, steps=20, pictures_done=0, num_images=1, seconds_per_step=0.1))
    await until(lambda: road.studio.overview.place_of(row.id) is None)


async def test_what_a_newcomer_would_be_told_leaves_the_line_as_it_was(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        first = await road.waiting("first")
        second = await road.admitted("second")
        assert "2nd in line" in road.studio.prospective_reply(second, left="").content
        assert road.studio.overview.place_of(first.id) == 1
        assert road.studio.overview.place_of(second.id) is None


async def test_a_waiting_request_is_cancelled_without_being_drawn(narrow_road):
    await narrow_road.waiting("first")
    row = await narrow_road.waiting("second")
    await narrow_road.engine.drawing("first")
    assert await narrow_road.studio.cancel(row.id)
    ended = await narrow_road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("cancelled", "cancelled-by-owner", 0)
    assert "Nothing was charged." in narrow_road.delivery.last(row).content
    assert narrow_road.engine.prompts == ["first"]


async def test_a_running_request_is_taken_from_the_engine_when_it_is_cancelled(road):
    row = await road.waiting()
    drawing = await road.engine.drawing("a cat")
    await road.studio.cancel(row.id)
    ended = await road.ended(row)
    assert drawing.is_closed
    assert (ended.state, ended.charged) == ("cancelled", 0)


async def test_pictures_finished_before_a_cancel_are_shown_and_charged(road):
    row = await road.waiting(num_images=3)
    drawing = await road.engine.drawing("a cat")
    drawing.say(picture(drawing.request, 1))
    await until(drawing.events.empty)
    await road.settle()
    await road.studio.cancel(row.id)
    ended = await road.ended(row)
    assert (ended.state, ended.charged) == ("cancelled", 1)
    assert len(road.delivery.last(row).uploads) == 1


async def test_what_was_cut_from_a_prompt_is_said_of_a_cancelled_request_too(road):
    row = await road.waiting(num_images=3)
    drawing = await road.engine.drawing("a cat")
    told = Progress(step=1, steps=20, pictures_done=0, num_images=3, seconds_per_step=0.1, cut_prompt="the end")
    drawing.say(told, picture(drawing.request, 1))
    await until(drawing.events.empty)
    await road.settle()
    await road.studio.cancel(row.id)
    await road.ended(row)
    assert "left out: the end" in road.delivery.last(row).content


async def test_a_cancel_during_delivery_is_too_late(road):
    row = await road.waiting()
    drawing = await road.engine.drawing("a cat")
    road.delivery.gate.clear()
    drawing.finish()
    while (await road.row(row.id)).delivering_at is None:
        await road.settle()
    assert not await road.studio.cancel(row.id)
    road.delivery.gate.set()
    assert (await road.ended(row)).state == "done"


async def test_what_has_ended_cannot_be_cancelled(road):
    row = await road.waiting()
    (await road.engine.drawing("a cat")).finish()
    await road.ended(row)
    assert not await road.studio.cancel(row.id)


async def test_a_deleted_message_withdraws_its_request_and_tells_nobody(road):
    row = await road.waiting()
    drawing = await road.engine.drawing("a cat")
    await road.studio.withdrawals.withdraw_message(row.id)
    ended = await road.ended(row)
    await until(lambda: drawing.is_closed)
    assert (ended.state, ended.reason, ended.charged) == ("cancelled", "message-gone", 0)
    assert road.delivery.shown == []


async def test_a_deleted_message_of_a_finished_request_refunds_nothing(road):
    row = await road.waiting()
    (await road.engine.drawing("a cat")).finish()
    before = await road.ended(row)
    await road.studio.withdrawals.withdraw_message(row.id)
    assert await road.row(row.id) == before


async def test_a_deleted_channel_withdraws_what_waits_and_what_runs_there(narrow_road):
    running = await narrow_road.waiting("running")
    waiting = await narrow_road.waiting("waiting")
    elsewhere = await narrow_road.waiting("elsewhere", channel_id=71)
    await narrow_road.engine.drawing("running")
    await narrow_road.studio.withdrawals.withdraw_channel(70)
    assert [(await narrow_road.ended(row)).reason for row in (running, waiting)] == ["channel-gone"] * 2
    await narrow_road.engine.drawing("elsewhere")
    assert (await narrow_road.row(elsewhere.id)).is_unfinished


async def test_a_server_that_is_gone_withdraws_its_requests(road):
    row = await road.waiting()
    await road.engine.drawing("a cat")
    await road.studio.withdrawals.withdraw_guild(7)
    assert (await road.ended(row)).reason == "server-gone"


async def test_servers_that_are_gone_since_the_last_start_withdraw_their_requests(narrow_road):
    await narrow_road.waiting("here")
    row = await narrow_road.waiting("elsewhere", guild_id=8)
    direct = await narrow_road.waiting("in a direct message", guild_id=None)
    await narrow_road.studio.withdrawals.withdraw_other_guilds([7])
    assert (await narrow_road.ended(row)).reason == "server-gone"
    assert (await narrow_road.row(direct.id)).is_unfinished
    assert (await narrow_road.engine.drawing("here")).request.prompt == "here"


async def test_an_error_of_the_engine_is_tried_again(road):
    row = await road.waiting()
    (await road.engine.drawing("a cat")).say(FAILED)
    (await road.engine.drawing("a cat", attempt=2)).finish()
    ended = await road.ended(row)
    assert (ended.state, ended.failed_attempts, ended.charged) == ("done", 1, 1)


async def test_the_third_error_of_the_engine_ends_a_request(road):
    row = await road.waiting()
    for attempt in (1, 2, 3):
        (await road.engine.drawing("a cat", attempt=attempt)).say(FAILED)
    ended = await road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("failed", "failed-engine", 0)
    assert len(road.engine.drawings) == 3


async def test_what_is_tried_again_comes_before_its_members_other_requests(narrow_road):
    await narrow_road.waiting("first")
    await narrow_road.waiting("second")
    (await narrow_road.engine.drawing("first")).say(FAILED)
    await narrow_road.engine.drawing("first", attempt=2)
    assert narrow_road.engine.prompts == ["first", "first"]


async def test_a_request_cancelled_while_it_fails_is_not_tried_again(road):
    row = await road.waiting()
    drawing = await road.engine.drawing("a cat")
    await road.change(row, reason="cancelled-by-owner")
    drawing.say(FAILED)
    ended = await road.ended(row)
    assert (ended.state, ended.reason) == ("cancelled", "cancelled-by-owner")
    assert len(road.engine.drawings) == 1


async def test_out_of_memory_ends_a_request_at_once(road):
    row = await road.waiting()
    (await road.engine.drawing("a cat")).say(OutOfMemory("out_of_memory", "too large"))
    ended = await road.ended(row)
    assert (ended.state, ended.reason) == ("failed", "failed-out-of-memory")


async def test_a_size_that_turns_out_not_to_fit_ends_a_request_at_once(road):
    row = await road.waiting()
    (await road.engine.drawing("a cat")).say(InvalidRequest("size_memory", "too large"))
    ended = await road.ended(row)
    assert (ended.state, ended.reason) == ("failed", "failed-out-of-memory")


async def test_a_bug_ends_its_request_and_the_next_is_drawn(narrow_road):
    row = await narrow_road.waiting("broken")
    await narrow_road.waiting("next")
    (await narrow_road.engine.drawing("broken")).say(RuntimeError("a bug"))
    ended = await narrow_road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("failed", "failed-unexpected", 0)
    await narrow_road.engine.drawing("next")


async def test_what_the_model_cannot_draw_ends_at_once_and_its_member_reads_why(road):
    row = await road.waiting(scheduler="heun", num_inference_steps=1)
    (await road.engine.drawing("a cat")).say(InvalidRequest("scheduler_steps", "no", scheduler="heun", steps=1))
    ended = await road.ended(row)
    assert (ended.state, ended.charged, ended.failed_attempts) == ("failed", 0, 0)
    assert "With this model the sampler “Heun” cannot draw in 1 step: try another number. Nothing was charged." in (
        road.delivery.last(row).content
    )


async def test_a_request_that_this_version_no_longer_draws_ends_alone_and_says_so(road):
    row = await road.change(await road.admitted("old"), scheduler="of another age")
    road.studio.enqueue(row)
    ended = await road.ended(row)
    assert (ended.state, ended.charged, ended.failed_attempts) == ("failed", 0, 0)
    assert "no longer draws what was asked for here. Nothing was charged." in road.delivery.last(row).content
    await road.waiting("next")
    await road.engine.drawing("next")


async def test_what_the_engine_gives_back_waits_in_its_row(road):
    row = await road.waiting()
    (await road.engine.drawing("a cat")).say(EngineClosed("engine_closed", "closed"))
    assert (await road.in_state(row, "queued")).charged == 1


async def test_what_was_interrupted_twice_is_drawn_alone(road):
    await road.waiting("innocent")
    suspect = await road.change(await road.admitted("suspect", user_id=2), interruptions=2)
    road.studio.enqueue(suspect)
    drawing = await road.engine.drawing("innocent")
    await road.settle()
    assert road.engine.prompts == ["innocent"]
    drawing.finish()
    await road.engine.drawing("suspect")
    await road.waiting("later", user_id=3)
    await road.settle()
    assert road.engine.prompts == ["innocent", "suspect"]


async def test_a_stop_finishes_what_runs_and_leaves_what_waits(tmp_path):
    async with opened_road(tmp_path, max_rows=2, is_served=False) as road:
        serving = asyncio.create_task(road.studio.run())
        running = await road.waiting("running")
        waiting = await road.waiting("waiting")
        await road.engine.drawing("running")
        await road.studio.close()
        await serving
        assert (await road.row(running.id)).state == "done"
        assert (await road.row(waiting.id)).state == "queued"


async def test_a_stop_does_not_wait_for_ever_for_a_discord_out_of_reach(tmp_path, monkeypatch):
    monkeypatch.setattr(studio_module, "DELIVER_AT_CLOSE_S", 0.0)
    monkeypatch.setattr(studio_module, "SAY_AT_CLOSE_S", 0.0)
    async with opened_road(tmp_path, is_served=False) as road:
        serving = asyncio.create_task(road.studio.run())
        row = await road.waiting()
        await road.engine.drawing("a cat")
        road.delivery.gate.clear()
        await road.studio.close()
        await serving
        assert ((await road.row(row.id)).state, road.delivery.shown) == ("queued", [])


async def test_what_takes_longer_than_a_stop_may_is_given_back(tmp_path):
    async with opened_road(tmp_path, is_served=False, stop_s=0.0) as road:
        serving = asyncio.create_task(road.studio.run())
        row = await road.waiting()
        await road.engine.drawing("a cat")
        road.engine.may_finish.clear()
        await road.studio.close()
        await serving
        ended = await road.row(row.id)
        assert (ended.state, ended.charged) == ("queued", 1)


async def test_a_stop_however_short_leaves_no_message_without_a_word_of_it(tmp_path):
    async with opened_road(tmp_path, max_rows=2, is_served=False, stop_s=0.0) as road:
        serving = asyncio.create_task(road.studio.run())
        rows = [await road.waiting("running"), await road.waiting("waiting")]
        await road.engine.drawing("running")
        road.engine.may_finish.clear()
        await road.studio.close()
        await serving
        last = {request_id: reply.content for request_id, reply in road.delivery.shown}
        assert last == {row.id: replies.restarting(row).content for row in rows}


async def test_while_it_stops_messages_stay_live_and_say_that_places_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(studio_module, "WAITING_EDIT_S", 0.0)
    async with opened_road(tmp_path, max_rows=2, is_served=False) as road:
        serving = asyncio.create_task(road.studio.run())
        await road.waiting("running")
        waiting = await road.waiting("waiting")
        await road.engine.drawing("running")
        road.engine.may_finish.clear()
        closing = asyncio.create_task(road.studio.close())
        await until(
            lambda: any(
                request_id == waiting.id and "your place is kept" in reply.content
                for request_id, reply in road.delivery.shown
            )
        )
        late = await road.waiting("late")
        road.engine.may_finish.set()
        await closing
        await serving
        assert [(await road.row(row.id)).state for row in (waiting, late)] == ["queued", "queued"]


@pytest.fixture
async def switching_road(tmp_path):
    """An engine that holds one model at a time, whose turn ends after three requests."""
    async with opened_road(tmp_path, model_requests=3) as road:
        road.engine.together = False
        yield road


async def test_requests_for_another_model_wait_until_its_turn_comes(switching_road):
    road = switching_road
    first = await road.waiting("a", model="emoji")
    drawing = await road.engine.drawing("a")
    other = await road.waiting("b", model="twin")
    await road.settle()
    assert road.engine.prompts == ["a"]
    assert ((await road.row(other.id)).state, road.studio.overview.place_of(other.id)) == ("queued", 2)
    drawing.finish()
    (await road.engine.drawing("b")).finish()
    assert [(await road.ended(row)).state for row in (first, other)] == ["done", "done"]


async def test_requests_for_the_loaded_model_go_first_but_no_more_than_a_turn_holds(tmp_path):
    async with opened_road(tmp_path, model_requests=3, is_served=False) as road:
        road.engine.together = False
        for number in range(5):
            await road.waiting(f"a{number}", model="emoji", user_id=number)
            await road.waiting(f"b{number}", model="twin", user_id=10 + number)
        serving = asyncio.create_task(road.studio.run())
        expected = ["a0", "a1", "a2", "b0", "b1", "b2", "a3", "a4", "b3", "b4"]
        for prompt in expected:
            (await road.engine.drawing(prompt)).finish()
        assert road.engine.prompts == expected
        await road.studio.close()
        await serving


async def test_models_that_fit_together_are_drawn_with_at_once(road):
    await road.waiting("a", model="emoji")
    await road.waiting("b", model="twin")
    await road.engine.drawing("a")
    await road.engine.drawing("b")


async def test_a_request_whose_model_is_being_loaded_says_so(road, monkeypatch):
    monkeypatch.setattr("bot.studio.RUNNING_EDIT_S", 0.0)
    row = await road.waiting()
    (await road.engine.drawing("a cat")).say(Loading(model="Twin Peaks"))
    await until(lambda: road.delivery.shown)
    assert "next in line · loading model Twin Peaks" in road.delivery.last(row).content


@pytest.mark.parametrize(
    ("error", "reason", "sentence"),
    [
        (InvalidModel("model_broken", "torn", file="x", reason="torn"), "failed-model", "emoji cannot be loaded"),
        (OutOfMemory("model_memory", "too large", device="cuda"), "failed-model-memory", "emoji does not fit"),
        (InvalidRequest("model_unknown", "?", model="x", known="y"), "failed-model-gone", "emoji is no longer here"),
    ],
    ids=["broken", "too large", "gone"],
)
async def test_a_model_that_cannot_be_loaded_ends_its_requests_at_once_and_refunds_them(road, error, reason, sentence):
    row = await road.waiting()
    (await road.engine.drawing("a cat")).say(error)
    ended = await road.ended(row)
    assert (ended.state, ended.reason, ended.charged) == ("failed", reason, 0)
    assert sentence in road.delivery.last(row).content
    await road.waiting("next")
    await road.engine.drawing("next")


async def test_a_picture_says_which_model_drew_it_unless_it_is_the_usual_one(road):
    rows = [await road.waiting("a", model="emoji"), await road.waiting("b", model="twin")]
    for prompt in ("a", "b"):
        (await road.engine.drawing(prompt)).finish()
    shown = []
    for row in rows:
        await road.ended(row)
        shown.append("· Emoji" in road.delivery.last(row).content)
    assert shown == [False, True]


# withdrawn at a moderator's wish


async def test_what_waits_is_withdrawn_refunded_and_told_why(narrow_road):
    road = narrow_road
    drawn = await road.waiting("first")
    await road.engine.drawing("first")
    rows = [await road.waiting(prompt) for prompt in ("second", "third")]
    await road.in_state(drawn, "running")
    withdrawn = await road.studio.withdrawals.withdraw([drawn.id, *(row.id for row in rows)], "withdrawn-steps")
    assert [row.id for row in withdrawn] == [row.id for row in rows]
    for row in rows:
        ended = await road.ended(row)
        assert (ended.state, ended.reason, ended.charged) == ("cancelled", "withdrawn-steps", 0)
        assert road.delivery.last(row).content.split("\n")[1] == (
            "Your limits have changed: 20 steps are too many now. Nothing was charged."
        )
        assert road.studio.overview.place_of(row.id) is None
    (await road.engine.drawing("first")).finish()
    assert (await road.ended(drawn)).state == "done"
    assert road.engine.prompts == ["first"]


async def test_what_is_withdrawn_before_anybody_saw_it_is_not_told_yet(narrow_road):
    row = await narrow_road.admitted("second", message_id=None)
    await narrow_road.studio.withdrawals.withdraw([row.id], "withdrawn-steps")
    await narrow_road.settle()
    assert (await narrow_road.row(row.id)).state == "cancelled"
    assert narrow_road.delivery.shown == []


# what waits is changed, paused, taken back


async def changed(road, row, prompt):
    async with road.studio.holding(row.id), road.database.transaction() as connection:
        await connection.execute("UPDATE requests SET prompt = ? WHERE id = ?", (prompt, row.id))
    async with road.database.reading() as connection:
        return await requests.fetch(connection, row.id)


async def test_a_request_that_the_engine_has_and_has_not_begun_is_taken_back_and_goes_on(narrow_road):
    await narrow_road.waiting("first")
    row = await narrow_road.waiting("newcomer", user_id=2)
    handed = await narrow_road.engine.drawing("newcomer")
    assert narrow_road.studio.overview.waits(row.id)
    async with narrow_road.studio.holding(row.id):
        assert handed.is_closed
        assert (await narrow_road.row(row.id)).state == "queued"
        await narrow_road.settle()
        assert narrow_road.engine.prompts == ["first", "newcomer"]
    await narrow_road.engine.drawing("newcomer", 2)


async def test_what_is_drawn_is_not_taken_back(road):
    row = await road.waiting()
    drawing = await road.engine.drawing("a cat")
    drawing.say(Progress(step=1, steps=20, pictures_done=0, num_images=1, seconds_per_step=0.1))
    await until(lambda: not road.studio.overview.waits(row.id))
    async with road.studio.holding(row.id):
        assert not drawing.is_closed


async def test_what_was_changed_while_it_waited_is_drawn_as_it_is_now(narrow_road):
    await narrow_road.waiting("first")
    row = await narrow_road.waiting("second")
    now = await changed(narrow_road, row, "another")
    assert narrow_road.studio.change(now)
    (await narrow_road.engine.drawing("first")).finish()
    await narrow_road.engine.drawing("another")


async def test_what_is_changed_in_the_moment_of_its_start_is_drawn_as_the_database_has_it(narrow_road):
    await narrow_road.waiting("first")
    row = await narrow_road.waiting("second")
    await narrow_road.change(row, prompt="another")
    (await narrow_road.engine.drawing("first")).finish()
    await narrow_road.engine.drawing("another")


async def test_nothing_of_a_paused_server_starts_and_it_goes_on_when_it_is_resumed(narrow_road):
    await narrow_road.waiting("first")
    await narrow_road.engine.drawing("first")
    row = await narrow_road.waiting("newcomer", user_id=2)
    await narrow_road.engine.drawing("newcomer")
    await narrow_road.studio.pause(7)
    assert (await narrow_road.row(row.id)).state == "queued"
    other = await narrow_road.waiting("elsewhere", user_id=3, guild_id=8)
    await narrow_road.engine.drawing("elsewhere")
    await narrow_road.settle()
    assert narrow_road.studio.overview.place_of(row.id) is None
    assert [each.id for each in narrow_road.studio.overview.waiting_rows(8)] == [other.id]
    narrow_road.studio.resume(7)
    await narrow_road.engine.drawing("newcomer", 2)


async def test_a_pause_lasts_over_a_restart(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        async with road.database.transaction() as connection:
            await pauses.pause(connection, 7, paused_by=1, now=0.0)
        row = await road.waiting()
        serving = asyncio.create_task(road.studio.run())
        await road.settle()
        await until(lambda: road.studio.is_paused(7))
        await road.settle()
        assert road.engine.drawings == []
        assert "paused" in road.studio.waiting_reply(row).content
        await road.studio.close()
        await serving


async def test_weights_decide_who_gets_the_places_that_are_left(tmp_path):
    async with opened_road(tmp_path, max_rows=8, is_served=False, weights={55: 3.0}) as road:
        for _ in range(4):
            await road.waiting("plain", user_id=1)
            await road.waiting("weighty", user_id=2, role_ids=(55,))
        serving = asyncio.create_task(road.studio.run())
        await road.engine.drawing("weighty", 3)
        assert road.engine.prompts[:4].count("weighty") == 3
        await road.studio.close()
        await serving
