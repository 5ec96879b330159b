import asyncio
import hashlib
import os
import sys
import time

import pytest
from desk import press_payload
from hypothesis import given, settings
from hypothesis import strategies as st
from road import opened_road

from bot.admission import Refused
from bot.files import UNFINISHED, FileGone, Files, RoomOnDisk, free_bytes
from bot.settings import Settings
from bot.store import files as stored

RED, BLUE = b"red", b"blue"
FOR_EVER = 2.0**40


@pytest.fixture
async def road(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        yield road


@pytest.fixture
def bytes_on_disk(tmp_path):
    return lambda: {file.read_bytes() for file in (tmp_path / "files").rglob("*") if file.is_file()}


async def put(road, data, *, kind="result", keep_until=FOR_EVER, row=None):
    row = row or await road.admitted()
    return await road.files.put(data, kind=kind, request_id=row.id, keep_until=keep_until)


async def test_what_is_put_is_read_by_the_sha256_of_its_bytes(road):
    sha256 = await put(road, RED)
    assert sha256 == hashlib.sha256(RED).hexdigest()
    assert await road.files.read(sha256) == RED


async def test_the_same_bytes_are_on_the_disk_once(road, bytes_on_disk, tmp_path):
    assert await put(road, RED) == await put(road, RED)
    assert len([file for file in (tmp_path / "files").rglob("*") if file.is_file()]) == 1


async def test_bytes_stay_as_long_as_one_request_holds_them(road):
    one, other = await road.admitted(), await road.admitted()
    sha256 = await put(road, RED, row=one)
    await put(road, RED, row=other)
    await road.files.drop([one.id])
    assert await road.files.read(sha256) == RED
    await road.files.drop([other.id])
    with pytest.raises(FileGone):
        await road.files.read(sha256)


@pytest.mark.parametrize("gone", ["erased_at", "deleted_at"])
async def test_nothing_is_kept_of_what_was_erased_or_deleted_meanwhile(road, bytes_on_disk, gone):
    row = await road.change(await road.admitted(), **{gone: 1.0})
    await put(road, RED, row=row)
    assert bytes_on_disk() == set()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such bound")
async def test_what_the_disk_does_not_take_takes_no_room_from_others(road):
    import resource

    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**22, bounds[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            await put(road, bytes(2**22 + 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    async with road.database.reading() as connection:
        assert await stored.named(connection) == set()


async def test_one_file_of_a_request_goes_alone(road):
    row = await road.admitted()
    red, blue = await put(road, RED, row=row), await put(road, BLUE, row=row)
    await road.files.drop([row.id], sha256=red)
    assert await road.files.read(blue) == BLUE
    with pytest.raises(FileGone):
        await road.files.read(red)


async def test_the_sweeper_removes_what_has_been_kept_long_enough(road, bytes_on_disk):
    await put(road, RED, keep_until=road.clock() + 100)
    await put(road, BLUE, keep_until=road.clock() + 300)
    road.clock.now += 200
    await road.files.sweep()
    assert bytes_on_disk() == {BLUE}


async def test_bytes_that_are_put_again_stay_for_the_longer_time(road):
    row = await road.admitted()
    sha256 = await put(road, RED, row=row, keep_until=road.clock() + 300)
    await put(road, RED, row=row, keep_until=road.clock() + 100)
    road.clock.now += 200
    await road.files.sweep()
    assert await road.files.read(sha256) == RED


async def test_above_the_cap_the_oldest_result_goes_first_and_originals_under_appeal_last(tmp_path):
    async with opened_road(tmp_path, is_served=False, most_bytes=25) as road:
        names = []
        for kind, data in (("flagged", b"original.."), ("result", b"old result"), ("result", b"new result")):
            names.append(await put(road, data, kind=kind))
            road.clock.now += 1
        assert await road.files.read(names[0]) == b"original.."
        assert await road.files.read(names[2]) == b"new result"
        with pytest.raises(FileGone):
            await road.files.read(names[1])


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["result", "flagged"]), st.integers(1, 40)), max_size=10), st.integers(0, 150)
)
def test_what_fits_under_the_cap_stays_in_order(tmp_path_factory, kept, most_bytes):
    """Originals before results, the newest before the others, as far as they fit."""

    async def sizes_left():
        folder = tmp_path_factory.mktemp("cap")
        async with opened_road(folder, is_served=False) as road:
            row = await road.admitted()
            for number, (kind, size) in enumerate(kept):
                await put(road, bytes([number]) * size, kind=kind, row=row)
                road.clock.now += 1
            await Files(folder / "files", road.database, most_bytes=most_bytes, clock=road.clock).sweep()
            return {file.read_bytes()[0] for file in (folder / "files").rglob("*") if file.is_file()}

    numbered = [(number, kind, size) for number, (kind, size) in enumerate(kept)]
    expected, so_far = set(), 0
    for number, _, size in sorted(numbered, key=lambda each: (each[1] == "result", -each[0])):
        so_far += size
        if so_far <= most_bytes:
            expected.add(number)
    assert asyncio.run(sizes_left()) == expected


