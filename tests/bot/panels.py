"""Interactions of moderators at the desk: menus of messages, selects, and presses in what only the presser sees."""

from __future__ import annotations

import discord
from desk import interaction_payload, message

EPHEMERAL = 64
MANAGE_GUILD = discord.Permissions(manage_guild=True).value
MANAGE_MESSAGES = discord.Permissions(manage_messages=True).value
STRING_SELECT, ROLE_SELECT, CHANNEL_SELECT = 3, 6, 8
LATE = int(discord.utils.time_snowflake(discord.utils.utcnow()))
"""The id of an interaction long after a message of the desk's."""


def menu_payload(name, message_id, **more):
    data = {
        "id": "50",
        "name": name,
        "type": 3,
        "target_id": str(message_id),
        "resolved": {"messages": {str(message_id): message(message_id)}},
    }
    return interaction_payload(2, data, **more)


def select_payload(custom_id, values, *, kind=STRING_SELECT, flags=EPHEMERAL, **more):
    component = {"type": kind, "custom_id": custom_id, "id": 2}
    if kind == STRING_SELECT:
        component["options"] = [{"label": value, "value": value} for value in values]
    data = {"custom_id": custom_id, "component_type": kind, "values": values, "id": 2}
    if kind == CHANNEL_SELECT:
        channels = {each: {"id": each, "type": 0, "name": "log", "permissions": "0"} for each in values}
        data["resolved"] = {"channels": channels}
    if kind == ROLE_SELECT:
        data["resolved"] = {"roles": {each: role(each) for each in values}}
    under = message(800, flags=flags, components=[{"type": 1, "id": 1, "components": [component]}])
    return interaction_payload(3, data, on_message=under, **more)


def role(role_id):
    return {
        "id": role_id,
        "name": "mods",
        "color": 0,
        "colors": {"primary_color": 0},
        "hoist": False,
        "position": 1,
        "permissions": "0",
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def panel_press(custom_id, *, flags=EPHEMERAL, **more):
    button = {"type": 2, "style": 2, "label": "x", "custom_id": custom_id, "id": 2}
    under = message(800, flags=flags, components=[{"type": 1, "id": 1, "components": [button]}])
    return interaction_payload(3, {"custom_id": custom_id, "component_type": 2, "id": 2}, on_message=under, **more)


def custom_ids(components):
    """Those of everything that can be pressed or chosen."""
    return [item["custom_id"] for row in components for item in row["components"]]
