"""What the operator sets, in environment variables or in `.env`; environment variables win."""

from __future__ import annotations

import difflib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from dotenv.parser import parse_stream
from pydantic import AliasGenerator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot import checks
from bot.policy import DAY_S, DIMENSIONS, NUMBER_NAMES, OperatorLimits, Rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails


ENV_FILE = Path(".env")
GB = 10**9
HUB_TOKENS_PAGE = "https://huggingface.co/settings/tokens"
DEVELOPER_PAGE = "https://discord.com/developers/applications"


class SettingsError(Exception):
    """Settings that cannot be used: one sentence that names every faulty key and its rule, and no secret."""


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

    discord_token: Annotated[SecretStr | None, checks.secret(DEVELOPER_PAGE)] = None
    servers: Annotated[tuple[int, ...], NoDecode, checks.checked(checks.server_ids)] = ()
    allow_dms: Annotated[bool, checks.checked(checks.switch)] = False
    allow_user_installs: Annotated[bool, checks.checked(checks.switch)] = False
    discord_api_url: Annotated[str | None, checks.checked(checks.api_url)] = None

    model: str = "emoji"
    hf_token: Annotated[SecretStr | None, checks.secret(HUB_TOKENS_PAGE)] = None
    models_dir: Annotated[Path | None, checks.checked(checks.folder)] = None
    device: Annotated[str, checks.one_of("auto", "cpu", "cuda", "mps")] = "auto"
    dtype: Annotated[str, checks.one_of("auto", "float32", "float16", "bfloat16")] = "auto"
    memory: Annotated[str, checks.one_of("normal", "low", "lowest")] = "normal"
    weighting: Annotated[str, checks.one_of("auto", "lpw", "a1111", "none")] = "auto"
    safety_checker: Annotated[Path | None, checks.checked(checks.folder)] = None
    unchecked_models: Annotated[str, checks.one_of("age-restricted", "anywhere")] = "age-restricted"
    require_agree: Annotated[bool, checks.checked(checks.switch)] = False
    max_rows: Annotated[int, checks.checked(checks.rows)] = 16
    model_memory_gb: Annotated[float | None, checks.checked(checks.from_zero)] = None
    model_requests: Annotated[int, checks.checked(checks.count)] = 20
    model_wait_seconds: Annotated[float, checks.checked(checks.from_zero)] = 60.0
    weights: Annotated[dict[int, float], NoDecode, checks.checked(checks.weights)] = {}  # pydantic copies it
    idle_unload_minutes: Annotated[float | None, checks.checked(checks.from_zero)] = None

    database_path: Annotated[Path, checks.checked(checks.path)] = Path("data/bot.sqlite3")
    data_dir: Annotated[Path, checks.checked(checks.path)] = Path("data/files")
    keep_pictures: Annotated[float, checks.checked(checks.from_zero)] = 0.0
    forget_prompts_days: Annotated[float, checks.checked(checks.from_zero)] = 0.0
    max_disk_gb: Annotated[float, checks.checked(checks.from_zero)] = 5.0
    min_free_gb: Annotated[float, checks.checked(checks.from_zero)] = 1.0
    stop_seconds: Annotated[float, checks.checked(checks.from_zero)] = 60.0
    log_level: Annotated[str, checks.one_of("DEBUG", "INFO", "WARNING", "ERROR")] = "INFO"

    filter_file: Annotated[Path | None, checks.checked(checks.file)] = None

    limit_pictures_per_day: Annotated[int, checks.limit("pictures_per_day")] = 60
    limit_places_in_line: Annotated[int, checks.limit("places_in_line")] = 10
    limit_pixels: Annotated[int, checks.limit("pixels")] = 1024 * 1024
    limit_steps: Annotated[int, checks.limit("steps")] = 150
    limit_pictures_per_request: Annotated[int, checks.limit("pictures_per_request")] = 4
    limit_seconds_per_day: Annotated[int | None, checks.limit("seconds_per_day")] = None
    limit_seconds_between: Annotated[int | None, checks.limit("seconds_between")] = None
    limit_places_of_channel: Annotated[int | None, checks.limit("places_of_channel")] = None
    limit_places_of_server: Annotated[int | None, checks.limit("places_of_server")] = None
    limit_account_days: Annotated[int, checks.limit("account_days")] = 0
    limit_joined_days: Annotated[int, checks.limit("joined_days")] = 0
    ceiling_pictures_per_day: Annotated[int | None, checks.limit("pictures_per_day")] = None
    ceiling_places_in_line: Annotated[int | None, checks.limit("places_in_line")] = None
    ceiling_pixels: Annotated[int | None, checks.limit("pixels")] = None
    ceiling_steps: Annotated[int | None, checks.limit("steps")] = None
    ceiling_pictures_per_request: Annotated[int | None, checks.limit("pictures_per_request")] = None
    ceiling_seconds_per_day: Annotated[int | None, checks.limit("seconds_per_day")] = None
    ceiling_seconds_between: Annotated[int | None, checks.limit("seconds_between")] = None
    ceiling_places_of_channel: Annotated[int | None, checks.limit("places_of_channel")] = None
    ceiling_places_of_server: Annotated[int | None, checks.limit("places_of_server")] = None
    ceiling_account_days: Annotated[int | None, checks.limit("account_days")] = None
    ceiling_joined_days: Annotated[int | None, checks.limit("joined_days")] = None

    @classmethod
    def of(cls, **values: Any) -> Settings:
        """These settings and otherwise the defaults, whatever the environment says."""
        given = {name: field.default for name, field in cls.model_fields.items()} | values
        return cls(**{name.upper(): value for name, value in given.items()})

    @property
    def model_memory_bytes(self) -> int | None:
        """What models may take together; None: as much as the engine thinks right."""
        return None if self.model_memory_gb is None else int(self.model_memory_gb * GB)

    @property
    def most_disk_bytes(self) -> int:
        """What the pictures that are kept may take."""
        return int(self.max_disk_gb * GB)

    @property
    def least_free_bytes(self) -> int:
        """What must be free on the disk, for anything new to be begun."""
        return int(self.min_free_gb * GB)

    @property
    def forget_prompts_s(self) -> float:
        """How long after its end a request keeps its words; 0: for good."""
        return self.forget_prompts_days * DAY_S

    @property
    def keep_pictures_s(self) -> float:
        """How long finished pictures are kept; 0: not at all."""
        return self.keep_pictures * DAY_S

    @property
    def idle_unload_s(self) -> float | None:
        """After how long without work the models leave the memory; None: never."""
        return None if not self.idle_unload_minutes else 60 * self.idle_unload_minutes

    @property
    def limits(self) -> OperatorLimits:
        """Where no moderator set a limit: the default; what none exceeds: the ceiling, or else the default too."""
        default = {name: getattr(self, f"limit_{name}") for name in NUMBER_NAMES}
        ceiling = {name: getattr(self, f"ceiling_{name}") for name in NUMBER_NAMES}
        ceiling = {name: default[name] if number is None else number for name, number in ceiling.items()}
        default = {name: DIMENSIONS[name].within(default[name], ceiling[name]) for name in NUMBER_NAMES}
        return OperatorLimits(default=Rules(**default), ceiling=Rules(**ceiling))


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
