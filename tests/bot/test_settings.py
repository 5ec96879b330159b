import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bot.policy import Rules
from bot.settings import SETTING_NAMES, Settings, SettingsError, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
TOO_LONG = "far" * 100
TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory of its own, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in SETTING_NAMES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def load(text=""):
    Path(".env").write_text(text, encoding="utf-8")
    return load_settings()[0]


def fault(text):
    with pytest.raises(SettingsError) as caught:
        load(text)
    return str(caught.value)


def test_without_file_and_environment_everything_is_its_default():
    settings, warnings = load_settings()
    assert (settings.model, settings.database_path, settings.servers) == ("emoji", Path("data/bot.sqlite3"), ())
    assert settings.discord_token is None
    assert warnings == []


def test_the_file_is_read_from_the_working_directory():
    assert load("MODEL=dreams\n").model == "dreams"


def test_the_environment_wins_over_the_file(monkeypatch):
    monkeypatch.setenv("MODEL", "from-the-environment")
    assert load("MODEL=from-the-file\n").model == "from-the-environment"


def test_an_empty_value_is_the_default(monkeypatch):
    monkeypatch.setenv("DEVICE", "")
    settings = load("MODEL=\nLIMIT_STEPS=\nSERVERS=\nDISCORD_TOKEN=\nDISCORD_API_URL=\nCEILING_STEPS=\n")
    assert settings == Settings.of()


def test_an_empty_environment_variable_leaves_the_file_its_say(monkeypatch):
    monkeypatch.setenv("MODEL", "")
    assert load("MODEL=dreams\n").model == "dreams"


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        load().model = "other"


def test_settings_made_by_hand_ignore_environment_and_file(monkeypatch):
    monkeypatch.setenv("MODEL", "from-the-environment")
    monkeypatch.setenv("DATABASE_PATH", "elsewhere.sqlite3")
    Path(".env").write_text("DEVICE=cuda\nNONSENSE=1\n", encoding="utf-8")
    settings = Settings.of(database_path=Path("here.sqlite3"), discord_token=SecretStr(TOKEN))
    assert (settings.model, settings.device, settings.database_path) == ("emoji", "auto", Path("here.sqlite3"))
    assert settings.discord_token.get_secret_value() == TOKEN


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# a remark\n\nexport MODEL=dreams # why\n", id="remarks and export"),
        pytest.param('MODEL="dreams"\n', id="quoted"),
        pytest.param("MODEL = dreams", id="spaces"),
        pytest.param("MODEL=dreams\r\n", id="Windows line ends"),
    ],
)
def test_the_file_has_the_usual_form(text):
    assert load(text).model == "dreams"


