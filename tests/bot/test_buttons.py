import discord
import pytest
from desk import ANN_ID, BEN_ID, FOLLOWUP, GUILD_ID, ORIGINAL, press_payload

from bot.presses import Presses
from bot.store import messages
from engine import GenerationRequest, Variant

EPHEMERAL = 64
DEFERRED_UPDATE, MODAL = 6, 9
MANAGE_MESSAGES = discord.Permissions(manage_messages=True).value


async def press(world, custom_id, **more):
    return (await world.answer(press_payload(custom_id, **more))).body


# reroll, edit, again, example


async def test_reroll_is_the_same_request_with_another_seed_for_whoever_presses(world):
    row = await world.row(num_images=4)
    await press(world, f"reroll:{row.id}", user_id=BEN_ID)
    ((request, kind, parent_id),) = world.accepted.calls
    assert (kind, parent_id, request.owner) == ("reroll", row.id, str(BEN_ID))
    assert request.seed != row.seed
    assert (request.prompt, request.num_images) == (row.prompt, 4)


async def test_a_reroll_writes_permutations_out_anew(world):
    row = await world.row(prompt="{a|b}", num_images=2, variants=(Variant("a", 4181), Variant("b", 4181)))
    await press(world, f"reroll:{row.id}")
    ((request, _, _),) = world.accepted.calls
    assert (request.prompt, request.num_images) == ("{a|b}", 1)
    assert type(request) is GenerationRequest


async def test_again_draws_the_same_permutations(world):
    row = await world.row(prompt="{a|b}", num_images=2, variants=(Variant("a", 4181), Variant("c", 4181)))
    await press(world, f"again:{row.id}")
    ((request, _, _),) = world.accepted.calls
    assert [each.prompt for each in request.completed(world.client.card).pictures] == ["a", "c"]


@pytest.mark.parametrize("act", ["reroll", "again"])
async def test_what_is_made_again_is_kept_as_it_was_typed_and_says_again_what_is_not_heard(world, act):
    row = await world.row(prompt="a cat", typed_prompt="a cat --sead 7")
    await press(world, f"{act}:{row.id}")
    (wording,) = world.accepted.wordings
    assert wording.typed_prompt == "a cat --sead 7"
    assert [note.rule for note in wording.notes] == ["option_unknown"]


async def test_edit_opens_the_form_with_what_was_asked(world):
    row = await world.row(guidance_scale=7.5)
    body = await press(world, f"edit:{row.id}", user_id=BEN_ID)
    assert body["type"] == MODAL
    assert body["data"]["custom_id"] == f"edit-form:{row.id}"
    inputs = {label["component"]["custom_id"]: label["component"].get("value") for label in body["data"]["components"]}
    assert inputs == {
        "prompt": "a red heart",
        "negative_prompt": "blur",
        "steps": "20",
        "guidance": "7.5",
        "seed": "4181",
    }


async def test_a_prompt_that_no_form_holds_comes_privately_as_a_file(world):
    row = await world.row(prompt="heart " * 800)
    call = await world.answer(press_payload(f"edit:{row.id}"))
    assert call.files == {"prompt.txt": row.prompt.encode()}
    assert call.body["data"]["flags"] == EPHEMERAL
    assert "send it with /imagine" in call.body["data"]["content"]


async def test_again_is_the_same_request_with_the_same_seed(world):
    row = await world.row()
    await press(world, f"again:{row.id}")
    ((request, kind, parent_id),) = world.accepted.calls
    assert (request, kind, parent_id) == (row.request, "again", row.id)
    assert request.owner == str(ANN_ID)


async def test_nobody_else_makes_it_again_from_a_history(world):
    row = await world.row()
    body = await press(world, f"again:{row.id}", user_id=BEN_ID)
    assert not world.accepted.calls
    assert body["data"]["flags"] == EPHEMERAL


async def test_an_example_is_drawn_with_the_models_own_values(world):
    await press(world, "example:1")
    ((request, kind, parent_id),) = world.accepted.calls
    assert (request.prompt, kind, parent_id) == ("a cat", "example", None)
    assert type(request) is GenerationRequest


async def test_an_example_of_another_model_gets_a_sentence(world):
    body = await press(world, "example:7")
    assert body["data"]["content"].startswith("This example is from another model.")


@pytest.mark.parametrize("act", ["reroll", "edit", "again", "cancel", "delete"])
async def test_a_request_that_is_unknown_gets_a_sentence(world, act):
    body = await press(world, f"{act}:4711")
    assert body["data"]["content"] == "I know nothing of this picture any more."
    assert body["data"]["flags"] == EPHEMERAL


