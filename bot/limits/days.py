"""A server's day: from one midnight of its time zone to the next, whether that takes 23, 24 or 25 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import tzinfo


@dataclass(frozen=True, slots=True)
class Day:
    """When what is counted by the day begins, and when there is more; unix seconds."""

    begins: float
    ends: float

    @property
    def refills_at(self) -> datetime:
        """When there is more."""
        return datetime.fromtimestamp(self.ends, UTC)


def day_of(moment: float, time_zone: str = "UTC") -> Day:
    """The day of a time zone in which a moment lies."""
    zone = zone_of(time_zone)
    today = datetime.fromtimestamp(moment, zone).date()
    tomorrow = today + timedelta(days=1)
    return Day(*(_midnight(datetime.combine(date, time()), zone) for date in (today, tomorrow)))


def zone_of(time_zone: str) -> tzinfo:
    """The zone of this name in the IANA time zone database."""
    return UTC if time_zone == "UTC" else ZoneInfo(time_zone)


def _midnight(midnight: datetime, zone: tzinfo) -> float:
    """
    The moment at which a date begins.

    Of a midnight that there is twice it is the first; one that a change of clocks leaps over is the moment of the leap.
    """
    return midnight.replace(tzinfo=zone).timestamp()
