"""The last steps of a request: shown, charged, told, pinged; each exactly once."""

import dataclasses

import pytest
from PIL import Image
from road import opened_road, picture

from bot import endings as endings_module
from bot.store import outcomes
from bot.undeliverable import AccessLost, MessageGone, Rejected, TooLarge, Unsure
from engine import Progress, Variant
from engine.prompt import Note


@pytest.fixture
async def road(tmp_path):
    async with opened_road(tmp_path, is_served=False) as road:
        yield road


async def deliver(road, row, *pictures, state="done", reason=None, **cut):
    """The row after its delivery."""
    progress = Progress(step=20, steps=20, pictures_done=1, num_images=row.num_images, seconds_per_step=0.1, **cut)
    await road.endings.deliver(row, pictures, state=state, reason=reason, progress=progress)
    return await road.row(row.id)


async def test_what_is_shown_is_charged(road):
    row = await road.admitted(num_images=2)
    ended = await deliver(road, row, picture(row.request, 0), picture(row.request, 1))
    assert (ended.state, ended.charged, ended.told_at is not None) == ("done", 2, True)


async def test_pictures_stand_in_the_order_of_their_seeds(road):
    row = await road.admitted(num_images=2)
    await deliver(road, row, picture(row.request, 1), picture(row.request, 0))
    names = [upload.filename for upload in road.delivery.last(row).uploads]
    assert names == [f"imagine-{row.short_id}-1.png", f"imagine-{row.short_id}-2.png"]


async def test_what_is_left_today_counts_what_this_request_gives_back(road):
    row = await road.admitted(num_images=4)
    await deliver(road, row, picture(row.request), state="cancelled", reason="cancelled-by-owner")
    assert "999 pictures left today" in road.delivery.last(row).content


@pytest.mark.parametrize(
    ("state", "reason"), [("done", None), ("cancelled", "cancelled-by-owner")], ids=["in-full", "ended-early"]
)
async def test_a_cut_prompt_is_said(road, state, reason):
    row = await road.admitted(num_images=2)
    await deliver(road, row, picture(row.request), state=state, reason=reason, cut_prompt="the end")
    assert "left out: the end" in road.delivery.last(row).content


@pytest.mark.parametrize(
    ("state", "reason"), [("done", None), ("cancelled", "cancelled-by-owner")], ids=["in-full", "ended-early"]
)
async def test_notes_on_wording_and_prompt_are_said(road, state, reason):
    typed = Note("option_unknown", "option --x is unknown", {"option": "--x", "value": "", "names": ""})
    read = Note("lora_unknown", "LoRA 'y' is not known", {"name": "y"})
    row = await road.admitted(num_images=2, notes=(typed,))
    await deliver(road, row, picture(row.request), state=state, reason=reason, notes=(read,))
    content = road.delivery.last(row).content
    assert "The option --x is unknown and was left out.\nI know no LoRA y" in content


async def test_alt_text_is_the_pictures_own_prompt(road):
    row = await road.admitted(
        "a {red|blue} cat", num_images=2, variants=(Variant("a red cat", 7), Variant("a blue cat", 7))
    )
    await deliver(road, row, picture(row.request, 0), picture(row.request, 1))
    descriptions = [upload.description for upload in road.delivery.last(row).uploads]
    assert descriptions == ["a red cat (1 of 2)", "a blue cat (2 of 2)"]


async def test_a_repeat_with_another_model_says_so(road):
    first = await road.admitted(model="/srv/models/old")
    row = await road.admitted(kind="again", parent_id=first.id, model="emoji")
    await deliver(road, row, picture(row.request))
    assert "Drawn with the model emoji; the one before was drawn with old." in road.delivery.last(row).content


async def test_a_repeat_with_the_same_model_names_none(road):
    first = await road.admitted()
    row = await road.admitted(kind="reroll", parent_id=first.id)
    await deliver(road, row, picture(row.request))
    assert "model" not in road.delivery.last(row).content


async def test_a_new_message_that_answers_the_old_is_noted_before_the_ledger_is_settled(road, monkeypatch):
    row = await road.admitted()
    road.delivery.new_message_id = 901

    async def die(*_, **__):
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(outcomes, "end", die)
    with pytest.raises(RuntimeError):
        await deliver(road, row, picture(row.request))
    assert (await road.row(row.id)).message_id == 901


async def test_that_a_new_message_is_intended_is_noted_before_it_is_sent(road):
    row = await road.admitted()
    road.delivery.new_message_id = 901
    await deliver(road, row, picture(row.request))
    [(held, is_first)] = road.delivery.answered
    assert (held.anew_intended_at, is_first) == (road.clock(), True)
    assert (await road.row(row.id)).anew_intended_at is None


async def test_after_a_crash_while_it_was_sent_the_waiting_message_is_not_edited_again(road):
    intended = await road.change(await road.admitted(), anew_intended_at=5.0)
    road.delivery.messages[intended.id] = None
    road.delivery.new_message_id = 901
    await deliver(road, intended, picture(intended.request))
    [(held, is_first)] = road.delivery.answered
    assert (held.anew_intended_at, is_first) == (5.0, False)
    assert len(road.delivery.shown) == 1


