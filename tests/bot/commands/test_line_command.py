"""`/line`, "Why am I waiting?" and Edit of what waits, with the real line behind them."""

from types import SimpleNamespace

import discord
import pytest
from desk import ANN_ID, BEN_ID, CALLBACK, GUILD_ID, command_payload, form_payload, press_payload, user
from line_at_desk import stored, studio_at_desk, waiting
from road import HandDelivery, until

from bot.store import attempts, pauses, requests

EPHEMERAL, DEFERRED_UPDATE, MODAL = 64, 6, 9
OWNER_ID = 3
OTHER_GUILD = 99


@pytest.fixture
def delivery():
    return HandDelivery()


@pytest.fixture
def studio(world, delivery, monkeypatch):
    studio = studio_at_desk(world, delivery)
    studio.loading = None
    monkeypatch.setattr(world.client, "studio", studio)
    return studio


async def line(world, name, *, user_id=ANN_ID, member=None, role=None, joined_since=None):
    options, resolved = [], {}
    if member is not None:
        options.append({"type": 6, "name": "member", "value": str(member)})
        resolved["users"] = {str(member): user(member)}
    if role is not None:
        options.append({"type": 8, "name": "role", "value": str(role)})
        resolved["roles"] = {str(role): {**ROLE, "id": str(role)}}
    if joined_since is not None:
        options.append({"type": 4, "name": "joined_since", "value": joined_since})
    payload = command_payload("line", [{"type": 1, "name": name, "options": options}], user_id=user_id)
    payload["data"]["resolved"] = resolved
    answer = (await world.answer(payload)).body["data"]
    assert answer["flags"] == EPHEMERAL
    return answer


ROLE = {
    "name": "painters",
    "color": 0,
    "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
    "hoist": False,
    "position": 1,
    "permissions": "0",
    "managed": False,
    "mentionable": False,
    "flags": 0,
}


async def told(delivery, count):
    await until(lambda: len(delivery.shown) >= count)
    return [reply.content for _, reply in delivery.shown]


async def audited(world):
    async with world.database.reading() as connection:
        rows = await connection.execute_fetchall("SELECT * FROM audit WHERE action LIKE 'line-%' ORDER BY id")
    return [(row["action"], row["guild_id"], row["actor_id"], row["user_id"]) for row in rows]


async def test_a_moderator_sees_their_own_server_s_requests_and_the_places_that_these_have(world, studio):
    await waiting(world, user_id=BEN_ID, guild_id=OTHER_GUILD)
    ours = await waiting(world)
    content = (await line(world, "show"))["content"]
    assert "In this server 0 requests are being drawn and 1 waits, of 1 member." in content
    assert f"#{ours.short_id} for <@{ANN_ID}> · 2nd in line" in content
    assert f"<@{BEN_ID}>" not in content


async def test_the_owner_of_the_bot_sees_all(world, studio):
    await waiting(world, user_id=BEN_ID, guild_id=OTHER_GUILD)
    await waiting(world)
    content = (await line(world, "show", user_id=OWNER_ID))["content"]
    assert "In all servers 0 requests are being drawn and 2 wait, of 2 members." in content
    assert f"<@{BEN_ID}>" in content


async def test_a_long_line_fits_into_one_message(world, studio):
    for _ in range(10):
        await waiting(world, user_id=10**18)
        await waiting(world, user_id=10**18 + 1)
        await waiting(world, user_id=10**18 + 2)
    content = (await line(world, "show"))["content"]
    assert "and 10 more." in content
    assert len(content) < 2000


async def test_clear_withdraws_and_refunds_a_member_s_requests_and_says_why(world, studio, delivery):
    kept = await waiting(world, user_id=BEN_ID)
    gone = await waiting(world)
    assert (await line(world, "clear", member=ANN_ID))["content"] == "1 request was withdrawn and refunded."
    row = await stored(world, gone)
    assert (row.state, row.reason, row.charged, row.charged_s) == ("cancelled", "line-cleared", 0, 0)
    assert (await stored(world, kept)).state == "queued"
    assert studio.overview.place_of(kept.id) == 1
    (content,) = await told(delivery, 1)
    assert "Moderators have cleared the line. Nothing was charged." in content
    assert await audited(world) == [("line-cleared", GUILD_ID, ANN_ID, ANN_ID)]


async def test_clear_touches_no_other_server(world, studio):
    row = await waiting(world, guild_id=OTHER_GUILD)
    answer = await line(world, "clear", member=ANN_ID)
    assert answer["content"] == "Nothing like that waits, so nothing was withdrawn."
    assert (await stored(world, row)).state == "queued"
    assert await audited(world) == []


