"""`/mydata`: everything that is kept about a member, for that member alone, and its erasure."""

import io
import json
import zipfile

import pytest
from desk import ANN_ID, BEN_ID, CHANNEL_ID, command_payload, form_payload, press_payload

from bot.__main__ import main
from bot.store import audit, blocks, messages, reports, requests
from bot.store.audit import Deed
from bot.store.blocks import Block

EPHEMERAL = 64
FOR_EVER = 2.0**40
EDIT = "/webhooks/*/messages/@original"


def mydata(part, **more):
    return command_payload("mydata", [{"type": 1, "name": part, "options": []}], **more)


async def export(world, **more):
    call = await world.answer(mydata("export", **more))
    assert call.body["data"]["flags"] == EPHEMERAL
    [(name, data)] = call.files.items()
    assert name == "mydata.zip"
    return zipfile.ZipFile(io.BytesIO(data))


async def kept(world, **more):
    with await export(world, **more) as packed:
        return json.loads(packed.read("mydata.json"))


async def test_an_export_holds_every_request_of_the_member_wherever_it_was_made(world):
    await world.row(prompt="a red heart", num_images=2)
    await world.row(prompt="a cat", guild_id=8)
    await world.row(prompt="somebody else's", user_id=BEN_ID)
    rows = (await kept(world))["requests"]
    assert [(row["prompt"], row["guild_id"], row["seed"]) for row in rows] == [
        ("a red heart", "7", 4181),
        ("a cat", "8", 4181),
    ]


async def test_an_export_holds_no_secret_and_no_moderator(world):
    await world.row()
    async with world.database.transaction() as connection:
        await blocks.put(
            connection,
            Block(
                guild_id=7, user_id=ANN_ID, kind="moderator", until=None, reason="spam", blocked_by=999, blocked_at=1.0
            ),
        )
        await audit.append(connection, Deed(action="block", guild_id=7, actor_id=999, user_id=ANN_ID), now=1.0)
    text = json.dumps(await kept(world))
    assert "spam" in text
    assert '"old"' not in text
    assert "999" not in text


async def report(world, row, user_id):
    async with world.database.transaction() as connection:
        await reports.put(connection, request_id=row.id, reporter_id=user_id, guild_id=7, reason="not nice", now=1.0)
        deed = Deed(action="report", guild_id=7, actor_id=user_id, user_id=row.user_id, request_id=row.id)
        await audit.append(connection, deed, now=1.0)


async def told_moderators(world):
    async with world.database.reading() as connection:
        rows = await audit.page(
            connection, guild_id=7, before_id=None, user_id=None, action=None, count=9, with_everywhere=False
        )
    return [row.reason for row in rows]


async def test_what_a_member_reported_is_in_their_export_alone_and_goes_with_their_data(world):
    row = await world.row(user_id=BEN_ID)
    await report(world, row, ANN_ID)
    [kept_of_ann], kept_of_ben = (await kept(world))["reports"], (await kept(world, user_id=BEN_ID))["reports"]
    assert (kept_of_ann["request"], kept_of_ann["reason"], kept_of_ben) == (row.id, "not nice", [])
    assert await told_moderators(world) == ["not nice"]
    await world.client.eraser.erase(ANN_ID, with_messages=False)
    assert [each["reason"] for each in (await kept(world))["reports"]] == [None]
    assert await told_moderators(world) == [None]


async def test_an_export_holds_the_pictures_that_are_kept_but_none_that_was_withheld(world):
    row = await world.row()
    for kind, data in (("result", b"shown"), ("flagged", b"withheld")):
        await world.client.files.put(data, kind=kind, request_id=row.id, keep_until=FOR_EVER)
    with await export(world) as packed:
        assert [packed.read(name) for name in packed.namelist() if name.startswith("pictures/")] == [b"shown"]


async def test_pictures_that_do_not_fit_are_left_out_and_that_is_said(world):
    row = await world.row()
    await world.client.files.put(bytes(200_000), kind="result", request_id=row.id, keep_until=FOR_EVER)
    call = await world.answer(mydata("export", attachment_size_limit=150_000))
    assert "without 1 pictures" in call.body["data"]["content"]


async def test_an_export_that_fits_no_file_is_refused_in_one_sentence(world):
    await world.row()
    call = await world.answer(mydata("export", attachment_size_limit=100))
    assert call.body["data"]["content"].startswith("What is kept about you does not fit")


# delete


async def test_deleting_asks_once_and_messages_stay_unless_ticked(world):
    data = (await world.answer(mydata("delete"))).body["data"]
    assert data["flags"] == EPHEMERAL
    assert "It cannot be undone." in data["content"]
    assert buttons(data) == ["tick:1", "erase:0"]


def buttons(data):
    return [button["custom_id"] for row in data["components"] for button in row["components"]]


