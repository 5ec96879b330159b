"""Discord's rules for buttons, selects and Components V2, and the form in which it shows them again."""

import copy
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from bot.playground.errors import Json, invalid

MAX_ROWS, MAX_BUTTONS_IN_ROW, MAX_COMPONENTS = 5, 5, 40
SHOWN_DEFAULTS: dict[int, Json] = {
    **{kind: {"min_values": 1, "max_values": 1} for kind in (3, 5, 6, 7, 8)},
    14: {"spacing": 1, "divider": True},
    17: {"accent_color": None, "spoiler": False},
}


class Kind(IntEnum):
    """Discord's component types."""

    ROW = 1
    BUTTON = 2
    STRING_SELECT = 3
    TEXT_INPUT = 4
    USER_SELECT = 5
    ROLE_SELECT = 6
    MENTIONABLE_SELECT = 7
    CHANNEL_SELECT = 8
    SECTION = 9
    TEXT = 10
    THUMBNAIL = 11
    GALLERY = 12
    FILE = 13
    SEPARATOR = 14
    CONTAINER = 17
    LABEL = 18


MAX_CHOSEN = 25
PRESETS = {
    Kind.USER_SELECT: ("user",),
    Kind.ROLE_SELECT: ("role",),
    Kind.MENTIONABLE_SELECT: ("user", "role"),
    Kind.CHANNEL_SELECT: ("channel",),
}
"""What may be chosen beforehand in a select, by its type."""
SELECTS = {Kind.STRING_SELECT, Kind.USER_SELECT, Kind.ROLE_SELECT, Kind.MENTIONABLE_SELECT, Kind.CHANNEL_SELECT}


def walk(components: list[Json], path: str = "components") -> Iterator[tuple[str, Json]]:
    """Every component at any depth, parents first, each with its dotted path."""
    for index, component in enumerate(components):
        here = f"{path}.{index}"
        yield here, component
        yield from walk(component.get("components") or [], f"{here}.components")
        for key in ("accessory", "component"):
            if component.get(key):
                yield from walk([component[key]], f"{here}.{key}")


def check_components(components: list[Json], *, is_v2: bool) -> None:
    """
    Raise where a message's components break a rule.

    Raises:
        ApiError: 50035, pointing at the component.
    """
    if not is_v2:
        if len(components) > MAX_ROWS:
            raise invalid("components", "Must be 5 or fewer in length.")
        for index, component in enumerate(components):
            if component.get("type") != Kind.ROW:
                raise invalid(
                    f"components.{index}.type", "Value of field 'type' must be one of (1,).", "UNION_TYPE_CHOICES"
                )
    every = list(walk(components))
    if len(every) > MAX_COMPONENTS:
        raise invalid(
            "components", "Total number of components must be 40 or fewer.", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"
        )
    for path, component in every:
        _check_one(path, component)
    custom_ids = [component["custom_id"] for _, component in every if "custom_id" in component]
    if len(set(custom_ids)) != len(custom_ids):
        raise invalid("components", "Component custom id cannot be duplicated", "COMPONENT_CUSTOM_ID_DUPLICATED")


def _check_one(path: str, component: Json) -> None:
    kind = component.get("type")
    if kind == Kind.ROW:
        _check_row(path, component.get("components") or [])
    elif kind == Kind.BUTTON:
        _check_button(path, component)
    elif kind in SELECTS:
        _check_length(path, component, "custom_id", 1, 100)
        _check_length(path, component, "placeholder", 0, 150)
        check_select(path, component)
    elif kind == Kind.GALLERY and not 1 <= len(component.get("items") or []) <= 10:  # noqa: PLR2004  Discord's limit
        raise invalid(f"{path}.items", "Must be between 1 and 10 in length.")
    elif kind == Kind.TEXT:
        _check_length(path, component, "content", 1, 4000)


