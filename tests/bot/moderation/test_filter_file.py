import json
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.moderation.rules import Rule
from bot.serving import _operators_rules
from bot.settings import SETTING_NAMES


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """`python -m bot run` with such a file: its status and what it says."""
    monkeypatch.chdir(tmp_path)
    for name in SETTING_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISCORD_TOKEN", "token")

    def run(content):
        file = Path("words.txt")
        if content is not None:
            file.write_bytes(content)
        monkeypatch.setenv("FILTER_FILE", str(file))
        return main(["run"]), capsys.readouterr().err.strip()

    return run


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "FILTER_FILE in the environment must be a file that exists, got 'words.txt'"),
        (b"\xff", "FILTER_FILE words.txt cannot be used: The file is no UTF-8 text: save it as UTF-8."),
        (b"[1]", "FILTER_FILE words.txt cannot be used, entry 1: It has no pattern."),
        (
            b"bat\n!!\n",
            "FILTER_FILE words.txt cannot be used, entry 2: A word or phrase needs letters or signs to look for, got !!.",
        ),
    ],
    ids=["missing", "no-text", "no-rule", "empty-word"],
)
def test_a_faulty_file_is_said_in_one_sentence_before_anything_starts(run, content, sentence):
    assert run(content) == (2, sentence)


def test_its_rules_are_the_operators_numbered_by_their_places(tmp_path):
    file = tmp_path / "words.json"
    entries = [{"pattern": "bat"}, {"pattern": "b[ai]t", "kind": "regex", "where": "both", "action": "log"}]
    file.write_text(json.dumps({"rules": entries}))
    assert _operators_rules(file) == (
        Rule(id=1, is_operators=True, kind="word", pattern="bat"),
        Rule(id=2, is_operators=True, kind="regex", pattern="b[ai]t", place="both", action="log"),
    )
