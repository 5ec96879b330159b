"""What the value of a setting must be like: each rule gives a value of its type, or says what it must be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from bot import policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bot.policy import LimitName

API_PATH = "/api/v10"
MAX_SNOWFLAKE = 2**63 - 1
MIN_ROWS, MAX_ROWS = 2, 1024
"""With guidance a picture takes two rows of a U-Net call; more than a thousand no card holds."""
MIN_WEIGHT, MAX_WEIGHT = 0.01, 100.0


def checked(parse: Callable[[Any], object]) -> BeforeValidator:
    """Check a value that is there with `parse`, whose ValueError is the rule that the value breaks."""
    return BeforeValidator(lambda value: None if value is None else parse(value))


def one_of(*names: str) -> BeforeValidator:
    """One of these words."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return text

    return checked(parse)


def limit(name: LimitName) -> BeforeValidator:
    """A number that this limit may have."""
    minimum, maximum = policy.DIMENSIONS[name].minimum, policy.DIMENSIONS[name].maximum
    kind = "a whole number or a size like 1024x1024" if name == "pixels" else "a whole number"

    def parse(value: str | int) -> int:
        number = policy.parse_limit(name, str(value))
        if number is None or not minimum <= number <= maximum:
            raise ValueError(f"must be {kind} from {minimum} to {maximum}")
        return number

    return checked(parse)


def rows(value: str | int) -> int:
    """Rows of a U-Net call."""
    if not re.fullmatch(r"[0-9]{1,4}", str(value)) or not MIN_ROWS <= int(value) <= MAX_ROWS:
        raise ValueError(f"must be a whole number from {MIN_ROWS} to {MAX_ROWS}")
    return int(value)


def count(value: str | int) -> int:
    """How many, at least one."""
    if not re.fullmatch(r"[0-9]{1,4}", str(value)) or int(value) < 1:
        raise ValueError("must be a whole number from 1 to 9999")
    return int(value)


def from_zero(value: str | float) -> float:
    """A number that is not negative, with or without a fraction."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", str(value)):
        raise ValueError("must be a number from 0 to 999999")
    return float(value)


def switch(value: str | bool) -> bool:
    """On or off."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    word = str(value).lower()
    if word not in words:
        raise ValueError("must be true or false")
    return words[word]


def secret(page: str) -> BeforeValidator:
    """A token that is copied from a page; anything but one word would break the HTTP header that carries it."""

    def parse(value: str | SecretStr) -> str:
        token = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not re.fullmatch(r"[!-~]+", token):
            raise ValueError(f"must be one word without spaces, as copied from {page}")
        return token

    return checked(parse)


def path(value: str | Path) -> Path:
    """A path, which may begin with a home directory."""
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError("must not begin with ~ where there is no such home directory") from None


def folder(value: str | Path) -> Path:
    """A folder that exists."""
    return _existing(path(value), Path.is_dir, "must be a folder that exists")


def file(value: str | Path) -> Path:
    """A file that exists."""
    return _existing(path(value), Path.is_file, "must be a file that exists")


def _existing(place: Path, is_right: Callable[[Path], bool], rule: str) -> Path:
    try:
        if is_right(place):
            return place
    except OSError as exc:
        raise ValueError(f"{rule} and can be reached ({exc.strerror})") from exc
    raise ValueError(rule)


def server_ids(value: str | Iterable[int]) -> tuple[int, ...]:
    """Ids of servers, separated by commas."""
    words = value.split(",") if isinstance(value, str) else [str(number) for number in value]
    ids = [int(word) for word in words if re.fullmatch(r"\s*[0-9]{1,19}\s*", word)]
    if len(ids) < len(words) or not all(0 < number <= MAX_SNOWFLAKE for number in ids):
        raise ValueError("must be server ids separated by commas, each a number like 81384788765712384")
    return tuple(dict.fromkeys(ids))


def weights(value: str | Mapping[int, float]) -> dict[int, float]:
    """A number for each id of a member or role."""
    rule = "must be ids of members or roles with numbers from 0.01 to 100, like 81384788765712384=2"
    if not isinstance(value, str):
        value = ",".join(f"{key}={number}" for key, number in value.items())
    given: dict[int, float] = {}
    for pair in value.split(",") if value.strip() else ():
        match = re.fullmatch(r"\s*([0-9]{1,19})\s*=\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*", pair)
        if match is None or not 0 < int(match[1]) <= MAX_SNOWFLAKE or not MIN_WEIGHT <= float(match[2]) <= MAX_WEIGHT:
            raise ValueError(f"{rule}, separated by commas")
        if int(match[1]) in given:
            raise ValueError(f"must name each id once, and {match[1]} stands there twice")
        given[int(match[1])] = float(match[2])
    return given


def api_url(value: str) -> str:
    """Another base of Discord's REST API."""
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