async def test_clear_takes_a_role(world, studio):
    painter = await waiting(world, role_ids=(55, 56))
    other = await waiting(world, role_ids=(57,))
    await line(world, "clear", role=56)
    assert [(await stored(world, row)).state for row in (painter, other)] == ["cancelled", "queued"]


async def test_clear_takes_everyone_as_a_role_of_the_server(world, studio):
    here, elsewhere = await waiting(world), await waiting(world, guild_id=OTHER_GUILD)
    await line(world, "clear", role=GUILD_ID)
    assert [(await stored(world, row)).state for row in (here, elsewhere)] == ["cancelled", "queued"]


async def test_clear_takes_who_has_joined_lately(world, studio, monkeypatch):
    old, new, gone = [await waiting(world, user_id=user_id) for user_id in (1, 2, 4)]

    async def get_member(_guild_id, user_id):
        if user_id == gone.user_id:
            raise discord.NotFound(SimpleNamespace(status=404, reason=""), {"code": 10007, "message": ""})
        year = 2020 if user_id == old.user_id else 2990
        return {"joined_at": f"{year}-01-01T00:00:00+00:00"}

    monkeypatch.setattr(world.client.http, "get_member", get_member)
    await line(world, "clear", joined_since=7)
    assert [(await stored(world, row)).state for row in (old, new, gone)] == ["queued", "cancelled", "queued"]


async def test_more_than_a_few_are_withdrawn_only_once_that_is_confirmed(world, studio):
    rows = [await waiting(world) for _ in range(4)]
    answer = await line(world, "clear", member=ANN_ID)
    assert answer["content"].startswith("4 requests wait and would be withdrawn")
    custom_id = answer["components"][0]["components"][0]["custom_id"]
    assert {(await stored(world, row)).state for row in rows} == {"queued"}
    payload = press_payload(custom_id)
    assert payload["message"]["flags"] == 0
    await world.answer(payload)
    assert {(await stored(world, row)).state for row in rows} == {"queued"}  # nobody else's press counts
    payload = press_payload(custom_id, interaction_id=6)
    payload["message"]["flags"] = EPHEMERAL
    answer = await world.answer(payload)
    assert answer.body["data"]["content"] == "4 requests were withdrawn and refunded."
    assert {(await stored(world, row)).state for row in rows} == {"cancelled"}


async def test_pause_lasts_and_resume_ends_it(world, studio):
    row = await waiting(world)
    other = await waiting(world, user_id=BEN_ID, guild_id=OTHER_GUILD)
    assert "nothing more starts" in (await line(world, "pause"))["content"]
    assert (await line(world, "pause"))["content"] == "The line was paused already."
    assert studio.is_paused(GUILD_ID)
    assert not studio.is_paused(OTHER_GUILD)
    text = studio.waiting_reply(row).content
    assert "the line is paused by this server's moderators" in text
    assert "ready" not in text
    assert studio.overview.place_of(other.id) == 1
    async with world.database.reading() as connection:
        assert await pauses.paused(connection) == [GUILD_ID]
    assert (await line(world, "resume"))["content"] == "The line goes on."
    assert (await line(world, "resume"))["content"] == "The line was not paused."
    assert "2nd in line" in studio.waiting_reply(row).content
    assert [entry[0] for entry in await audited(world)] == ["line-paused", "line-resumed"]


async def test_what_is_asked_for_in_a_paused_server_waits_too(world, studio):
    await line(world, "pause")
    row = await waiting(world)
    assert "paused" in studio.waiting_reply(row).content
    await line(world, "resume")
    assert studio.overview.place_of(row.id) == 1


async def test_the_owner_s_pause_is_for_all_and_no_moderator_ends_it(world, studio):
    await waiting(world)
    await line(world, "pause", user_id=OWNER_ID)
    assert studio.is_paused(GUILD_ID)
    assert studio.is_paused(None)
    assert "owner of this bot" in (await line(world, "resume"))["content"]
    assert (await line(world, "resume", user_id=OWNER_ID))["content"] == "The line goes on."


# Why am I waiting?


async def test_why_says_who_shares_the_card_in_numbers_and_names_nobody(world, studio):
    await waiting(world, user_id=BEN_ID)
    await waiting(world)
    row = await waiting(world)
    answer = (await world.answer(press_payload(f"why:{row.id}"))).body["data"]
    assert answer["flags"] == EPHEMERAL
    content = answer["content"]
    assert f"#{row.short_id} is 3rd in line." in content
    assert "2 members share the graphics card: 0 requests are being drawn, and 3 wait." in content
    assert "your share is about 50 %" in content
    assert "One request of yours came before this one." in content
    assert "<t:" in content
    assert "<@" not in content


