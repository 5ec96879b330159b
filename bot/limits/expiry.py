"""Until when something holds, as moderators type it: so long, or until a date of the server's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SPAN = re.compile(r"([0-9]{1,6})\s*(m(?:in(?:ute)?s?)?|h(?:ours?)?|d(?:ays?)?|w(?:eeks?)?)", re.IGNORECASE)
MOMENT = re.compile(r"<t:([0-9]{1,12})(?::[tTdDfFR])?>")
FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
LONGEST = timedelta(days=3650)


def parse_expiry(text: str, *, now: float, time_zone: str) -> float | None:
    """When something typed like `3 days`, `12h` or `2026-12-01 18:00` is; None if it is no moment to come."""
    moment = _moment(text.strip(), now, time_zone)
    return moment if moment is not None and now < moment <= now + LONGEST.total_seconds() else None


def _moment(text: str, now: float, time_zone: str) -> float | None:
    if span := SPAN.fullmatch(text):
        return now + timedelta(**{UNITS[span[2][0].lower()]: int(span[1])}).total_seconds()
    if shown := MOMENT.fullmatch(text):
        return float(shown[1])
    zone = UTC if time_zone == "UTC" else ZoneInfo(time_zone)
    for form in FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=zone).timestamp()
        except (ValueError, OverflowError):
            continue
    return None
