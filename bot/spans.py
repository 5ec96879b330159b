"""Pure: until when something holds, and since when, as moderators type it."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timedelta

from bot.admission import Refused
from bot.limits.days import zone_of

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SPAN = re.compile(
    r"(?:(?P<count>[0-9]{1,6})|an?|one)?\s*(?P<unit>m|h|d|w|mins?|minutes?|hours?|days?|weeks?)", re.IGNORECASE
)
MOMENT = re.compile(r"<t:([0-9]{1,12})(?::[tTdDfFR])?>")
"""As Discord's own time stamps are copied."""
UNPADDED = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
"""Dates with one digit where ISO 8601 wants two."""
FOR_GOOD = re.compile(r"(?:for\s+)?(?:good|ever)|forever|never|permanent(?:ly)?", re.IGNORECASE)
LONGEST = timedelta(days=3653)


def until(text: str, *, now: float, time_zone: str = "UTC") -> float | None:
    """
    When something ends that holds for a span or until a date of the server's time zone; None: never.

    Raises:
        Refused: it is neither, is over already, or more than ten years away.
    """
    if FOR_GOOD.fullmatch(text.strip()):
        return None
    span_s = _span_s(text)
    moment = _moment(text, time_zone) if span_s is None else now + span_s
    if moment is None:
        raise Refused("span-unknown", text=text)
    if moment <= now:
        raise Refused("span-past", text=text)
    if moment > now + LONGEST.total_seconds():
        raise Refused("span-too-long", text=text)
    return moment


def since(text: str, *, now: float, time_zone: str = "UTC") -> float:
    """
    When something began, a span ago or at a date of the server's time zone.

    Raises:
        Refused: it is neither, or is still to come.
    """
    span_s = _span_s(text)
    moment = _moment(text, time_zone) if span_s is None else now - span_s
    if moment is None:
        raise Refused("since-unknown", text=text)
    if moment >= now:
        raise Refused("since-future", text=text)
    return moment


def _span_s(text: str) -> float | None:
    found = SPAN.fullmatch(text.strip())
    if found is None:
        return None
    return timedelta(**{UNITS[found["unit"][0].lower()]: int(found["count"] or 1)}).total_seconds()


def _moment(text: str, time_zone: str) -> float | None:
    if shown := MOMENT.fullmatch(text.strip()):
        return float(shown[1])
    date = _date(text.strip())
    if date is None:
        return None
    return (date.replace(tzinfo=zone_of(time_zone)) if date.tzinfo is None else date).timestamp()


def _date(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    for form in UNPADDED:
        with suppress(ValueError):
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the server's, which it gets above
    return None
