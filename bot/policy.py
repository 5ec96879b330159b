"""Pure rules: which limits hold for a member, and whether a request or a moderator's number keeps to them."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from engine.prompt import TAG
from engine.request import MAX_STEPS, MIN_SIDE_PX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.store.requests import Ask, RequestRow

LimitName = Literal[
    "pictures_per_day",
    "places_in_line",
    "pixels",
    "steps",
    "pictures_per_request",
    "seconds_per_day",
    "seconds_between",
    "places_of_channel",
    "places_of_server",
    "models",
    "loras",
    "channels",
    "account_days",
    "joined_days",
]

MAX_PICTURES = 4
"""Pictures in one message: a gallery of two by two."""
MAX_COUNT = 1_000_000
"""Above any number of pictures or places that somebody means."""
MAX_PIXELS = 2048 * 2048
MAX_DAYS = 36_500
DAY_S = 86_400.0
DISCORD_EPOCH_MS = 1_420_070_400_000
"""Where the time in ids begins: https://discord.com/developers/docs/reference#snowflakes."""

REFUSALS: Mapping[str, tuple[str, ...]] = {
    "too-many-pictures": ("asked", "limit"),
    "too-many-pictures-here": ("asked", "limit"),
    "too-many-pixels": ("width", "height", "limit", "side"),
    "too-many-steps": ("asked", "limit"),
    "channel-not-allowed": ("channels",),
    "channel-none-allowed": (),
    "model-none-allowed": (),
    "model-not-allowed": ("model", "models"),
    "lora-not-allowed": ("lora", "loras"),
    "lora-none-allowed": ("lora",),
    "account-too-young": ("limit", "more_at"),
    "joined-too-lately": ("limit", "more_at"),
    "quota-zero": ("limit",),
    "quota-used-up": ("asked", "left", "limit", "more_at"),
    "quota-too-few-left": ("asked", "left", "limit", "more_at"),
    "quota-everywhere": ("asked", "left", "limit", "more_at"),
    "quota-of-pot": ("asked", "left", "limit", "more_at"),
    "seconds-used-up": ("asked", "left", "limit", "more_at"),
    "seconds-everywhere": ("asked", "left", "limit", "more_at"),
    "seconds-of-pot": ("asked", "left", "limit", "more_at"),
    "places-zero": ("limit",),
    "places-used-up": ("limit",),
    "places-everywhere": ("limit",),
    "places-of-pot": ("limit",),
    "places-of-channel-used-up": ("limit",),
    "places-of-server-used-up": ("limit",),
    "too-soon": ("limit", "more_at"),
    "too-soon-in-pot": ("limit", "more_at"),
    "change-of-past-day": (),
    "limit-no-number": ("name", "text"),
    "limit-too-small": ("name", "value", "minimum"),
    "limit-above-ceiling": ("name", "value", "ceiling"),
    "limit-below-floor": ("name", "value", "ceiling"),
}
"""Every key with which policy and admission refuse, and the values that come with it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a key of the catalogue, and the numbers that its sentence names."""

    key: str
    values: Mapping[str, object]
    name: LimitName | None = None
    """The limit whose rule said no; None where that was the operator's ceiling, or no limit at all."""

    def at(self, now: float) -> Refusal:
        """The same as it is said now: of a day that is over, on which a waiting request counts, there is no more."""
        more_at = self.values.get("more_at")
        is_over = isinstance(more_at, datetime) and more_at.timestamp() <= now
        return Refusal("change-of-past-day", {}, self.name) if is_over else self

    @property
    def withdrawal(self) -> str:
        """The reason for which a waiting request is withdrawn: a key of the catalogue."""
        return f"withdrawn-{(self.name or 'ceiling').replace('_', '-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of one member in one place; None is no limit."""

    pictures_per_day: int
    places_in_line: int
    pixels: int
    steps: int
    pictures_per_request: int = MAX_PICTURES
    seconds_per_day: int | None = None
    """Of GPU."""
    seconds_between: int | None = None
    """From one request to the next; None: the channel's slow mode."""
    places_of_channel: int | None = None
    """Of all members together."""
    places_of_server: int | None = None
    models: tuple[str, ...] | None = None
    """Their names."""
    loras: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    """Their ids."""
    account_days: int = 0
    """Since the account was made."""
    joined_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """What a limit may be, and what makes it more or less."""

    kind: Literal["most", "least", "list"] = "most"
    """Whether it says how much there may be at most, how much there must be at least, or what there may be at all."""
    minimum: int = 0
    maximum: int = MAX_COUNT
    scopes: tuple[str, ...] = ("member", "role", "channel", "server")
    """What it can be set for."""
    can_pool: bool = False
    """Whether it can be a common pot."""

    def generosity(self, value: int | None) -> float:
        """The larger, the more a number allows."""
        if self.kind == "least":
            return -(value or 0)
        return math.inf if value is None else value

    def within(self, value: Any, ceiling: int | None) -> Any:
        """The value, or the ceiling where that allows less."""
        if self.kind == "list":
            return value
        if value is None and self.kind == "least":
            return None
        return value if self.generosity(value) <= self.generosity(ceiling) else ceiling


