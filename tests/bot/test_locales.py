import ast
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import policy
from bot.locales import catalogue, known_locales

BOT = Path(__file__).parents[2] / "bot"
ENGINE = BOT.parent / "engine"
CATALOGUE = sorted((BOT / "locales" / "en-US").glob("*.ftl"))
SOURCES = sorted(path for path in BOT.rglob("*.py") if "playground" not in path.relative_to(BOT).parts)
"""The playground is a Discord of its own: what it says, Discord says, in Discord's words."""

TERMINAL_MODULES = {
    "ages.py": "how members write ages, which is read and never said",
    "checks.py": "the rules that SettingsError names, for the operator's terminal, before any language is known",
    "settings.py": "the sentences of SettingsError name keys and rules for the operator's terminal, before any language is known",
    "database.py": "the sentences of DatabaseError, likewise",
    "lockfile.py": "the sentences of DatabaseError, likewise",
    "migrate.py": "the sentences of DatabaseError, likewise",
    "usage.py": "parts of statements, which no person reads",
}
PROSE = re.compile(r"[^\W\d_]{2,}[,;:.!?]? [^\W\d_]+")
"""Two words beside each other."""
TEXT_PARAMETERS = {"content", "label", "title", "placeholder", "sentence"}
"""What discord.py and our own functions call a text that is shown."""
SHOWING_CALLS = {"send_message", "send", "edit_message", "edit_original_response", "privately", "print", "button"}
"""Their first text is shown."""
NO_TEXT_CALLS = {"debug", "info", "warning", "error", "exception", "get_logger"}
"""Names of events, which only logs hold."""


def literals(tree):
    """Every string of a module that is no docstring, with the call that it stands in directly."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            parent = parents[id(node)]
            if isinstance(parent, ast.JoinedStr):
                parent = parents[id(parent)]
            yield node, parent, parents


def call_name(node):
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def within_call(node, parents, name):
    while (node := parents.get(id(node))) is not None:
        if call_name(node) == name:
            return True
    return False


def is_raised_bug(node, parents):
    """These are for whoever reads the log: only EngineError and Refused are ever shown."""
    return any(within_call(node, parents, name) for name in ("AssertionError", "LookupError", "KeyError", "ValueError"))


def shown_texts(source):
    """The strings of a module that a person would read."""
    tree = ast.parse(source)
    annotations = {
        id(child)
        for node in ast.walk(tree)
        for field in ("annotation", "returns")
        if getattr(node, field, None) is not None
        for child in ast.walk(getattr(node, field))
    }
    for node, parent, parents in literals(tree):
        text = node.value
        name = call_name(parent)
        if id(node) in annotations or name in NO_TEXT_CALLS or is_raised_bug(node, parents):
            continue
        if name == "cast" or (name == "compile" and parent.args and parent.args[0] is node):
            continue
        is_shown = bool(PROSE.search(text)) and not re.match(
            r"\s*(SELECT|INSERT|UPDATE|DELETE|PRAGMA|VACUUM|BEGIN|CREATE)\b", text
        )
        if isinstance(parent, ast.keyword) and parent.arg in TEXT_PARAMETERS:
            is_shown = is_shown or bool(re.search(r"[^\W\d_]{2,}", text))
        if name in SHOWING_CALLS and parent.args and (parent.args[0] is node or is_part(parent.args[0], node)):
            is_shown = is_shown or bool(re.search(r"[^\W\d_]{2,}", text))
        if is_shown:
            yield f"line {node.lineno}: {text!r}"


def is_part(whole, node):
    return isinstance(whole, ast.JoinedStr) and node in whole.values


@pytest.mark.parametrize(
    "source",
    [
        'await interaction.response.send_message("Hello")',
        'await channel.send(f"Hello {name}")',
        'raise Refused("You have used all pictures.")',
        'discord.ui.Button(label="Reroll")',
        'return "the model\'s own"',
        'TITLES = {"done": "It is done."}',
        'Modal(title="Edit")',
        'print("Done")',
    ],
)
def test_the_search_finds_texts_that_are_shown(source):
    assert list(shown_texts(f"async def f():\n    {source}"))


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of several words."""',
        'log.info("request_done", reason="cancelled")',
        'await privately(interaction, say("key-of-catalogue"))',
        'raise Refused("quota-used-up", limit=60)',
        'await connection.execute("SELECT id FROM requests WHERE x = 1")',
        'Button(label=say("button-reroll"), custom_id=f"reroll:{row.id}")',
        'raise AssertionError("an aggregate gives one row")',
    ],
)
def test_the_search_leaves_other_strings_alone(source):
    assert not list(shown_texts(f"async def f():\n    {source}"))


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name not in TERMINAL_MODULES], ids=lambda path: str(path.relative_to(BOT))
)
def test_no_text_that_a_person_reads_stands_in_the_code(path):
    assert list(shown_texts(path.read_text())) == []


# every key has its text


def keys_in(path):
    """Keys that a module asks for as literals: of say, Refused, ServingError, and of texts for Discord."""
    for node in ast.walk(ast.parse(path.read_text())):
        if call_name(node) in {"say", "text", "Refused", "ServingError"} and node.args:
            for found in ast.walk(node.args[0]):
                if (
                    isinstance(found, ast.Constant)
                    and isinstance(found.value, str)
                    and not is_in_fstring(node.args[0], found)
                ):
                    yield found.value