def test_a_byte_order_mark_is_no_part_of_the_first_key(folder):
    Path(".env").write_bytes(b"\xef\xbb\xbfMODEL=dreams\n")
    assert load_settings()[0].model == "dreams"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("SERVERS=81384788765712384, 41771983423143937,", None, None),
        ("SERVERS=81384788765712384, 41771983423143937", "servers", (81384788765712384, 41771983423143937)),
        ("SERVERS=7,7", "servers", (7,)),
        ("ALLOW_DMS=true", "allow_dms", True),
        ("ALLOW_USER_INSTALLS=1", "allow_user_installs", True),
        ("LIMIT_PIXELS=512x512", "limit_pixels", 512 * 512),
        ("LIMIT_PIXELS=65536", "limit_pixels", 65536),
        ("MEMORY=lowest", "memory", "lowest"),
        ("MAX_ROWS=2", "max_rows", 2),
        ("DISCORD_API_URL=http://127.0.0.1:8080/api/v10/", "discord_api_url", "http://127.0.0.1:8080/api/v10"),
        ("DISCORD_API_URL=https://proxy/discord/api/v10", "discord_api_url", "https://proxy/discord/api/v10"),
        ("DATABASE_PATH=~/bot.sqlite3", "database_path", Path.home() / "bot.sqlite3"),
        ("LOG_LEVEL=DEBUG", "log_level", "DEBUG"),
    ],
)
def test_a_value_is_read_as_what_it_means(line, name, value):
    if name is None:
        assert "SERVERS" in fault(line)
    else:
        assert getattr(load(line), name) == value


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("SERVERS=my server", "must be server ids separated by commas"),
        ("SERVERS=99999999999999999999", "must be server ids separated by commas"),
        ("SERVERS=1.5e17", "must be server ids separated by commas"),
        ("ALLOW_DMS=maybe", "must be true or false"),
        ("LIMIT_STEPS=many", "must be a whole number from 1 to 150"),
        ("LIMIT_STEPS=0", "must be a whole number from 1 to 150"),
        ("LIMIT_STEPS=151", "must be a whole number from 1 to 150"),
        ("LIMIT_STEPS=20.5", "must be a whole number from 1 to 150"),
        ("CEILING_PICTURES_PER_DAY=-1", "must be a whole number from 0 to 1000000"),
        ("LIMIT_PIXELS=big", "must be a whole number or a size like 1024x1024 from 4096 to 4194304"),
        ("CEILING_PIXELS=8x8", "must be a whole number or a size like 1024x1024 from 4096 to 4194304"),
        ("MAX_ROWS=1", "must be a whole number from 2 to 1024"),
        ("DEVICE=gpu", "must be one of auto, cpu, cuda, mps"),
        ("DTYPE=int8", "must be one of auto, float32, float16, bfloat16"),
        ("LOG_LEVEL=LOUD", "must be one of DEBUG, INFO, WARNING, ERROR"),
        ("MODELS_DIR=nowhere", "must be a folder that exists"),
        (f"MODELS_DIR={TOO_LONG}", "must be a folder that exists and can be reached"),
        (f"FILTER_FILE={TOO_LONG}", "must be a file that exists and can be reached"),
        ("DATABASE_PATH=~nobody-of-this-name/bot.sqlite3", "must not begin with ~ where there is no such home"),
        ("SAFETY_CHECKER=~nobody-of-this-name/checker", "must not begin with ~ where there is no such home"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_its_place_and_its_rule(line, rule):
    key, value = line.split("=")
    sentence = fault(line)
    assert sentence.startswith(f"{key} in .env {rule}")
    assert repr(value[:60]) in sentence


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8080/api/v10",
        "ftp://host/api/v10",
        "http://host",
        "http://host/api/v9",
        "http:///api/v10",
        "http://host:port/api/v10",
        "http://host/api/v10?x=1",
        "http://user:word@host/api/v10",
        "http://[::1/api/v10",
    ],
)
def test_a_wrong_api_address_is_refused_without_repeating_what_may_be_a_password(url):
    sentence = fault(f"DISCORD_API_URL={url}")
    assert "DISCORD_API_URL in .env must be http://HOST/api/v10" in sentence
    assert url not in sentence


def test_a_wrong_value_in_the_environment_is_said_to_stand_there(monkeypatch):
    monkeypatch.setenv("MAX_ROWS", "lots")
    assert fault("MAX_ROWS=16") == "MAX_ROWS in the environment must be a whole number from 2 to 1024, got 'lots'"


def test_an_unknown_key_is_named_with_the_nearest_known_one():
    assert fault("DISCORD_TOKN=x") == "DISCORD_TOKN in .env is no setting, the nearest is DISCORD_TOKEN"


def test_a_key_in_lower_case_is_unknown():
    assert fault("model=dreams") == "model in .env is no setting, the nearest is MODEL"


def test_an_unknown_key_that_resembles_nothing_is_named_alone():
    assert fault("ZZZZ=1") == "ZZZZ in .env is no setting"


def test_an_unknown_key_is_an_error_even_with_an_empty_value():
    assert "STEPS in .env is no setting" in fault("STEPS=")


def test_all_faulty_keys_are_named_in_one_sentence():
    sentence = fault("STEPZ=1\nDEVICE=gpu\nMAX_ROWS=0\n")
    assert all(key in sentence for key in ("STEPZ", "DEVICE", "MAX_ROWS"))
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("MODEL emoji\n", id="no equals sign"),
        pytest.param("MODEL\n", id="a key alone"),
        pytest.param('MODEL="emoji\n', id="an open quote"),
        pytest.param("=emoji\n", id="no key"),
        pytest.param("MODEL=e\0moji\n", id="a zero byte"),
    ],
)
def test_a_line_of_another_form_is_named_by_its_number(text):
    assert fault(f"# first\n{text}") == "line 2 of .env is not of the form KEY=value"


