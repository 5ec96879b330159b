"""What is erased of a member, of old requests and of servers that were left; and what stays."""

import json
import sqlite3

import pytest
from road import opened_road, picture, until

from bot.database import Database
from bot.erasing import LEFT_KEPT_S
from bot.files import FileGone
from bot.forgetting import forget
from bot.settings import Settings
from bot.store import audit, blocks, left_servers, server_settings
from bot.store.audit import Deed
from bot.store.blocks import Block
from bot.store.server_settings import ServerSettings
from engine import Variant

ANN, BEN = 1, 2
FOR_EVER = 2.0**40
WORDS = ("a secret", "blur", "as typed")


@pytest.fixture
async def road(tmp_path):
    async with opened_road(tmp_path) as road:
        yield road


async def ended(road, prompt="a secret", **more):
    row = await road.admitted(prompt, negative_prompt="blur", typed_prompt="as typed --seed 7", **more)
    return await road.change(row, state="done", ended_at=road.clock(), told_at=road.clock(), role_ids="[5]")


async def test_no_word_of_an_erased_member_is_left_in_any_file_of_the_database(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        await ended(road, variants=(Variant("a secret cat", 7),))
        await road.eraser.erase(ANN, with_messages=False)
    bytes_left = b"".join(file.read_bytes() for file in tmp_path.glob("bot.sqlite3*"))
    assert [word for word in WORDS if word.encode() in bytes_left] == []


async def test_an_erased_request_keeps_what_it_cost_and_its_seeds(road):
    before = await ended(road, num_images=2, variants=(Variant("a red secret", 7), Variant("a blue secret", 8)))
    await road.eraser.erase(ANN, with_messages=False)
    after = await road.row(before.id)
    assert (after.charged, after.day, after.seeds, after.state) == (before.charged, before.day, (7, 8), "done")
    assert (after.erased_at, after.role_ids) == (road.clock(), "[]")


@pytest.mark.parametrize("variants", [(), (Variant("a red secret", 7),)], ids=["plain", "variants"])
async def test_an_erased_request_can_still_be_read(road, variants):
    row = await ended(road, variants=variants)
    await road.eraser.erase(ANN, with_messages=False)
    after = await road.row(row.id)
    assert [picture.prompt for picture in after.request.pictures] == ["-"]
    assert (after.as_typed, after.wording_notes) == ("-", ())


async def test_other_members_requests_stay_as_they_are(road):
    other = await ended(road, user_id=BEN)
    await road.eraser.erase(ANN, with_messages=True)
    assert await road.row(other.id) == other


async def test_what_waits_and_what_runs_is_withdrawn_refunded_and_says_so(tmp_path):
    async with opened_road(tmp_path, max_rows=2) as road:
        running, waiting = await road.waiting("running"), await road.waiting("waiting")
        drawing = await road.engine.drawing("running")
        erased = await road.eraser.erase(ANN, with_messages=False)
        assert (erased.requests, erased.withdrawn) == (2, 2)
        await road.eraser.settle()
        for row in (running, waiting):
            after = await road.ended(row)
            assert (after.state, after.reason, after.charged, after.charged_s) == ("cancelled", "erased", 0, 0)
            assert road.delivery.last(row).content.startswith("**(erased)**\nWithdrawn")
        await until(lambda: drawing.is_closed)
        assert road.engine.prompts == ["running"]


async def test_pictures_that_are_finished_after_the_erasure_are_not_shown(road):
    row = await road.admitted()
    await road.eraser.erase(ANN, with_messages=False)
    await road.endings.deliver(row, [picture(row.request)], state="done", reason=None, progress=None)
    assert road.delivery.shown == []
    assert (await road.row(row.id)).charged == 0


async def test_kept_pictures_go_with_the_words(road):
    row = await ended(road)
    sha256 = await road.files.put(b"red", kind="result", request_id=row.id, keep_until=FOR_EVER)
    await road.eraser.erase(ANN, with_messages=False)
    with pytest.raises(FileGone):
        await road.files.read(sha256)


async def test_blocks_survive(road):
    block = Block(guild_id=7, user_id=ANN, kind="moderator", until=None, reason="spam", blocked_by=9, blocked_at=1.0)
    async with road.database.transaction() as connection:
        await blocks.put(connection, block)
    await road.eraser.erase(ANN, with_messages=True)
    async with road.database.reading() as connection:
        assert await blocks.holding(connection, user_id=ANN, now=road.clock()) == [block]


# from another process


async def test_forget_works_beside_a_bot_which_then_stops_what_was_withdrawn(tmp_path):
    settings = Settings.of(database_path=tmp_path / "bot.sqlite3", data_dir=tmp_path / "files")
    async with opened_road(tmp_path, max_rows=2) as road:
        old = await ended(road)
        sha256 = await road.files.put(b"red", kind="result", request_id=old.id, keep_until=FOR_EVER)
        running, waiting = await road.waiting("running"), await road.waiting("waiting")
        drawing = await road.engine.drawing("running")
        erased = await forget(settings, ANN, with_messages=False)
        assert (erased.requests, erased.withdrawn) == (3, 2)
        with pytest.raises(FileGone):
            await road.files.read(sha256)
        drawing.finish()  # before the bot has looked
        await road.eraser.settle()
        assert [(await road.ended(row)).charged for row in (running, waiting)] == [0, 0]
        assert {len(reply.uploads) for _, reply in road.delivery.shown} == {0}


async def test_what_is_forgotten_before_the_bot_finds_out_is_never_drawn(tmp_path):
    settings = Settings.of(database_path=tmp_path / "bot.sqlite3", data_dir=tmp_path / "files")
    async with opened_road(tmp_path, max_rows=2) as road:
        await road.waiting("first")
        waiting = await road.waiting("second")
        first = await road.engine.drawing("first")
        await forget(settings, ANN, with_messages=False)
        first.finish()
        await road.settle()
        assert "second" not in road.engine.prompts
        assert (await road.row(waiting.id)).reason == "erased"


# old prompts


async def test_words_of_requests_that_ended_long_ago_are_erased_where_the_operator_says_so(tmp_path):
    async with opened_road(tmp_path, is_served=False, forget_prompts_s=100.0) as road:
        old, new, waiting = await ended(road), await ended(road), await road.admitted()
        sha256 = await road.files.put(b"red", kind="result", request_id=old.id, keep_until=FOR_EVER)
        await road.change(old, ended_at=road.clock() - 101)
        await road.eraser.sweep()
        prompts = [(await road.row(row.id)).prompt for row in (old, new, waiting)]
        assert prompts == ["-", "a secret", "a cat"]
        assert (await road.row(old.id)).charged == old.charged
        with pytest.raises(FileGone):
            await road.files.read(sha256)


async def test_words_and_kept_pictures_go_together_or_not_at_all(tmp_path):
    async with opened_road(tmp_path, is_served=False, forget_prompts_s=100.0) as road:
        row = await road.change(await ended(road), ended_at=road.clock() - 101)
        await road.files.put(b"red", kind="result", request_id=row.id, keep_until=FOR_EVER)
        async with road.database.transaction() as connection:
            await connection.execute(
                "CREATE TRIGGER cut BEFORE DELETE ON files BEGIN SELECT RAISE(ABORT, 'a power cut'); END"
            )
        with pytest.raises(sqlite3.IntegrityError, match="a power cut"):
            await road.eraser.sweep()
        assert (await road.row(row.id)).prompt == "a secret"


async def test_otherwise_they_stay(road):
    row = await road.change(await ended(road), ended_at=1.0)
    await road.eraser.sweep()
    assert (await road.row(row.id)).prompt == "a secret"


# servers that were left


async def rows_of(road, guild_id):
    """How many rows of each table name this server."""
    async with road.database.reading() as connection:
        tables = [
            table for table in await left_servers._tables_with(connection, "guild_id") if table != "adopted_server"
        ]
        counts = {}
        for table in [*tables, "left_servers"]:
            [(count,)] = await connection.execute_fetchall(
                f'SELECT count(*) FROM "{table}" WHERE guild_id = ?',  # noqa: S608
                (guild_id,),
            )
            counts[table] = count
        return counts


async def furnish(road, guild_id):
    """Something in the tables of a server."""
    row = await ended(road, guild_id=guild_id)
    async with road.database.transaction() as connection:
        await server_settings.write(connection, guild_id, ServerSettings())
        deed = Deed(action="refused", guild_id=guild_id, actor_id=None, user_id=ANN, request_id=row.id)
        await audit.append(connection, deed, now=1.0)
        block = Block(
            guild_id=guild_id, user_id=BEN, kind="moderator", until=None, reason=None, blocked_by=9, blocked_at=1.0
        )
        await blocks.put(connection, block)
    return row


async def test_a_servers_data_goes_thirty_days_after_the_bot_left_it(road):
    gone, other = await furnish(road, 7), await furnish(road, 8)
    child = await ended(road, guild_id=8, parent_id=gone.id)
    sha256 = await road.files.put(b"red", kind="flagged", request_id=gone.id, keep_until=FOR_EVER)
    await road.eraser.note_left(7)
    road.clock.now += LEFT_KEPT_S - 1
    await road.eraser.note_left(7)  # which changes nothing
    await road.eraser.sweep()
    assert (await rows_of(road, 7))["requests"] == 1
    road.clock.now += 2
    await road.eraser.sweep()
    assert set((await rows_of(road, 7)).values()) == {0}
    assert (await road.row(other.id)) == other
    assert ((await road.row(child.id)).parent_id, (await rows_of(road, 8))["audit"]) == (None, 1)
    with pytest.raises(FileGone):
        await road.files.read(sha256)


async def test_a_server_that_has_the_bot_back_keeps_its_data(road):
    await furnish(road, 7)
    await road.eraser.note_left(7)
    await road.eraser.note_present([7])
    road.clock.now += LEFT_KEPT_S + 1
    await road.eraser.sweep()
    assert (await rows_of(road, 7))["requests"] == 1


async def test_servers_that_were_left_while_the_bot_did_not_run_are_noted_once_it_does(road):
    await furnish(road, 7)
    await furnish(road, 8)
    await road.eraser.note_others_left([8])
    road.clock.now += LEFT_KEPT_S + 1
    await road.eraser.sweep()
    assert [(await rows_of(road, guild_id))["requests"] for guild_id in (7, 8)] == [0, 1]


async def test_while_something_waits_for_a_server_nothing_of_it_goes(road):
    await furnish(road, 7)
    await road.admitted(guild_id=7)
    await road.eraser.note_left(7)
    road.clock.now += LEFT_KEPT_S + 1
    await road.eraser.sweep()
    assert (await rows_of(road, 7))["requests"] == 2


async def test_the_database_stays_sound(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        row = await furnish(road, 7)
        await ended(road, guild_id=7, parent_id=row.id)
        await road.eraser.note_left(7)
        road.clock.now += LEFT_KEPT_S + 1
        await road.eraser.sweep()
        async with road.database.reading() as connection:
            assert not await connection.execute_fetchall("PRAGMA foreign_key_check")
    async with Database.open(tmp_path / "bot.sqlite3") as database, database.reading() as connection:
        assert [tuple(row) for row in await connection.execute_fetchall("PRAGMA integrity_check")] == [("ok",)]


def test_words_have_no_other_column(road):
    """Whatever text a request's row holds is erased, or is listed here because it says nothing of anybody."""
    kept = {"kind", "interaction_token", "locale", "model", "scheduler", "day", "state", "reason"}
    erased = {"prompt", "negative_prompt", "typed_prompt", "notes", "role_ids", "variants"}
    from bot.store.requests import RequestRow

    texts = {name for name, kind in RequestRow.__annotations__.items() if "int" not in kind and "float" not in kind}
    assert texts <= kept | erased, json.dumps(sorted(texts))
