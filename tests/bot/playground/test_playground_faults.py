"""Faults on demand, rate limits, and what discord.py makes of them."""

import aiohttp
import discord
import pytest

from bot.playground import NotPossible


@pytest.fixture
def art(playground):
    return f"/channels/{playground.channel_id('art')}/messages"


async def test_the_next_requests_that_match_fail_as_often_as_asked(playground, rest, art):
    playground.fault(method="POST", path="/channels/*/messages", status=502, times=2)
    assert (await rest("GET", "/users/@me"))[0] == 200
    assert [(await rest("POST", art, {"content": "x"}))[0] for _ in range(3)] == [502, 502, 200]
    assert playground.armed_faults == 0


async def test_a_request_that_fails_before_its_effect_does_nothing(playground, rest, art):
    playground.fault(status=500)
    await rest("POST", art, {"content": "x"})
    assert playground.messages() == []


async def test_an_answer_can_be_lost_after_the_effect(playground, rest, art):
    playground.fault(status=500, after_effect=True)
    assert (await rest("POST", art, {"content": "x"}))[0] == 500
    assert [message["content"] for message in playground.messages()] == ["x"]
    assert playground.requests[-1].lost


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
async def test_a_line_can_be_cut_around_the_effect(playground, rest, art, after_effect):
    playground.fault(cut=True, after_effect=after_effect)
    with pytest.raises(aiohttp.ClientConnectionError):
        await rest("POST", art, {"content": "x"})
    assert len(playground.messages()) == after_effect
    assert (playground.requests[-1].status, playground.requests[-1].lost) == (0, after_effect)


async def test_an_injected_rate_limit_has_what_discord_py_needs(playground, rest, session):
    playground.fault(status=429, retry_after=0.5)
    headers = {"Authorization": f"Bot {playground.token}", "User-Agent": "DiscordBot (test)"}
    async with session.get(f"{playground.api_url}/users/@me", headers=headers) as response:
        body = await response.json()
    assert (response.status, body["retry_after"]) == (429, 0.5)
    assert "Via" in response.headers
    assert response.headers["Retry-After"] == "0.5"


async def test_a_fault_can_carry_any_of_discords_codes(playground, rest):
    playground.fault(status=404, code=10008, message="Unknown Message")
    assert await rest("GET", "/users/@me") == (404, {"code": 10008, "message": "Unknown Message"})


async def test_a_delayed_request_is_answered_all_the_same(playground, rest):
    playground.fault(delay_s=0.01)
    assert (await rest("GET", "/users/@me"))[0] == 200


@pytest.mark.parametrize(
    "facts", [{}, {"status": 500, "times": 0}, {"colour": "red"}], ids=["nothing", "never", "unknown"]
)
async def test_a_fault_that_makes_no_sense_is_refused(playground, facts):
    with pytest.raises(NotPossible):
        playground.fault(**facts)


async def test_discord_py_tries_again_after_500_and_429(playground, bot, monkeypatch):
    monkeypatch.setattr(discord.http.asyncio, "sleep", _at_once(discord.http.asyncio.sleep))
    channel = bot.get_channel(int(playground.channel_id("art")))
    playground.fault(method="POST", path="/channels/*", status=500)
    playground.fault(method="POST", path="/channels/*", status=429, retry_after=0.01)

    await channel.send("at last")

    assert [message["content"] for message in playground.messages()] == ["at last"]
    assert [request.status for request in playground.requests[-3:]] == [500, 429, 200]


def _at_once(sleep):
    return lambda seconds: sleep(min(seconds, 0.01))


@pytest.mark.usefixtures("standing_clock")
async def test_rate_limits_are_counted_per_channel_and_told_in_headers(playground, rest, art):
    playground.limits.rate_limits = True
    answers = [await rest("POST", art, {"content": str(number)}) for number in range(6)]
    lounge = f"/channels/{playground.channel_id('lounge')}/messages"
    assert [status for status, _ in answers] == [200] * 5 + [429]
    assert answers[-1][1]["retry_after"] == 5
    assert (await rest("POST", lounge, {"content": "x"}))[0] == 200
    playground.advance(5)
    assert (await rest("POST", art, {"content": "x"}))[0] == 200


@pytest.mark.usefixtures("standing_clock")
async def test_an_interactions_token_has_a_bucket_of_its_own(playground, invoke):
    playground.limits.rate_limits = True
    first, second = await invoke(), await invoke()
    for answering in (first, second):
        await answering.callback(4, {"content": "x"})
    statuses = [(await first.original("PATCH", {"content": str(number)}))[0] for number in range(6)]
    assert statuses == [200] * 5 + [429]
    assert (await second.original("PATCH", {"content": "y"}))[0] == 200


@pytest.mark.usefixtures("standing_clock")
async def test_the_whole_bot_is_limited_to_fifty_requests_a_second(playground, rest):
    playground.limits.rate_limits = True
    answers = [await rest("GET", f"/users/{number}") for number in range(51)]
    assert [status for status, _ in answers] == [404] * 50 + [429]
    assert answers[-1][1]["global"] is True


async def test_a_wrong_token_is_answered_401_and_counted(playground, rest):
    assert await rest("GET", "/users/@me", token="wrong") == (401, {"message": "401: Unauthorized", "code": 0})
    assert playground.info()["invalid_10min"] == 1
    playground.advance(601)
    assert playground.info()["invalid_10min"] == 0


async def test_a_strange_user_agent_is_blocked(rest):
    status, body = await rest("GET", "/users/@me", headers={"User-Agent": "curl"})
    assert (status, body["code"]) == (403, 40333)


async def test_a_body_that_is_no_json_is_refused(playground, session, art):
    headers = {
        "Authorization": f"Bot {playground.token}",
        "User-Agent": "DiscordBot",
        "Content-Type": "application/json",
    }
    async with session.post(playground.api_url + art, data=b"{", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (400, 50109)


@pytest.mark.parametrize("body", [["x"], {"content": 5}, {"components": "x"}], ids=["list", "number", "text"])
async def test_a_body_of_the_wrong_form_is_refused(rest, art, body):
    status, answer = await rest("POST", art, body)
    assert (status, answer["code"]) == (400, 50035)


async def test_an_unknown_route_is_not_found(rest):
    assert await rest("GET", "/nowhere") == (404, {"message": "404: Not Found", "code": 0})


async def test_a_body_against_discords_document_is_noted(rest, playground, document):
    await rest.post("x", tts="yes")
    assert "tts" in playground.spec_errors[0]