DIMENSIONS: Mapping[LimitName, Dimension] = {
    "pictures_per_day": Dimension(can_pool=True),
    "places_in_line": Dimension(can_pool=True),
    "pixels": Dimension(minimum=MIN_SIDE_PX**2, maximum=MAX_PIXELS),
    "steps": Dimension(minimum=1, maximum=MAX_STEPS),
    "pictures_per_request": Dimension(minimum=1, maximum=MAX_PICTURES),
    "seconds_per_day": Dimension(can_pool=True),
    "seconds_between": Dimension(kind="least", maximum=int(DAY_S), can_pool=True),
    "places_of_channel": Dimension(scopes=("channel", "server")),
    "places_of_server": Dimension(scopes=("server",)),
    "models": Dimension(kind="list"),
    "loras": Dimension(kind="list"),
    "channels": Dimension(kind="list", scopes=("member", "role", "server")),
    "account_days": Dimension(kind="least", maximum=MAX_DAYS),
    "joined_days": Dimension(kind="least", maximum=MAX_DAYS),
}
"""A limit's minimum: nobody can be allowed a picture smaller than the smallest; its maximum: what the engine draws."""
LIMIT_NAMES: tuple[LimitName, ...] = tuple(DIMENSIONS)
"""The names of the limits, as `Rules` and the table `limits` have them."""
NUMBER_NAMES: tuple[LimitName, ...] = tuple(name for name in DIMENSIONS if DIMENSIONS[name].kind != "list")
"""Those that the operator can set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLimits:
    """What holds where no moderator set anything, and what no moderator exceeds."""

    default: Rules
    ceiling: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What rules ask about one request, whether it is new or waits."""

    width: int
    height: int
    num_inference_steps: int
    num_images: int
    model: str
    prompts: tuple[str, ...]
    ruling_channel_id: int
    user_id: int
    joined_at: float | None

    @classmethod
    def of(cls, ask: Ask) -> Wish:
        """A new request."""
        return cls(
            width=ask.request.width,
            height=ask.request.height,
            num_inference_steps=ask.request.num_inference_steps,
            num_images=ask.request.num_images,
            model=ask.model,
            prompts=tuple(picture.prompt for picture in ask.request.pictures),
            ruling_channel_id=ask.ruling_channel_id,
            user_id=ask.user_id,
            joined_at=ask.joined_at,
        )

    @classmethod
    def of_row(cls, row: RequestRow) -> Wish:
        """A request that waits, whether or not this version can still draw it."""
        return cls(
            width=row.width,
            height=row.height,
            num_inference_steps=row.num_inference_steps,
            num_images=row.num_images,
            model=row.model,
            prompts=tuple(row.prompt_of(index) for index in range(row.num_images)),
            ruling_channel_id=row.ruling_channel_id,
            user_id=row.user_id,
            joined_at=row.joined_at,
        )

    @property
    def loras(self) -> tuple[str, ...]:
        """The names in the prompts' tags."""
        tags = (tag for prompt in self.prompts for tag in TAG.finditer(prompt) if tag["kind"].lower() != "hypernet")
        return tuple(dict.fromkeys(tag["arguments"].split(":")[0].strip() for tag in tags))