def _check_row(path: str, inside: list[Json]) -> None:
    has_select = any(component.get("type") in SELECTS for component in inside)
    if not 1 <= len(inside) <= (1 if has_select else MAX_BUTTONS_IN_ROW):
        raise invalid(f"{path}.components", "Must be between 1 and 5 in length.")


def _check_button(path: str, button: Json) -> None:
    is_link = button.get("style") == 5  # noqa: PLR2004  Discord's number for a link button
    required = "url" if is_link else "custom_id"
    if not button.get(required):
        raise invalid(f"{path}.{required}", "This field is required", "BASE_TYPE_REQUIRED")
    if not is_link:
        _check_length(path, button, "custom_id", 1, 100)
    _check_length(path, button, "label", 0, 80)
    if not button.get("label") and not button.get("emoji"):
        raise invalid(path, "A button needs a label or an emoji", "BUTTON_COMPONENT_INVALID_EMPTY")


def check_select(path: str, select: Json) -> None:
    """
    Raise where a select's options, presets or numbers of values break a rule.

    Raises:
        ApiError: 50035, pointing at the field.
    """
    if select["type"] == Kind.STRING_SELECT:
        _check_select_options(path, select.get("options") or [])
    least, most = select.get("min_values", 1), select.get("max_values", 1)
    for key, value, lowest in (("min_values", least, 0), ("max_values", most, 1)):
        if not lowest <= value <= MAX_CHOSEN:
            raise invalid(f"{path}.{key}", f"int value should be between {lowest} and 25.", "NUMBER_TYPE_MAX")
    if least > most:
        raise invalid(f"{path}.max_values", "min_values should be less than or equal to max_values.")
    presets = select.get("default_values") or []
    if presets and not least <= len(presets) <= most:
        message = "The number of default values must be between min_values and max_values."
        raise invalid(f"{path}.default_values", message, "COMPONENT_INVALID_DEFAULT_VALUES")
    allowed = PRESETS.get(select["type"], ())
    for index, preset in enumerate(presets):
        if preset["type"] not in allowed:
            message = f"Value must be one of {allowed}."
            raise invalid(f"{path}.default_values.{index}.type", message, "BASE_TYPE_CHOICES")


def _check_select_options(path: str, options: list[Json]) -> None:
    """
    Raise where the options of a string select break a rule.

    Raises:
        ApiError: 50035, pointing at the option.
    """
    if not 1 <= len(options) <= 25:  # noqa: PLR2004  Discord's limit
        raise invalid(f"{path}.options", "Must be between 1 and 25 in length.")
    for index, option in enumerate(options):
        for key, least in (("label", 1), ("value", 1), ("description", 0)):
            _check_length(f"{path}.options.{index}", option, key, least, 100)
    values = [option["value"] for option in options]
    if len(set(values)) != len(values):
        raise invalid(
            f"{path}.options", "The specified option value is already used", "COMPONENT_OPTION_VALUE_DUPLICATED"
        )


def _check_length(path: str, thing: Json, key: str, least: int, most: int) -> None:
    length = len(thing.get(key) or "")
    if not least <= length <= most:
        raise invalid(f"{path}.{key}", f"Must be between {least} and {most} in length.")


def as_stored(components: list[Json]) -> list[Json]:
    """Components as Discord keeps them: numbered, with the defaults that it shows filled in."""
    stored = copy.deepcopy(components)
    for number, (_, component) in enumerate(walk(stored), start=1):
        component.setdefault("id", number)
        for key, value in SHOWN_DEFAULTS.get(component["type"], {}).items():
            component.setdefault(key, value)
        for holder in (component, *(component.get("options") or [])):
            _drop_empty_emoji_id(holder)
        for item in component.get("items") or []:
            item.setdefault("description", None)
            item.setdefault("spoiler", False)
    return stored


def _drop_empty_emoji_id(holder: Json) -> None:
    emoji: dict[str, Any] = holder.get("emoji") or {}
    if emoji.get("id", "") is None:
        del emoji["id"]
