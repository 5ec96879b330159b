"""Live messages: edited when their text changes, rarely enough, and never against their end."""

import asyncio

import aiohttp
import pytest
from road import Clock, HandDelivery, until
from rows import row

from bot import progress
from bot.progress import Board
from bot.replies import Reply
from bot.undeliverable import MessageGone


@pytest.fixture
def time():
    return Clock(0.0)


@pytest.fixture
def delivery():
    return HandDelivery()


@pytest.fixture
def gone():
    return []


@pytest.fixture
async def board(delivery, time, gone, monkeypatch):
    monkeypatch.setattr(progress, "LOOK_EVERY_S", 0.0)
    board = Board(delivery, clock=time)

    async def when_gone(request_id):
        gone.append(request_id)

    running = asyncio.create_task(board.run(when_gone))
    yield board
    running.cancel()
    await asyncio.wait({running})


async def looked():
    """Let the board look several times."""
    for _ in range(20):
        await asyncio.sleep(0)


def saying(*texts):
    """Says one text after the other, and stays with the last."""
    left = list(texts)
    return lambda: Reply(content=left.pop(0) if len(left) > 1 else left[0])


def contents(delivery):
    return [reply.content for _, reply in delivery.shown]


async def test_a_changed_text_is_shown_when_it_is_due(board, delivery, time):
    board.put(row(), saying("step 1"), every_s=2.0)
    time.now = 2.0
    await until(lambda: contents(delivery) == ["step 1"])


async def test_nothing_is_edited_before_it_is_due(board, delivery, time):
    board.put(row(), saying("step 1"), every_s=2.0)
    time.now = 1.9
    await looked()
    assert delivery.shown == []


async def test_two_edits_of_a_message_are_as_far_apart_as_was_said(board, delivery, time):
    board.put(row(), saying("step 1", "step 2"), every_s=2.0)
    time.now = 2.0
    await until(lambda: contents(delivery) == ["step 1"])
    time.now = 3.9
    await looked()
    assert contents(delivery) == ["step 1"]
    time.now = 4.0
    await until(lambda: contents(delivery) == ["step 1", "step 2"])


async def test_a_text_that_is_shown_already_is_not_sent(board, delivery, time):
    board.put(row(), saying("next in line"), every_s=2.0, content="next in line")
    time.now = 10.0
    await looked()
    assert delivery.shown == []


async def test_a_message_that_turns_from_waiting_to_running_keeps_its_time(board, delivery, time):
    board.put(row(), saying("waiting"), every_s=2.0)
    time.now = 2.0
    await until(lambda: contents(delivery) == ["waiting"])
    board.put(row(), saying("running"), every_s=2.0)
    time.now = 3.0
    await looked()
    assert contents(delivery) == ["waiting"]


async def test_a_retired_message_is_left_alone(board, delivery, time):
    board.put(row(), saying("step 1"), every_s=2.0)
    await board.retire(row().id)
    time.now = 10.0
    await looked()
    assert delivery.shown == []


async def test_retiring_waits_for_an_edit_that_is_under_way(board, delivery, time):
    delivery.gate.clear()
    board.put(row(), saying("step 1"), every_s=2.0)
    time.now = 2.0
    await looked()
    retiring = asyncio.create_task(board.retire(row().id))
    await looked()
    assert not retiring.done()
    delivery.gate.set()
    await retiring
    assert contents(delivery) == ["step 1"]


async def test_a_message_has_one_edit_at_a_time(board, delivery, time):
    delivery.gate.clear()
    board.put(row(), saying("step 1", "step 2"), every_s=2.0)
    time.now = 2.0
    await looked()
    time.now = 10.0
    await looked()
    delivery.gate.set()
    await until(lambda: contents(delivery))
    assert contents(delivery)[0] == "step 1"


async def test_all_messages_share_one_budget(board, delivery, time):
    delivery.gate.clear()
    composed = []

    def composing(number):
        return lambda: composed.append(number) or Reply(content=f"{number}")

    for number in range(10):
        board.put(row(id=number + 1), composing(number), every_s=2.0)
    time.now = 2.0
    await looked()
    assert composed == [0, 1, 2, 3]


async def test_the_more_messages_wait_the_less_often_each_is_edited(board, delivery, time):
    left = {number: ["first", "second", "third", "fourth"] for number in range(100)}
    for number in left:
        board.put(row(id=number + 1), lambda number=number: Reply(content=left[number][0]), every_s=10.0)
    for second in range(1, 101):
        time.now = float(second)
        await looked()
        for texts in left.values():
            texts[0] = f"{second}"
    assert 100 <= len(delivery.shown) <= 200  # in 100 seconds, two in each at most


async def test_what_somebody_has_just_changed_is_shown_at_once(board, delivery, time):
    board.put(row(), saying("changed"), every_s=10.0)
    time.now = 1.0
    board.hurry(row().id)
    await until(lambda: contents(delivery) == ["changed"])


async def test_a_deleted_message_is_reported(board, delivery, time, gone):
    delivery.errors = [MessageGone()]
    board.put(row(), saying("step 1"), every_s=2.0)
    time.now = 2.0
    await until(lambda: gone == [row().id])


async def test_progress_that_cannot_be_shown_is_let_go(board, delivery, time, gone):
    delivery.errors = [aiohttp.ServerDisconnectedError()]
    board.put(row(), saying("step 1", "step 2"), every_s=2.0)
    time.now = 2.0
    await until(lambda: not delivery.errors)
    time.now = 4.0
    await until(lambda: contents(delivery) == ["step 2"])
    assert gone == []