@pytest.mark.parametrize("now", [0, 1])
async def test_the_tick_goes_back_and_forth(world, now):
    call = await world.answer(press_payload(f"tick:{now}"))
    assert buttons(call.body["data"]) == [f"tick:{1 - now}", f"erase:{now}"]


async def press(world, custom_id):
    await world.answer(press_payload(custom_id))
    return world.desk.sent("PATCH", EDIT)[-1].body


async def shown(world, **more):
    row = await world.row(**more)
    async with world.database.transaction() as connection:
        await messages.mark_answered(connection, row.id, message_id=900 + row.id)
        await connection.execute(
            "UPDATE requests SET state = 'done', ended_at = 1, told_at = 1 WHERE id = ?", (row.id,)
        )
    return row


async def row_of(world, row):
    async with world.database.reading() as connection:
        return await requests.fetch(connection, row.id)


async def test_the_last_word_erases_and_says_how_much(world):
    row, waiting = await shown(world), await world.row()
    body = await press(world, "erase:0")
    assert (
        body["content"] == "The words of 2 requests are erased.\n1 of them was waiting, and is withdrawn and refunded."
    )
    assert body["components"] == []
    assert [(await row_of(world, each)).prompt for each in (row, waiting)] == ["-", "-"]


async def test_messages_are_deleted_only_if_ticked(world):
    row = await shown(world)
    path = f"/channels/{CHANNEL_ID}/messages/{900 + row.id}"
    await press(world, "erase:0")
    await world.client.eraser.settle()
    assert world.desk.sent("DELETE", path) == []
    assert "1 message is being deleted." in (await press(world, "erase:1"))["content"]
    await world.client.eraser.settle()
    assert len(world.desk.sent("DELETE", path)) == 1
    await world.client.eraser.settle()
    assert len(world.desk.sent("DELETE", path)) == 1


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (429, 2)], ids=["gone", "forbidden", "later"])
async def test_a_message_is_tried_again_only_where_discord_may_take_it_later(world, status, tries):
    row = await shown(world)
    path = f"/channels/{CHANNEL_ID}/messages/{900 + row.id}"
    await press(world, "erase:1")
    world.desk.fail("DELETE", path, status, 0)
    for _ in range(3):
        await world.client.eraser.settle()
    assert len(world.desk.sent("DELETE", path)) == tries


async def test_what_waited_is_stopped_and_its_message_says_so(world):
    row = await world.row()
    await press(world, "erase:0")
    await world.client.eraser.settle()
    assert world.studio.done == [("drop", row.id), ("tell", row.id, "erased")]


@pytest.mark.parametrize("act", ["reroll", "edit", "again"])
async def test_what_was_erased_is_not_drawn_again(world, act):
    row = await shown(world)
    await press(world, "erase:0")
    call = await world.answer(press_payload(f"{act}:{row.id}", interaction_id=6))
    assert "were erased, so it cannot be drawn again" in call.body["data"]["content"]
    assert world.accepted.calls == []


async def test_a_form_about_what_was_erased_is_refused(world):
    row = await shown(world)
    await press(world, "erase:0")
    call = await world.answer(form_payload(f"edit-form:{row.id}", {"prompt": "a dog"}, interaction_id=6))
    assert "were erased" in call.body["data"]["content"]


async def test_a_history_says_that_words_were_erased(world):
    await shown(world)
    await press(world, "erase:0")
    call = await world.answer(command_payload("history", interaction_id=6))
    assert "**(erased)**" in call.body["data"]["content"]


async def test_a_faulty_form_is_not_kept_for_who_was_erased(world):
    from bot.forms import Draft, Typed

    typed = Typed(prompt="secret", negative_prompt="", steps="", guidance="", seed="")
    for user_id in (ANN_ID, BEN_ID):
        world.client.drafts.keep(user_id, Draft(act="edit", request_id=1, typed=typed), user_id=user_id)
    await press(world, "erase:0")
    assert world.client.drafts.find(ANN_ID, user_id=ANN_ID) is None
    assert world.client.drafts.find(BEN_ID, user_id=BEN_ID) is not None


# `python -m bot forget`


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command line about the same database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_PATH", str(tmp_path / "bot.sqlite3"))
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "files"))
    return main


def test_forget_without_a_database_makes_none(command, tmp_path, capsys):
    assert command(["forget", "1"]) == 2
    assert capsys.readouterr().err.endswith("bot.sqlite3 does not exist\n")
    assert not (tmp_path / "bot.sqlite3").exists()


@pytest.mark.parametrize("value", ["ann", "0", "-1", "9" * 20])
def test_forget_takes_user_ids_alone(command, value, capsys):
    with pytest.raises(SystemExit) as end:
        command(["forget", "--", value])
    assert end.value.code == 2
    assert "is no user id" in capsys.readouterr().err
