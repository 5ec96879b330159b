"""Time zones: the common ones to choose from, and any other by its name however it is written."""

from __future__ import annotations

import difflib
from zoneinfo import available_timezones

from bot.admission import Refused

COMMON_ZONES = (
    "UTC",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Paris",
    "Europe/Berlin",
    "Europe/Warsaw",
    "Europe/Athens",
    "Europe/Istanbul",
    "Europe/Moscow",
    "Africa/Lagos",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Jakarta",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Australia/Sydney",
    "Pacific/Auckland",
)
"""With one more that a server has chosen itself they fit the 25 options of a select."""


def known_zone(typed: str) -> str:
    """
    The time zone of this name, however it is written. Reads files: call it in a worker thread.

    Raises:
        Refused: there is none.
    """
    zones = {name.lower(): name for name in available_timezones()}
    wanted = typed.strip().replace(" ", "_").lower()
    if wanted in zones:
        return zones[wanted]
    places = {name.rpartition("/")[2]: name for name in zones}
    near = difflib.get_close_matches(wanted, [*zones, *places], n=3)
    names = list(dict.fromkeys(zones[places.get(name, name)] for name in near))
    if names:
        raise Refused("settings-zone-unknown-near", text=typed, near=" · ".join(names))
    raise Refused("settings-zone-unknown", text=typed)