async def test_a_direct_message_is_intended_before_it_is_sent_and_looked_for_the_second_time(road):
    row = await road.admitted()
    for is_first in (True, False):
        road.delivery.errors = [AccessLost()]
        await road.endings.tell(row, "failed-access")
        assert road.delivery.was_first_dm == is_first
    assert (await road.row(row.id)).dm_intended_at == road.clock()


async def test_a_ping_answers_the_message_that_shows_the_pictures(road):
    row = await road.admitted()
    road.delivery.new_message_id = 901
    road.clock.now += 100
    await deliver(road, row, picture(row.request))
    assert road.delivery.pinged_messages == [901]


async def test_a_new_message_that_says_why_there_are_no_pictures_is_noted(road):
    row = await road.admitted()
    road.delivery.new_message_id = 901
    await road.endings.without_pictures(row, "failed", "failed-engine")
    assert (await road.row(row.id)).message_id == 901


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (MessageGone(), "cancelled", "message-gone"),
        (AccessLost(), "failed", "failed-access"),
        (Unsure(), "failed", "failed-unsure"),
        (Rejected(), "failed", "failed-unexpected"),
    ],
    ids=["gone", "access-lost", "unsure", "rejected"],
)
async def test_what_cannot_be_shown_is_refunded(road, error, state, reason):
    row = await road.admitted()
    road.delivery.errors = [error]
    ended = await deliver(road, row, picture(row.request))
    assert (ended.state, ended.reason, ended.charged, ended.told_at is not None) == (state, reason, 0, True)


async def test_lost_access_is_told_by_direct_message(road):
    row = await road.admitted()
    road.delivery.errors = [AccessLost(), AccessLost()]
    await deliver(road, row, picture(row.request))
    assert road.delivery.shown == []
    assert [row.short_id in text for text in road.delivery.dms] == [True]


async def test_files_too_large_for_discord_are_made_smaller(road):
    row = await road.admitted(attachment_limit=100_000)
    road.delivery.errors = [TooLarge(), TooLarge()]
    large = dataclasses.replace(picture(row.request), image=Image.effect_noise((256, 256), 100).convert("RGB"))
    ended = await deliver(road, row, large)
    [upload] = road.delivery.last(row).uploads
    assert (ended.state, ended.charged) == ("done", 1)
    assert len(upload.data) <= 100_000 // 4


async def test_files_that_stay_too_large_are_refunded(road):
    row = await road.admitted(attachment_limit=endings_module.SMALLEST_FILE_BYTES)
    road.delivery.errors = [TooLarge()]
    ended = await deliver(road, row, picture(row.request))
    assert (ended.state, ended.reason, ended.charged) == ("failed", "failed-too-large", 0)


async def test_all_files_together_fit_one_request_to_discord(road, monkeypatch):
    monkeypatch.setattr(endings_module, "DISCORD_REQUEST_BYTES", 12_000)
    row = await road.admitted(num_images=4)
    await deliver(road, row, *(picture(row.request, index) for index in range(4)))
    assert sum(len(upload.data) for upload in road.delivery.last(row).uploads) <= 12_000


@pytest.mark.parametrize(("waited_s", "pings"), [(59, 0), (61, 1)], ids=["within-a-minute", "later"])
async def test_the_owner_is_pinged_after_more_than_a_minute(road, waited_s, pings):
    row = await road.admitted()
    road.clock.now += waited_s
    ended = await deliver(road, row, picture(row.request))
    assert len(road.delivery.pings) == pings
    assert (ended.pinged_at is not None) == bool(pings)


async def test_nobody_is_pinged_for_a_request_without_pictures(road):
    row = await road.admitted()
    road.clock.now += 100
    await road.endings.without_pictures(row, "failed", "failed-engine")
    assert road.delivery.pings == []


async def test_a_request_ends_only_once(road):
    row = await road.admitted()
    await deliver(road, row, picture(row.request))
    await road.endings.without_pictures(row, "failed", "failed-engine")
    assert (await road.row(row.id)).state == "done"
    assert len(road.delivery.shown) == 1


async def test_the_refund_stands_before_the_message_says_so(road):
    row = await road.admitted()
    road.delivery.errors = [RuntimeError("the process dies here")]
    with pytest.raises(RuntimeError):
        await road.endings.without_pictures(row, "failed", "failed-engine")
    ended = await road.row(row.id)
    assert (ended.state, ended.charged, ended.told_at) == ("failed", 0, None)


async def test_the_delivery_is_written_down_before_it_is_tried(road):
    row = await road.admitted()
    road.delivery.errors = [RuntimeError("the process dies here")]
    with pytest.raises(RuntimeError):
        await deliver(road, row, picture(row.request))
    interrupted = await road.row(row.id)
    assert (interrupted.state, interrupted.delivering_at is not None) == ("queued", True)