def check(wish: Wish, rules: Rules, *, now: float) -> Refusal | None:
    """Why this request is refused whatever its member has had so far; None if it is not."""
    if wish.num_images > min(MAX_PICTURES, rules.pictures_per_request):
        key = "too-many-pictures" if wish.num_images > MAX_PICTURES else "too-many-pictures-here"
        limit = min(MAX_PICTURES, rules.pictures_per_request)
        return Refusal(key, {"asked": wish.num_images, "limit": limit}, "pictures_per_request")
    if wish.width * wish.height > rules.pixels:
        side = math.isqrt(rules.pixels) // 8 * 8
        size = {"width": wish.width, "height": wish.height}
        return Refusal("too-many-pixels", size | {"limit": rules.pixels, "side": side}, "pixels")
    if wish.num_inference_steps > rules.steps:
        return Refusal("too-many-steps", {"asked": wish.num_inference_steps, "limit": rules.steps}, "steps")
    return _check_names(wish, rules) or _check_loras(wish, rules) or _check_ages(wish, rules, now=now)


def _check_names(wish: Wish, rules: Rules) -> Refusal | None:
    if rules.channels is not None and str(wish.ruling_channel_id) not in rules.channels:
        if not rules.channels:
            return Refusal("channel-none-allowed", {}, "channels")
        return Refusal("channel-not-allowed", {"channels": rules.channels}, "channels")
    if rules.models is not None and wish.model.casefold() not in map(str.casefold, rules.models):
        if not rules.models:
            return Refusal("model-none-allowed", {}, "models")
        return Refusal("model-not-allowed", {"model": wish.model, "models": rules.models}, "models")
    return None


def _check_loras(wish: Wish, rules: Rules) -> Refusal | None:
    misfit = None if rules.loras is None else next((name for name in wish.loras if name not in rules.loras), None)
    if misfit is None:
        return None
    if not rules.loras:
        return Refusal("lora-none-allowed", {"lora": misfit}, "loras")
    return Refusal("lora-not-allowed", {"lora": misfit, "loras": rules.loras}, "loras")


def _check_ages(wish: Wish, rules: Rules, *, now: float) -> Refusal | None:
    made_at = ((wish.user_id >> 22) + DISCORD_EPOCH_MS) / 1000
    if rules.account_days and (since := made_at + rules.account_days * DAY_S) > now:
        facts = {"limit": rules.account_days, "more_at": datetime.fromtimestamp(since, UTC)}
        return Refusal("account-too-young", facts, "account_days")
    if rules.joined_days and wish.joined_at is not None and (since := wish.joined_at + rules.joined_days * DAY_S) > now:
        facts = {"limit": rules.joined_days, "more_at": datetime.fromtimestamp(since, UTC)}
        return Refusal("joined-too-lately", facts, "joined_days")
    return None


def is_foreign(text: str) -> bool:
    """Whether more than half of its letters are not Latin ones; emoji, digits and punctuation are no letters."""
    letters = [each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each).startswith("L")]
    latin = sum(unicodedata.name(each, "").startswith("LATIN") for each in letters)
    return 2 * latin < len(letters)


def check_limit(name: LimitName, value: int, ceiling: Rules | None) -> Refusal | None:
    """Why a moderator may not set this limit to this number; None if they may, or for a pot without a ceiling."""
    dimension = DIMENSIONS[name]
    if value < dimension.minimum:
        return Refusal("limit-too-small", {"name": name, "value": value, "minimum": dimension.minimum})
    highest = dimension.maximum if ceiling is None else getattr(ceiling, name)
    if dimension.kind == "most":
        highest = dimension.maximum if highest is None else min(highest, dimension.maximum)
        if value > highest:
            return Refusal("limit-above-ceiling", {"name": name, "value": value, "ceiling": highest})
    elif value < (0 if ceiling is None else highest or 0):
        return Refusal("limit-below-floor", {"name": name, "value": value, "ceiling": highest})
    elif value > dimension.maximum:
        return Refusal("limit-above-ceiling", {"name": name, "value": value, "ceiling": dimension.maximum})
    return None


def parse_limit(name: LimitName, text: str) -> int | None:
    """The number that somebody typed for a limit; pixels also as a size, `1024x1024`. None if it is no number."""
    text = text.strip()
    if name == "pixels" and (size := re.fullmatch(r"([0-9]{1,9})\s*[xX\u00d7]\s*([0-9]{1,9})", text)):
        return int(size[1]) * int(size[2])
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None