async def test_a_file_that_no_row_names_is_removed(road, bytes_on_disk):
    await put(road, RED)
    await put(road, BLUE)
    async with road.database.transaction() as connection:
        await connection.execute("DELETE FROM files WHERE size_bytes = ?", (len(RED),))
    await road.files.sweep()
    assert bytes_on_disk() == {BLUE}


async def test_only_what_was_left_half_written_long_ago_is_removed(road, tmp_path):
    await put(road, RED)
    folder = next((tmp_path / "files").iterdir())
    old, new = folder / f"old{UNFINISHED}", folder / f"new{UNFINISHED}"
    old.touch()
    new.touch()
    os.utime(old, (road.clock() - 7200, road.clock() - 7200))
    os.utime(new, (road.clock(), road.clock()))
    await road.files.sweep()
    assert (old.exists(), new.exists()) == (False, True)


async def test_a_write_that_fails_leaves_no_half_file(road, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        await put(road, RED)
    assert [file for file in (tmp_path / "files").rglob("*") if file.is_file()] == []


async def test_foreign_files_in_the_folder_are_left_alone(road, tmp_path):
    await put(road, RED)
    mine = next((tmp_path / "files").iterdir()) / "notes.txt"
    mine.write_text("mine")
    await road.files.sweep()
    assert mine.exists()


async def test_bytes_that_are_being_put_are_not_swept(road):
    """The row stands before the file does, so a sweep between the two leaves both."""
    sha256s = await asyncio.gather(*(put(road, bytes([n])) for n in range(8)), *(road.files.sweep() for _ in range(8)))
    for sha256 in sha256s[:8]:
        assert await road.files.read(sha256)


# what is shown is kept only where the operator says so


@pytest.mark.parametrize(("days", "kept"), [(0, 0), (3, 2)])
async def test_results_are_kept_only_where_the_operator_says_for_how_long(tmp_path, days, kept):
    async with opened_road(tmp_path, keep_pictures_s=days * 86400) as road:
        row = await road.waiting(num_images=2)
        (await road.engine.drawing("a cat")).finish()
        await road.ended(row)
        async with road.database.reading() as connection:
            rows = await stored.of_requests(connection, [row.id])
        shown = {upload.data for upload in road.delivery.last(row).uploads}
        assert {await road.files.read(each.sha256) for each in rows} == (shown if kept else set())
        assert len(rows) == kept
        assert {(each.kind, each.keep_until) for each in rows} == (
            {("result", road.clock() + 3 * 86400)} if kept else set()
        )


async def test_a_disk_that_takes_nothing_keeps_no_picture_from_its_member(tmp_path, monkeypatch):
    async with opened_road(tmp_path, keep_pictures_s=86400) as road:
        (tmp_path / "files").write_text("no folder")
        row = await road.waiting()
        (await road.engine.drawing("a cat")).finish()
        assert (await road.ended(row)).state == "done"


# room on the disk


async def test_while_the_disk_is_nearly_full_requests_are_refused(road, tmp_path):
    road.admission._gates = (RoomOnDisk([tmp_path / "not" / "there"], least_free_bytes=2**60),)
    with pytest.raises(Refused, match="disk-full"):
        await road.admitted()


async def test_while_there_is_room_they_pass(road, tmp_path):
    road.admission._gates = (RoomOnDisk([tmp_path / "not" / "there"], least_free_bytes=1),)
    assert (await road.admitted()).state == "queued"


def test_the_fullest_of_several_disks_counts(tmp_path, monkeypatch):
    free = {tmp_path: 5, tmp_path.parent: 7}
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": free[folder]}))
    assert free_bytes([tmp_path / "files", tmp_path.parent]) == 5


def test_settings_speak_of_days_and_gigabytes():
    chosen = Settings.of(keep_pictures=2, max_disk_gb=0.5, min_free_gb=3)
    assert (chosen.keep_pictures_s, chosen.most_disk_bytes, chosen.least_free_bytes) == (172800, 5 * 10**8, 3 * 10**9)


async def test_a_file_stays_private_to_its_process_until_it_is_whole(tmp_path, road):
    files = Files(tmp_path / "other", road.database, most_bytes=10**6, clock=time.time)
    row = await road.admitted()
    sha256 = await files.put(RED, kind="flagged", request_id=row.id, keep_until=FOR_EVER)
    assert [file.name for file in (tmp_path / "other").rglob("*") if file.is_file()] == [sha256]


async def test_deleting_a_message_deletes_the_bytes(world):
    row = await world.row()
    sha256 = await world.client.files.put(RED, kind="result", request_id=row.id, keep_until=FOR_EVER)
    await world.answer(press_payload(f"delete:{row.id}"))
    with pytest.raises(FileGone):
        await world.client.files.read(sha256)
