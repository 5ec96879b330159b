"""Pure: how long something holds, and since when, as moderators type it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.admission import Refused

if TYPE_CHECKING:
    from datetime import tzinfo

UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SPAN = re.compile(
    r"(?:(?P<count>\d{1,4})|an?|one)?\s*(?P<unit>m|h|d|w|min|mins|minutes?|hours?|days?|weeks?)", re.IGNORECASE
)
FOR_GOOD = re.compile(r"(?:for\s+)?(?:good|ever)|forever|never|permanent(?:ly)?", re.IGNORECASE)


def until(text: str, *, now: float, zone: tzinfo = UTC) -> float | None:
    """
    When something ends that holds for a span or until a date; None: never.

    Raises:
        Refused: it is neither, or is over already.
    """
    if FOR_GOOD.fullmatch(text.strip()):
        return None
    span_s = _span_s(text)
    moment = _moment(text, zone) if span_s is None else now + span_s
    if moment is None:
        raise Refused("span-unknown", text=text)
    if moment <= now:
        raise Refused("span-past", text=text)
    return moment


def since(text: str, *, now: float, zone: tzinfo = UTC) -> float:
    """
    When something began, a span ago or at a date.

    Raises:
        Refused: it is neither, or is still to come.
    """
    span_s = _span_s(text)
    moment = _moment(text, zone) if span_s is None else now - span_s
    if moment is None:
        raise Refused("since-unknown", text=text)
    if moment >= now:
        raise Refused("since-future", text=text)
    return moment


def _span_s(text: str) -> float | None:
    found = SPAN.fullmatch(text.strip())
    if found is None:
        return None
    return float(timedelta(seconds=int(found["count"] or 1) * UNITS_S[found["unit"][0].lower()]).total_seconds())


def _moment(text: str, zone: tzinfo) -> float | None:
    """A date, or a date and a time, where the server is."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).timestamp()
    except (ValueError, OverflowError):
        return None
