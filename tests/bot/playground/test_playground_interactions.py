"""Interactions: deadlines, tokens, callback types, followups, visibility."""

import pytest

from bot.playground import NotPossible

BUTTON = [{"type": 1, "components": [{"type": 2, "style": 1, "custom_id": "again", "label": "Again"}]}]
EPHEMERAL, LOADING = 64, 128


def code(answer):
    status, body = answer
    return status, body["code"]


def contents(playground, user="ann"):
    return [message["content"] for message in playground.messages(user=user)]


async def test_a_second_first_answer_is_refused(invoke):
    answering = await invoke()
    assert (await answering.callback(4, {"content": "one"}))[0] == 200
    assert code(await answering.callback(4, {"content": "two"})) == (400, 40060)


async def test_an_answer_after_the_deadline_is_refused(invoke, playground):
    answering = await invoke()
    playground.advance(3.1)
    assert code(await answering.callback(4, {"content": "late"})) == (404, 10062)


async def test_a_token_is_good_for_nothing_but_the_first_answer_before_it(invoke):
    answering = await invoke()
    assert code(await answering.original()) == (404, 10015)
    assert code(await answering.follow_up()) == (404, 10015)


async def test_a_token_dies_after_fifteen_minutes(invoke, playground):
    answering = await invoke()
    await answering.callback(4, {"content": "one"})
    playground.advance(901)
    assert code(await answering.original("PATCH", {"content": "two"})) == (401, 50027)
    assert code(await answering.follow_up()) == (401, 50027)


async def test_the_original_can_be_read_edited_and_deleted(invoke, playground):
    answering = await invoke()
    await answering.callback(4, {"content": "one"})
    assert (await answering.original())[1]["content"] == "one"
    assert (await answering.original("PATCH", {"content": "two"}))[1]["content"] == "two"
    assert (await answering.original("DELETE"))[0] == 204
    assert code(await answering.original()) == (404, 10008)
    assert playground.messages() == []


async def test_a_followup_can_be_read_edited_and_deleted_by_its_id(invoke, registered):
    answering = await invoke()
    await answering.callback(4, {"content": "one"})
    _, followup = await answering.follow_up("more")
    path = f"{answering.webhook_path}/messages/{followup['id']}"
    assert (await registered("GET", path))[1]["content"] == "more"
    assert (await registered("PATCH", path, {"content": "less"}))[1]["content"] == "less"
    assert (await registered("DELETE", path))[0] == 204
    assert code(await registered("GET", path)) == (404, 10008)


async def test_a_followup_answers_the_original(invoke):
    answering = await invoke()
    _, first = await answering.callback(4, {"content": "one"})
    _, followup = await answering.follow_up()
    assert followup["referenced_message"]["id"] == first["resource"]["message"]["id"]


async def test_another_interactions_message_cannot_be_edited_by_this_token(invoke, registered):
    first, second = await invoke(), await invoke()
    await first.callback(4, {"content": "one"})
    await second.callback(4, {"content": "two"})
    _, message = await second.original()
    assert code(await registered("PATCH", f"{first.webhook_path}/messages/{message['id']}", {})) == (404, 10008)


async def test_the_first_followup_of_a_deferred_answer_completes_it_and_stays_public(invoke, playground):
    answering = await invoke()
    await answering.callback(5)
    _, followup = await answering.follow_up("done", flags=EPHEMERAL)
    assert (followup["flags"] & EPHEMERAL, followup["flags"] & LOADING) == (0, 0)
    assert contents(playground, "ben") == ["done"]


async def test_after_a_deferred_answer_was_deleted_a_followup_may_be_private(invoke, playground):
    answering = await invoke()
    await answering.callback(5)
    await answering.original("DELETE")
    await answering.follow_up("only you", flags=EPHEMERAL)
    assert (contents(playground, "ann"), contents(playground, "ben")) == (["only you"], [])


async def test_a_deferred_answer_accepts_no_flag_but_ephemeral(invoke):
    answering = await invoke()
    assert code(await answering.callback(5, {"flags": 1 << 15})) == (400, 50035)


async def test_an_ephemeral_answer_is_seen_by_its_member_alone_and_by_no_bot_token(invoke, registered, playground):
    answering = await invoke()
    _, answer = await answering.callback(4, {"content": "only you", "flags": EPHEMERAL})
    message = answer["resource"]["message"]
    assert (contents(playground, "ann"), contents(playground, "ben")) == (["only you"], [])
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    assert code(await registered("PATCH", path, {"content": "x"})) == (404, 10008)
    assert (await registered("GET", f"/channels/{message['channel_id']}/messages"))[1] == []


async def test_a_stranger_cannot_press_a_button_of_an_ephemeral_message(invoke, playground):
    answering = await invoke()
    await answering.callback(4, {"content": "x", "components": BUTTON, "flags": EPHEMERAL})
    message = playground.messages()[0]
    with pytest.raises(NotPossible, match="no such message"):
        await playground.click(message["id"], "again", user="ben")


async def test_a_dismissed_ephemeral_message_can_still_be_edited(invoke, playground):
    answering = await invoke()
    await answering.callback(4, {"content": "only you", "flags": EPHEMERAL})
    playground.delete_message(playground.messages()[0]["id"])
    assert playground.messages() == []
    assert (await answering.original("PATCH", {"content": "two"}))[0] == 200


async def test_a_disabled_button_cannot_be_pressed(rest, playground):
    disabled = [{"type": 1, "components": [{**BUTTON[0]["components"][0], "disabled": True}]}]
    message = await rest.post(components=disabled)
    with pytest.raises(NotPossible, match="no enabled component again"):
        await playground.click(message["id"], "again")