# double presses


async def test_two_presses_of_one_button_are_one_and_both_are_acknowledged(world):
    world.client.presses = Presses(clock=lambda: 0.0)
    row = await world.row()
    await press(world, f"reroll:{row.id}")
    second = await press(world, f"reroll:{row.id}", interaction_id=6)
    assert second == {"type": DEFERRED_UPDATE}
    assert len(world.accepted.calls) == 1


async def test_two_members_press_for_themselves(world):
    row = await world.row()
    await press(world, f"reroll:{row.id}")
    await press(world, f"reroll:{row.id}", interaction_id=6, user_id=BEN_ID)
    assert len(world.accepted.calls) == 2


# cancel and delete


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ({"user_id": ANN_ID}, "cancelled-by-owner"),
        ({"user_id": BEN_ID, "permissions": MANAGE_MESSAGES}, "cancelled-by-moderator"),
    ],
    ids=["owner", "moderator"],
)
async def test_owner_and_moderators_cancel(world, who, reason):
    row = await world.row()
    await press(world, f"cancel:{row.id}", **who)
    assert world.studio.done == [("cancel", row.id, reason)]


async def test_cancelling_too_late_gets_a_private_sentence(world):
    world.studio.can_cancel = False
    row = await world.row()
    assert await press(world, f"cancel:{row.id}") == {"type": DEFERRED_UPDATE}
    (followup,) = world.desk.sent("POST", FOLLOWUP)
    assert followup.body["content"].startswith("It is too late to cancel")
    assert followup.body["flags"] == EPHEMERAL
    assert not world.desk.sent("DELETE", "*")


@pytest.mark.parametrize("act", ["cancel", "delete"])
async def test_a_stranger_touches_nothing(world, act):
    row = await world.row()
    body = await press(world, f"{act}:{row.id}", user_id=BEN_ID)
    assert body["data"]["flags"] == EPHEMERAL
    assert body["data"]["content"].startswith("Only the member who asked for it")
    assert not world.studio.done
    assert not world.desk.sent("DELETE", "*")


@pytest.mark.parametrize(
    "who",
    [{"user_id": ANN_ID}, {"user_id": BEN_ID, "permissions": MANAGE_MESSAGES}],
    ids=["owner", "moderator"],
)
async def test_owner_and_moderators_delete_the_message_at_once(world, who):
    row = await world.row()
    assert await press(world, f"delete:{row.id}", **who) == {"type": DEFERRED_UPDATE}
    assert len(world.desk.sent("DELETE", ORIGINAL)) == 1
    assert world.studio.done == [("withdraw_message", row.id)]


async def test_a_message_that_the_token_cannot_delete_is_deleted_by_the_bot(world):
    row = await world.row()
    world.desk.fail("DELETE", ORIGINAL, 401, 50027)
    await press(world, f"delete:{row.id}")
    (call,) = world.desk.sent("DELETE", "/channels/*")
    assert call.path == "/channels/70/messages/800"


async def test_a_message_that_goes_while_the_bot_deletes_it_is_no_error(world):
    row = await world.row()
    world.desk.fail("DELETE", ORIGINAL, 401, 50027)
    world.desk.fail("DELETE", "/channels/*", 404, 10008)
    await press(world, f"delete:{row.id}")
    assert not world.desk.sent("POST", FOLLOWUP)


async def test_a_message_that_is_gone_already_needs_no_deleting(world):
    row = await world.row()
    world.desk.fail("DELETE", ORIGINAL, 404, 10008)
    await press(world, f"delete:{row.id}")
    assert len(world.desk.sent("DELETE", ORIGINAL)) == 1
    assert not world.desk.sent("DELETE", "/channels/*")
    assert not world.desk.sent("POST", FOLLOWUP)


# history


async def test_the_pages_of_a_history_turn_in_place(world):
    rows = [await world.row(prompt=f"picture {number}") for number in range(7)]
    async with world.database.transaction() as connection:
        for row in rows:
            await messages.mark_answered(connection, row.id, message_id=900 + row.id)
    body = await press(world, f"history:{rows[2].id}")
    assert body["type"] == 7
    assert "picture 1" in body["data"]["content"]
    assert "picture 2" not in body["data"]["content"]
    assert [button["custom_id"] for button in body["data"]["components"][1]["components"]] == ["history:0"]


async def test_a_history_shows_only_the_pressers_own(world):
    await world.row(prompt="a secret")
    body = await press(world, "history:0", user_id=BEN_ID, guild_id=GUILD_ID)
    assert "a secret" not in body["data"]["content"]
