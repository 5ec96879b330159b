"""The audit as moderators read it."""

import ast
import json
import re
from pathlib import Path

import pytest

from bot.locales import catalogue
from bot.markdown import utf16_length
from bot.moderation import deeds
from bot.store.audit import AuditRow

BOT = Path(__file__).parents[3] / "bot"
SENTENCES = "\n".join(path.read_text() for path in sorted((BOT / "locales" / "en-US").glob("*.ftl")))


def row(action="deleted", *, number=1, reason=None, request_id=None, actor_id=3, user_id=2, **facts):
    return AuditRow(
        id=number,
        at=1785600000.0,
        guild_id=7,
        actor_id=actor_id,
        action=action,
        user_id=user_id,
        request_id=request_id,
        reason=reason,
        facts=json.dumps(facts),
    )


def written_down():
    """Action and facts of every deed in the code that names both."""
    for path in sorted(BOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Deed":
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                actions = [
                    found.value
                    for found in ast.walk(given["action"])
                    if isinstance(found, ast.Constant) and isinstance(found.value, str)
                ]
                facts = given.get("facts")
                names = [key.value for key in facts.keys if key] if isinstance(facts, ast.Dict) else None
                for action in actions:
                    yield pytest.param(action, names, id=f"{action}-{path.stem}-{node.lineno}")


@pytest.mark.parametrize(("action", "names"), list(written_down()))
def test_everything_that_is_written_down_is_known_and_has_a_sentence(action, names):
    assert action in deeds.ACTIONS
    assert catalogue("en-US").say(f"action-{action}")
    if names is not None:
        catalogue("en-US").say(f"audit-{action}", actor="", member="", **dict.fromkeys(names, 1))


def test_every_sentence_is_of_an_action_that_can_be_searched_for():
    around = {"title", "empty", "action-unknown", "entries", "the-bot", "nobody", "nothing", "reason", "other"}
    assert set(re.findall(r"^audit-([a-z-]+) =", SENTENCES, re.MULTILINE)) - around <= set(deeds.ACTIONS)


@pytest.mark.parametrize("action", [action for action in deeds.ACTIONS if action != "log-unreachable"])
def test_every_sentence_names_who_did_it_or_whom_it_is_about(action):
    (text,) = re.findall(rf"^audit-{action} =(.*(?:\n +.*|\n\}}.*)*)", SENTENCES, re.MULTILINE) or ["$actor"]
    assert "$actor" in text or "$member" in text


def test_a_line_says_who_what_to_whom_when_of_which_request_and_why():
    text = deeds.line(row(request_id=5, reason="not *here*"), "en-US")
    assert text == "<t:1785600000:f> · <@3> deleted a picture of <@2> · #1005 · Reason: not \\*here\\*"


def test_what_the_bot_itself_did_is_the_bots():
    assert "the bot unblocked <@2>" in deeds.line(row("unblock", actor_id=None), "en-US")


def test_a_refusal_names_its_place_and_reason():
    text = deeds.line(row("refused", actor_id=None, key="quota-used-up", channel_id=70), "en-US")
    assert text.endswith("<@2> was refused in <#70>: quota used up")
    text = deeds.line(row("refused", actor_id=None, key="blocked-until-because", channel_id=70), "en-US")
    assert text.endswith("<@2> was refused in <#70>: blocked until")


def test_channels_and_roles_are_shown_and_other_text_never_renders():
    text = deeds.line(row("settings-changed", name="log-channel", before=None, after="<#70>"), "en-US")
    assert text.endswith("<@3> changed the log channel from nothing to <#70>")
    text = deeds.line(row("settings-changed", name="channels", before="**x**", after="<#70>, <#71>"), "en-US")
    assert text.endswith("from \\*\\*x\\*\\* to <#70>, <#71>")


def test_lists_are_shown_as_such():
    text = deeds.line(row("settings-changed", name="models", before=[], after=["emoji", "tiny"]), "en-US")
    assert text.endswith("to emoji, tiny")


def test_a_row_that_this_version_cannot_read_stops_nothing():
    assert "from-the-future" in deeds.line(row("from-the-future"), "en-US")


def test_a_bundle_holds_what_fits_a_message_and_says_which_rows():
    rows = [row(number=number, reason="x" * 190) for number in range(10, 30)]
    content, last_id = deeds.bundle(rows, "en-US")
    assert utf16_length(content) <= 2000
    assert content.endswith(f"-# entries 10 to {last_id}")
    assert 10 < last_id < 29
    rest, _ = deeds.bundle(rows[last_id - 9 :], "en-US")
    assert f"entries {last_id + 1} to" in rest
