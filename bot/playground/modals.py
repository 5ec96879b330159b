"""Modals: Discord's rules for one, and what its submit sends."""

from bot.playground.components import SELECTS, Kind, check_select
from bot.playground.errors import Json, NotPossible, invalid
from bot.playground.resolved import Resolved

MAX_TITLE, MAX_CUSTOM_ID, MAX_COMPONENTS, MAX_LABEL, MAX_DESCRIPTION, MAX_TEXT = 45, 100, 5, 45, 100, 4000


def check_modal(modal: Json) -> None:
    """
    Raise where a modal breaks a rule.

    Raises:
        ApiError: 50035, pointing at the field.
    """
    for key, most in (("title", MAX_TITLE), ("custom_id", MAX_CUSTOM_ID)):
        if not 1 <= len(modal.get(key) or "") <= most:
            raise invalid(f"data.{key}", f"Must be between 1 and {most} in length.")
    components = modal.get("components") or []
    if not 1 <= len(components) <= MAX_COMPONENTS:
        raise invalid("data.components", "Must be between 1 and 5 in length.")
    for index, component in enumerate(components):
        _check_part(f"data.components.{index}", component)
    custom_ids = [field["custom_id"] for field in fields_of(modal)]
    if len(set(custom_ids)) != len(custom_ids):
        raise invalid("data.components", "Component custom id cannot be duplicated", "COMPONENT_CUSTOM_ID_DUPLICATED")


def _check_part(path: str, part: Json) -> None:
    kind = part.get("type")
    if kind == Kind.LABEL:
        if not 1 <= len(part.get("label") or "") <= MAX_LABEL:
            raise invalid(f"{path}.label", "Must be between 1 and 45 in length.")
        if len(part.get("description") or "") > MAX_DESCRIPTION:
            raise invalid(f"{path}.description", "Must be 100 or fewer in length.")
        _check_field(f"{path}.component", part["component"])
    elif kind == Kind.ROW:
        inside = part.get("components") or []
        if len(inside) != 1 or inside[0].get("type") != Kind.TEXT_INPUT:
            raise invalid(f"{path}.components", "A row of a modal holds exactly one text input.")
        if not 1 <= len(inside[0].get("label") or "") <= MAX_LABEL:
            raise invalid(f"{path}.components.0.label", "Must be between 1 and 45 in length.")
        _check_field(f"{path}.components.0", inside[0])
    elif kind != Kind.TEXT:
        raise invalid(f"{path}.type", "Value of field 'type' must be one of (1, 10, 18).", "UNION_TYPE_CHOICES")


def _check_field(path: str, field: Json) -> None:
    if not 1 <= len(field.get("custom_id") or "") <= MAX_CUSTOM_ID:
        raise invalid(f"{path}.custom_id", "Must be between 1 and 100 in length.")
    if field["type"] in SELECTS:
        check_select(path, field)
    elif field["type"] == Kind.TEXT_INPUT:
        least, most = field.get("min_length") or 0, field.get("max_length") or MAX_TEXT
        if not 0 <= least <= most <= MAX_TEXT:
            raise invalid(f"{path}.max_length", "Must be between 1 and 4000.")
        value = field.get("value") or ""
        if value and not least <= len(value) <= most:
            raise invalid(f"{path}.value", f"Must be between {least} and {most} in length.")
        if len(field.get("placeholder") or "") > MAX_CUSTOM_ID:
            raise invalid(f"{path}.placeholder", "Must be 100 or fewer in length.")


def fields_of(modal: Json) -> list[Json]:
    """The fields that a member fills in."""
    inside = [part.get("component") or (part.get("components") or [None])[0] for part in modal["components"]]
    return [field for field in inside if field]


def submitted(modal: Json, values: Json, resolved: Resolved) -> Json:
    """
    The data of the interaction that submitting a modal makes; fields left out keep what stood in them.

    Raises:
        NotPossible: a field that is not there, or a text or choice that the client would not let through.
    """
    unknown = set(values) - {field["custom_id"] for field in fields_of(modal)}
    if unknown:
        raise NotPossible(f"the form has no field {', '.join(sorted(unknown))}")
    parts = []
    for number, part in enumerate(modal["components"], start=1):
        sent: Json = {"type": part["type"], "id": part.get("id", number)}
        if part["type"] == Kind.LABEL:
            sent["component"] = _filled(part["component"], values, resolved)
        elif part["type"] == Kind.ROW:
            sent["components"] = [_filled(part["components"][0], values, resolved)]
        parts.append(sent)
    data: Json = {"custom_id": modal["custom_id"], "components": parts}
    return data | ({"resolved": resolved.data} if resolved.data else {})


def _filled(field: Json, values: Json, resolved: Resolved) -> Json:
    sent: Json = {"type": field["type"], "id": field.get("id", 1), "custom_id": field["custom_id"]}
    if field["type"] in SELECTS:
        preset = [option["value"] for option in field.get("options") or [] if option.get("default")]
        preset += [chosen["id"] for chosen in field.get("default_values") or []]
        chosen = values.get(field["custom_id"], preset)
        is_left_out = not chosen and not field.get("required", True)
        return sent | {"values": [] if is_left_out else resolved.chosen(field, chosen)}
    text = values.get(field["custom_id"], field.get("value") or "")
    least, most = field.get("min_length") or 0, field.get("max_length") or MAX_TEXT
    if not text and field.get("required", True):
        raise NotPossible("This field is required")
    if text and not least <= len(text) <= most:
        raise NotPossible(f"the text must be between {least} and {most} long, got {len(text)}")
    return sent | {"value": text}