def is_in_fstring(whole, node):
    return any(isinstance(found, ast.JoinedStr) and node in ast.walk(found) for found in ast.walk(whole))


def reasons_in(path):
    """Reasons that the code notes in a request's row."""
    yield from re.findall(r'"((?:failed|cancelled|message|channel|server|never)-[a-z-]+)"', path.read_text())
    yield from re.findall(r"reason = '([a-z-]+)'", path.read_text())


def text_keys():
    """All keys of the English catalogue, attributes too."""
    keys, current = set(), ""
    for line in "\n".join(file.read_text() for file in CATALOGUE).splitlines():
        if found := re.match(r"([a-z][\w-]*) =", line):
            current = found[1]
            keys.add(current)
        elif found := re.match(r"    \.([a-z]+) =", line):
            keys.add(f"{current}.{found[1]}")
    return keys


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(BOT)))
def test_every_key_that_the_code_asks_for_has_a_text(path):
    assert {*keys_in(path), *reasons_in(path)} - text_keys() == set()


def test_every_refusal_of_the_policy_has_a_text_that_its_values_fill():
    from bot.admission import Refused
    from bot.sentences import sentence

    for key, names in policy.REFUSALS.items():
        values = {name: "steps" if name == "name" else datetime.now(UTC) if name == "more_at" else 1 for name in names}
        assert sentence(Refused(key, **values), "en-US")


def engine_errors():
    """Rule and facts of every engine error that can reach a member."""
    for path in sorted(ENGINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if call_name(node) in {"InvalidRequest", "OutOfMemory", "EngineClosed", "DrawingFailed"} and node.args:
                facts = {keyword.arg for keyword in node.keywords}
                yield pytest.param(node.args[0].value, facts, id=f"{node.args[0].value}-{path.stem}-{node.lineno}")


@pytest.mark.parametrize(("rule", "facts"), list(engine_errors()))
def test_every_error_of_the_engine_has_a_text_that_its_facts_fill(rule, facts):
    from bot.sentences import sentence
    from engine import EngineError

    values = {name: {"name": "prompt", "names": "euler"}.get(name, "1") for name in facts}
    assert sentence(EngineError(rule, "", **values), "en-US")


def engine_notes():
    """The rules of all notes of the engine."""
    for path in sorted(ENGINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if call_name(node) in {"Note", "_note"} and node.args and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


@pytest.mark.parametrize("rule", sorted(set(engine_notes())))
def test_every_note_of_the_engine_has_a_text(rule):
    assert f"note-{rule.replace('_', '-')}" in text_keys()


def test_no_text_is_left_over():
    code = "\n".join(path.read_text() for path in SOURCES)
    used = {key for path in SOURCES for key in (*keys_in(path), *reasons_in(path))}
    composed = (
        "option-",
        "aspect-",
        "limit-",
        "limits-from-",
        "withdrawn-",
        "name-",
        "engine-",
        "state-",
        "form-",
        "permission-",
        "history-",
        "button-",
        "note-",
        "audit-",
        "filter-kind-",
        "filter-where-",
        "filter-action-",
        "filter-refused-",
        "models-",
        "audit-",
        "action-",
        "flagged-",
        "appeal-",
        "settings-channels",
        "settings-models",
        "settings-choose-",
    )
    unused = {key for key in text_keys() if key not in used and f'"{key}"' not in code and not key.startswith(composed)}
    assert {key for key in unused if "." not in key} - set(policy.REFUSALS) == set()


# the catalogue itself


def test_an_unknown_locale_reads_english():
    assert catalogue("zh-CN").locale == "en-US"


def test_every_locale_has_the_keys_of_the_english_one():
    assert known_locales() == {"en-US"}


@pytest.mark.parametrize("locale", sorted(known_locales()))
def test_no_key_stands_twice_over_all_files_of_a_locale(locale):
    files = sorted((BOT / "locales" / locale).glob("*.ftl"))
    keys = re.findall(r"^(-?[a-z][\w-]*) =", "\n".join(file.read_text() for file in files), re.MULTILINE)
    assert [key for key, count in Counter(keys).items() if count > 1] == []


def test_a_missing_value_is_a_bug():
    with pytest.raises(LookupError, match="seed-one"):
        catalogue("en-US").say("seed-one")


def test_a_missing_key_is_a_bug():
    with pytest.raises(LookupError, match="nope"):
        catalogue("en-US").say("nope")


def test_numbers_stay_as_people_copy_them():
    assert catalogue("en-US").say("seed-one", seed=9007199254740991) == "Seed `9007199254740991`"


def test_a_moment_becomes_discords_relative_time():
    more_at = datetime(2026, 8, 2, tzinfo=UTC)
    sentence = catalogue("en-US").say("quota-used-up", limit=60, more_at=more_at)
    assert sentence == "You have used all 60 pictures for today. More <t:1785628800:R>."


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (2, "2nd in line"),
        (3, "3rd in line"),
        (4, "4th in line"),
        (11, "11th in line"),
        (21, "21st in line"),
        (112, "112th in line"),
    ],
    ids=str,
)
def test_places_are_ordinals(place, text):
    assert catalogue("en-US").say("place", place=place) == text
