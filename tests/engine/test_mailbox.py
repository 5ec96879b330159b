import asyncio
import threading

import pytest

from engine import EngineClosed, Picture, Progress
from engine.mailbox import Mailbox


def progress(step: int) -> Progress:
    return Progress(step=step, steps=9, pictures_done=0, num_images=1, seconds_per_step=0.1)


def picture(index: int) -> Picture:
    return Picture(index=index, seed=index, image=None)


async def posted(*events) -> Mailbox:
    """A mailbox to which another thread has posted while its reader was busy."""
    mailbox = Mailbox()
    thread = threading.Thread(target=lambda: [mailbox.post(event) for event in events])
    thread.start()
    thread.join()
    await asyncio.sleep(0)
    return mailbox


async def test_a_slow_reader_sees_only_the_newest_progress():
    mailbox = await posted(progress(1), progress(2), progress(3))
    assert await mailbox.read() == progress(3)


async def test_every_picture_is_read():
    mailbox = await posted(picture(0), progress(1), picture(1), progress(2), picture(2))
    assert [await mailbox.read() for _ in range(4)] == [picture(0), picture(1), progress(2), picture(2)]


async def test_a_reader_waits_for_what_is_posted_later():
    mailbox = Mailbox()
    reading = asyncio.ensure_future(mailbox.read())
    await asyncio.sleep(0)
    threading.Thread(target=mailbox.post, args=(progress(1),)).start()
    assert await reading == progress(1)


async def test_an_error_is_raised_where_it_is_read():
    mailbox = await posted(progress(1), EngineClosed("engine_closed", "closed"))
    await mailbox.read()
    with pytest.raises(EngineClosed):
        await mailbox.read()


def test_posting_to_a_reader_whose_loop_is_closed_does_nothing():
    async def make() -> Mailbox:
        return Mailbox()

    asyncio.run(make()).post(progress(1))
