"""What the operator sets, in environment variables or in `.env`; environment variables win."""

from __future__ import annotations

import difflib
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import AliasGenerator, BeforeValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot import policy
from bot.policy import LIMIT_NAMES, MAXIMUM, MINIMUM, OperatorLimits, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic_core import ErrorDetails

    from bot.policy import LimitName

ENV_FILE = Path(".env")
HUB_TOKENS_PAGE = "https://huggingface.co/settings/tokens"
DEVELOPER_PAGE = "https://discord.com/developers/applications"
API_PATH = "/api/v10"
MAX_SNOWFLAKE = 2**63 - 1
MIN_ROWS, MAX_ROWS = 2, 1024
"""With guidance a picture takes two rows of a U-Net call; more than a thousand no card holds."""


class SettingsError(Exception):
    """Settings that cannot be used: one sentence that names every faulty key and its rule, and no secret."""


def _checked(parse: Callable[[Any], object]) -> BeforeValidator:
    """Check a value that is there with `parse`, whose ValueError is the rule that the value breaks."""
    return BeforeValidator(lambda value: None if value is None else parse(value))


def _one_of(*names: str) -> BeforeValidator:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return text

    return _checked(parse)


def _limit(name: LimitName) -> BeforeValidator:
    minimum, maximum = getattr(MINIMUM, name), getattr(MAXIMUM, name)
    kind = "a whole number or a size like 1024x1024" if name == "pixels" else "a whole number"

    def parse(value: str | int) -> int:
        number = policy.parse_limit(name, str(value))
        if number is None or not minimum <= number <= maximum:
            raise ValueError(f"must be {kind} from {minimum} to {maximum}")
        return number

    return _checked(parse)


def _rows(value: str | int) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", str(value)) or not MIN_ROWS <= int(value) <= MAX_ROWS:
        raise ValueError(f"must be a whole number from {MIN_ROWS} to {MAX_ROWS}")
    return int(value)


def _count(value: str | int) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", str(value)) or int(value) < 1:
        raise ValueError("must be a whole number from 1 to 9999")
    return int(value)


def _from_zero(value: str | float) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", str(value)):
        raise ValueError("must be a number from 0 to 999999")
    return float(value)


def _switch(value: str | bool) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    word = str(value).lower()
    if word not in words:
        raise ValueError("must be true or false")
    return words[word]


def _secret(page: str) -> BeforeValidator:
    """A token that is copied from a page; anything but one word would break the HTTP header that carries it."""

    def parse(value: str | SecretStr) -> str:
        token = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not re.fullmatch(r"[!-~]+", token):
            raise ValueError(f"must be one word without spaces, as copied from {page}")
        return token

    return _checked(parse)


def _folder(value: str | Path) -> Path:
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise ValueError("must be a folder that exists")
    return folder


def _server_ids(value: str | Iterable[int]) -> tuple[int, ...]:
    words = value.split(",") if isinstance(value, str) else [str(number) for number in value]
    ids = [int(word) for word in words if re.fullmatch(r"\s*[0-9]{1,19}\s*", word)]
    if len(ids) < len(words) or not all(0 < number <= MAX_SNOWFLAKE for number in ids):
        raise ValueError("must be server ids separated by commas, each a number like 81384788765712384")
    return tuple(dict.fromkeys(ids))


def _api_url(value: str) -> str:
    rule = f"must be http://HOST{API_PATH} or https://HOST{API_PATH}, without user, query or fragment"
    try:
        url = urlsplit(value)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        raise ValueError(rule) from None
    is_plain = not re.search(r"[\s@?#]", value)
    if (
        url.scheme not in ("http", "https")
        or not has_host
        or not is_plain
        or not url.path.rstrip("/").endswith(API_PATH)
    ):
        raise ValueError(rule)
    return value.rstrip("/")