async def test_why_says_that_the_line_is_paused(world, studio):
    row = await waiting(world)
    await line(world, "pause")
    assert "have paused the line" in (await world.answer(press_payload(f"why:{row.id}"))).body["data"]["content"]


async def test_what_has_ended_waits_no_more(world, studio):
    row = await waiting(world)
    await studio.cancel(row.id)
    answer = await world.answer(press_payload(f"why:{row.id}"))
    assert answer.body["data"]["content"] == "This request does not wait any more."


# Edit of what waits


FIELDS = {"prompt": "a blue heart", "negative_prompt": "", "steps": "30", "guidance": "5", "seed": "7"}


async def test_edit_of_what_waits_opens_the_form(world, studio):
    row = await waiting(world)
    body = (await world.answer(press_payload(f"change:{row.id}"))).body
    assert (body["type"], body["data"]["custom_id"]) == (MODAL, f"change-form:{row.id}")


async def test_a_request_that_waits_becomes_another_in_its_place(world, studio):
    first, row, last = [await waiting(world) for _ in range(3)]
    answer = await world.answer(form_payload(f"change-form:{row.id}", FIELDS))
    assert answer.body["type"] == DEFERRED_UPDATE
    changed = await stored(world, row)
    assert (changed.prompt, changed.num_inference_steps, changed.seed) == ("a blue heart", 30, 7)
    assert (changed.state, changed.message_id, changed.created_at) == ("queued", 900, row.created_at)
    assert [studio.overview.place_of(each.id) for each in (first, row, last)] == [1, 2, 3]
    assert "a blue heart" in studio.waiting_reply(studio.overview.waiting_rows(None)[1]).content
    async with world.database.reading() as connection:
        assert len(await requests.unfinished(connection)) == 3


async def test_only_the_difference_is_charged(world, studio):
    row = await waiting(world, num_images=1)
    answer = await world.answer(form_payload(f"change-form:{row.id}", {**FIELDS, "prompt": "a {red|blue|green} heart"}))
    assert answer.body["type"] == DEFERRED_UPDATE
    assert (await stored(world, row)).charged == 3
    allowance = await world.client.admission.allowance(ANN_ID, GUILD_ID)
    assert allowance.left == allowance.rules.pictures_per_day - 3


async def test_a_change_that_is_refused_leaves_the_request_as_it_was(world, studio):
    row = await waiting(world)
    answer = await world.answer(form_payload(f"change-form:{row.id}", {**FIELDS, "steps": "151"}))
    assert answer.body["data"]["components"][0]["components"][0]["label"] == "Correct it"
    assert await stored(world, row) == row


async def test_correct_it_opens_the_same_form_again(world, studio):
    row = await waiting(world)
    answer = await world.answer(form_payload(f"change-form:{row.id}", {**FIELDS, "steps": "many"}))
    custom_id = answer.body["data"]["components"][0]["components"][0]["custom_id"]
    body = (await world.answer(press_payload(custom_id, interaction_id=6))).body
    assert body["data"]["custom_id"] == f"change-form:{row.id}"


async def test_a_member_changes_no_other_s_request(world, studio):
    row = await waiting(world, user_id=BEN_ID)
    sentence = "Only the member who asked for this can change it."
    assert (await world.answer(press_payload(f"change:{row.id}"))).body["data"]["content"] == sentence
    answer = await world.answer(form_payload(f"change-form:{row.id}", FIELDS, interaction_id=6))
    assert sentence in answer.body["data"]["content"]
    assert await stored(world, row) == row


@pytest.mark.parametrize("state", ["running", "done"])
async def test_what_waits_no_more_is_not_changed(world, studio, state):
    row = await waiting(world)
    async with world.database.transaction() as connection:
        await connection.execute("UPDATE requests SET state = ?", (state,))
    answer = await world.answer(form_payload(f"change-form:{row.id}", FIELDS))
    assert "It does not wait any more" in answer.body["data"]["content"]
    assert (await stored(world, row)).prompt == row.prompt


async def test_a_request_that_starts_between_opening_and_sending_the_form_stays_as_it_was(world, studio):
    row = await waiting(world)
    async with world.database.transaction() as connection:
        assert await attempts.start(connection, row.id, now=1.0)
    ask = SimpleNamespace()
    assert await world.client.admission.change(row, ask) is None
    assert len(world.desk.sent("POST", CALLBACK)) == 0