async def test_a_button_may_update_its_message_later(rest, press, playground):
    message = await rest.post("old", components=BUTTON)
    answering = await press(message)
    assert (await answering.callback(6))[0] == 200
    assert (await answering.original("PATCH", {"content": "new"}))[1]["id"] == message["id"]
    assert contents(playground) == ["new"]


async def test_a_button_of_a_deleted_message_cannot_update_it(rest, press, playground):
    message = await rest.post(components=BUTTON)
    answering = await press(message)
    playground.delete_message(message["id"], user="mo")
    assert code(await answering.callback(7, {"content": "new"})) == (404, 10008)


async def test_a_command_cannot_be_answered_by_an_update(invoke):
    answering = await invoke()
    assert code(await answering.callback(7, {"content": "x"})) == (400, 50035)


async def test_the_answer_to_a_press_tells_who_pressed_what(rest, press):
    message = await rest.post(components=BUTTON)
    answering = await press(message, user="ben")
    _, answer = await answering.callback(4, {"content": "x"})
    metadata = answer["resource"]["message"]["interaction_metadata"]
    assert (metadata["user"]["username"], metadata["interacted_message_id"]) == ("ben", message["id"])


def text_input(**more):
    return {"type": 4, "custom_id": "prompt", "style": 1, **more}


def form(**more):
    label = {"type": 18, "label": "Prompt", "component": text_input()}
    return {"title": "Edit", "custom_id": "form", "components": [label], **more}


@pytest.mark.parametrize(
    "modal",
    [
        form(title="x" * 46),
        form(title=""),
        form(custom_id="x" * 101),
        form(components=[]),
        form(components=form()["components"] * 6),
        form(components=form()["components"] * 2),
        form(components=[{"type": 18, "label": "x" * 46, "component": text_input()}]),
        form(components=[{"type": 18, "label": "x", "component": text_input(value="x" * 4001)}]),
        form(components=[{"type": 1, "components": [text_input(label="x" * 46)]}]),
        form(components=[{"type": 2, "style": 1, "custom_id": "x", "label": "x"}]),
    ],
    ids=[
        "title of 46", "no title", "custom_id of 101", "nothing in it", "six fields", "one custom_id twice",
        "label of 46", "value of 4001", "old label of 46", "a button",
    ],
)  # fmt: skip
async def test_a_modal_against_the_rules_is_refused(invoke, modal):
    answering = await invoke()
    assert code(await answering.callback(9, modal)) == (400, 50035)


async def test_a_required_field_left_empty_is_refused_as_the_client_does(invoke, playground):
    answering = await invoke()
    await answering.callback(9, form())
    with pytest.raises(NotPossible, match="required"):
        await playground.modal(answering.result["token"], {"prompt": ""})


async def test_a_modal_cannot_be_answered_with_a_modal(invoke, playground, registered):
    answering = await invoke()
    await answering.callback(9, form())
    submitted = await playground.modal(answering.result["token"], {"prompt": "x"}, wait=0)
    path = f"/interactions/{submitted['id']}/{submitted['token']}/callback"
    assert code(await registered("POST", path, {"type": 9, "data": form()})) == (400, 50035)


@pytest.mark.parametrize(
    "choices",
    [[{"name": "x", "value": str(n)} for n in range(26)], [{"name": "x" * 101, "value": "x"}]],
    ids=["26", "101 long"],
)
async def test_choices_against_the_rules_are_refused(complete, choices):
    answering = await complete()
    assert code(await answering.callback(8, {"choices": choices})) == (400, 50035)


async def test_only_an_option_being_typed_is_answered_with_choices(invoke, complete):
    answering = await invoke()
    assert code(await answering.callback(8, {"choices": []})) == (400, 50035)
    answering = await complete()
    assert code(await answering.callback(4, {"content": "x"})) == (400, 50035)
    assert (await answering.callback(8, {"choices": []}))[0] == 200


async def test_an_interaction_carries_its_own_size_limit(invoke, playground, png):
    playground.limits.size_limit_bytes = 10
    answering = await invoke()
    playground.limits.size_limit_bytes = 10_000
    assert code(await answering.callback(4, {}, files=[("a.png", png)])) == (413, 40005)


async def test_no_body_comes_back_unless_it_is_asked_for(invoke, registered):
    answering = await invoke()
    path = answering.callback_path.removesuffix("?with_response=1")
    assert await registered("POST", path, {"type": 4, "data": {"content": "x"}}) == (204, None)


@pytest.mark.usefixtures("standing_clock")
async def test_the_log_tells_which_token_was_used_and_how_late(invoke, rest, playground):
    answering = await invoke()
    playground.advance(2)
    await answering.callback(4, {"content": "x"})
    await rest.post()
    callback, post = playground.requests[-2:]
    assert (callback.by, callback.interaction_id) == ("interaction", answering.result["id"])
    assert callback.since_interaction_s == 2
    assert (post.by, post.interaction_id, post.since_interaction_s) == ("bot", None, None)


async def test_answers_in_a_deleted_channel_are_refused(invoke, playground):
    answering, unanswered = await invoke(), await invoke()
    await answering.callback(4, {"content": "x"})
    playground.delete_channel("art")
    assert code(await answering.original("PATCH", {"content": "y"})) == (404, 10008)
    assert code(await unanswered.callback(4, {"content": "x"})) == (404, 10003)