class Settings(BaseSettings):
    """
    Everything that the operator sets; an empty value is the default.

    `.env.example` says what each one is for.
    """

    model_config = SettingsConfigDict(
        alias_generator=AliasGenerator(validation_alias=str.upper),
        case_sensitive=True,
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    discord_token: Annotated[SecretStr | None, _secret(DEVELOPER_PAGE)] = None
    servers: Annotated[tuple[int, ...], NoDecode, _checked(_server_ids)] = ()
    allow_dms: Annotated[bool, _checked(_switch)] = False
    allow_user_installs: Annotated[bool, _checked(_switch)] = False
    discord_api_url: Annotated[str | None, _checked(_api_url)] = None

    model: str = "emoji"
    hf_token: Annotated[SecretStr | None, _secret(HUB_TOKENS_PAGE)] = None
    models_dir: Annotated[Path | None, _checked(_folder)] = None
    device: Annotated[str, _one_of("auto", "cpu", "cuda", "mps")] = "auto"
    dtype: Annotated[str, _one_of("auto", "float32", "float16", "bfloat16")] = "auto"
    memory: Annotated[str, _one_of("normal", "low", "lowest")] = "normal"
    weighting: Annotated[str, _one_of("auto", "lpw", "a1111", "none")] = "auto"
    max_rows: Annotated[int, _checked(_rows)] = 16
    model_memory_gb: Annotated[float | None, _checked(_from_zero)] = None
    model_requests: Annotated[int, _checked(_count)] = 20
    model_wait_seconds: Annotated[float, _checked(_from_zero)] = 60.0
    idle_unload_minutes: Annotated[float | None, _checked(_from_zero)] = None

    database_path: Annotated[Path, _checked(lambda value: Path(value).expanduser())] = Path("data/bot.sqlite3")
    log_level: Annotated[str, _one_of("DEBUG", "INFO", "WARNING", "ERROR")] = "INFO"

    limit_pictures_per_day: Annotated[int, _limit("pictures_per_day")] = 60
    limit_places_in_line: Annotated[int, _limit("places_in_line")] = 10
    limit_pixels: Annotated[int, _limit("pixels")] = 1024 * 1024
    limit_steps: Annotated[int, _limit("steps")] = 150
    ceiling_pictures_per_day: Annotated[int | None, _limit("pictures_per_day")] = None
    ceiling_places_in_line: Annotated[int | None, _limit("places_in_line")] = None
    ceiling_pixels: Annotated[int | None, _limit("pixels")] = None
    ceiling_steps: Annotated[int | None, _limit("steps")] = None

    @classmethod
    def of(cls, **values: Any) -> Settings:
        """These settings and otherwise the defaults, whatever the environment says."""
        given = {name: field.default for name, field in cls.model_fields.items()} | values
        return cls(**{name.upper(): value for name, value in given.items()})

    @property
    def model_memory_bytes(self) -> int | None:
        """What models may take together; None: as much as the engine thinks right."""
        return None if self.model_memory_gb is None else int(self.model_memory_gb * 10**9)

    @property
    def idle_unload_s(self) -> float | None:
        """After how long without work the models leave the memory; None: never."""
        return None if not self.idle_unload_minutes else 60 * self.idle_unload_minutes

    @property
    def limits(self) -> OperatorLimits:
        """Where no moderator set a limit: the default; what none exceeds: the ceiling, or else the default too."""
        default = {name: getattr(self, f"limit_{name}") for name in LIMIT_NAMES}
        ceiling = {name: getattr(self, f"ceiling_{name}") for name in LIMIT_NAMES}
        ceiling = {name: default[name] if number is None else number for name, number in ceiling.items()}
        return OperatorLimits(
            default=Rules(**{name: min(default[name], ceiling[name]) for name in LIMIT_NAMES}), ceiling=Rules(**ceiling)
        )


SECRET_KEYS = ("DISCORD_TOKEN", "DISCORD_API_URL", "HF_TOKEN")
"""Their values stand in no sentence; an address may hold a password."""
SETTING_NAMES = tuple(name.upper() for name in Settings.model_fields)


def load_settings(env_file: Path = ENV_FILE) -> tuple[Settings, list[str]]:
    """
    The settings of this environment and of `env_file`, which need not exist.

    Returns:
        The settings, and a sentence for each environment variable that is nearly a setting's name and has no effect.

    Raises:
        SettingsError: a file that cannot be read, unknown keys, values that break their rule: all in one sentence.
    """
    faults = [_unknown(key, env_file) for key in _keys(env_file) if key not in SETTING_NAMES]
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as exc:
        faults += [_fault(error, env_file) for error in exc.errors() if error["type"] != "extra_forbidden"]
    if faults:
        raise SettingsError("; ".join(faults))
    return settings, _near_misses(os.environ)


def _near_misses(environment: Iterable[str]) -> list[str]:
    return [
        f"the environment variable {name} is no setting and has no effect: is {near[0]} meant?"
        for name in sorted(set(environment) - set(SETTING_NAMES))
        if (near := difflib.get_close_matches(name.upper(), SETTING_NAMES, n=1, cutoff=0.85))
    ]


def _keys(env_file: Path) -> list[str]:
    """The keys of a file that has the form of one."""
    try:
        text = env_file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise SettingsError(f"{env_file} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{env_file} is no UTF-8 text: save it as UTF-8") from exc
    keys: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        line = binding.original.line
        if binding.error or "\0" in binding.original.string or (binding.key and binding.value is None):
            raise SettingsError(f"line {line} of {env_file} is not of the form KEY=value")
        if binding.key in keys:
            raise SettingsError(f"{binding.key} stands twice in {env_file}, the second time in line {line}")
        if binding.key:
            keys.append(binding.key)
    return keys


def _unknown(key: str, env_file: Path) -> str:
    near = difflib.get_close_matches(key.upper(), SETTING_NAMES, n=1, cutoff=0.5)
    return f"{key} in {env_file} is no setting" + (f", the nearest is {near[0]}" if near else "")


def _fault(error: ErrorDetails, env_file: Path) -> str:
    key = str(error["loc"][0])
    where = "in the environment" if os.environ.get(key) else f"in {env_file}"
    value = "" if key in SECRET_KEYS else f", got {str(error['input'])[:60]!r}"
    return f"{key} {where} {error['msg'].removeprefix('Value error, ')}{value}"