def test_a_key_that_stands_twice_is_refused():
    assert fault("MODEL=a\nDEVICE=cpu\nMODEL=b\n") == "MODEL stands twice in .env, the second time in line 3"


def test_a_file_that_is_no_utf8_is_refused():
    Path(".env").write_bytes("MODEL=emoji\n".encode("utf-16"))
    with pytest.raises(SettingsError, match=r"^\.env is no UTF-8 text: save it as UTF-8$"):
        load_settings()


def test_a_file_that_cannot_be_read_is_refused():
    Path(".env").mkdir()
    with pytest.raises(SettingsError, match=r"^\.env cannot be read: Is a directory$"):
        load_settings()


@pytest.mark.parametrize("text", [f"DISCORD_TOKEN='{TOKEN} {TOKEN}'", f"DISCORD_TOKEN={TOKEN}é", f"TOKEN_={TOKEN}"])
def test_no_fault_repeats_the_token(text):
    sentence = fault(text)
    assert "TOKEN" in sentence
    assert TOKEN not in sentence


def test_the_token_is_in_no_representation_of_the_settings():
    settings = load(f"DISCORD_TOKEN={TOKEN}")
    assert settings.discord_token.get_secret_value() == TOKEN
    assert TOKEN not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize(("name", "near"), [("DISCORD_TOKN", "DISCORD_TOKEN"), ("discord_token", "DISCORD_TOKEN")])
def test_an_environment_variable_that_is_nearly_a_setting_gives_a_warning(monkeypatch, name, near):
    monkeypatch.setenv(name, "x")
    [warning] = load_settings()[1]
    assert name in warning
    assert near in warning


def test_other_environment_variables_give_no_warning(monkeypatch):
    for name in ("PATH", "HOME", "LANG", "MODELING_CLAY", "SERVER_SOFTWARE"):
        monkeypatch.setenv(name, os.environ.get(name, "x"))
    assert load_settings()[1] == []


def test_an_empty_ceiling_is_the_default():
    limits = load("LIMIT_STEPS=40\n").limits
    assert (limits.default.steps, limits.ceiling.steps) == (40, 40)


def test_a_ceiling_above_the_default_leaves_moderators_room():
    limits = load("LIMIT_PICTURES_PER_DAY=10\nCEILING_PICTURES_PER_DAY=100\n").limits
    assert (limits.default.pictures_per_day, limits.ceiling.pictures_per_day) == (10, 100)


def test_a_ceiling_below_the_default_lowers_it():
    limits = load("CEILING_PIXELS=512x512\n").limits
    assert limits.default == Rules(pictures_per_day=60, places_in_line=10, pixels=512 * 512, steps=150)


def test_the_example_documents_every_setting_and_no_other():
    keys = re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(keys) == sorted(SETTING_NAMES)


def test_each_setting_of_the_example_has_a_remark_above_it_or_shares_its_group_s():
    blocks = EXAMPLE.read_text(encoding="utf-8").split("\n\n")
    assert all(block.startswith("#") for block in blocks)


def test_the_example_as_it_stands_is_the_defaults():
    assert load(EXAMPLE.read_text(encoding="utf-8")) == Settings.of()


def test_the_hubs_token_is_as_secret_as_the_bots():
    sentence = fault(f"HF_TOKEN='{TOKEN} {TOKEN}'")
    assert "https://huggingface.co/settings/tokens" in sentence
    settings = load(f"HF_TOKEN={TOKEN}")
    assert settings.hf_token.get_secret_value() == TOKEN
    assert TOKEN not in f"{sentence} {settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_weights_are_numbers_of_members_and_roles(tmp_path):
    file = tmp_path / ".env"
    file.write_text("WEIGHTS=123=2, 456=0.5\n")
    assert load_settings(file)[0].weights == {123: 2.0, 456: 0.5}
    assert Settings.of().weights == {}


@pytest.mark.parametrize("value", ["123", "123=0", "123=1000", "x=2", "123=2,123=3", "123=-1"])
def test_what_is_no_weight_is_refused(tmp_path, value):
    file = tmp_path / ".env"
    file.write_text(f"WEIGHTS={value}\n")
    with pytest.raises(SettingsError, match="WEIGHTS"):
        load_settings(file)
