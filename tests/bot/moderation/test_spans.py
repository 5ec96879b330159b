from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.admission import Refused
from bot.moderation import spans

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
HOUR = 3600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h", HOUR),
        ("an hour", HOUR),
        ("hour", HOUR),
        ("2 hours", 2 * HOUR),
        ("a day", 24 * HOUR),
        ("3d", 72 * HOUR),
        ("a week", 168 * HOUR),
        ("30 min", HOUR / 2),
        ("90m", 1.5 * HOUR),
        (" 1 Week ", 168 * HOUR),
    ],
)
def test_a_span_is_read_forwards_and_backwards(text, seconds):
    assert spans.until(text, now=NOW) == NOW + seconds
    assert spans.since(text, now=NOW) == NOW - seconds


@pytest.mark.parametrize("text", ["for good", "forever", "good", "permanently", "Never"])
def test_for_good_ends_never(text):
    assert spans.until(text, now=NOW) is None


def test_a_date_is_one_where_the_server_is():
    zone = ZoneInfo("Asia/Tokyo")
    assert spans.until("2026-12-01", now=NOW, zone=zone) == datetime(2026, 12, 1, tzinfo=zone).timestamp()
    assert spans.since("2026-11-20 18:30", now=NOW) == datetime(2026, 11, 20, 18, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("text", ["soon", "", "10", "2026-13-01", "99999d", "hours 2"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(Refused, match="span-unknown"):
        spans.until(text, now=NOW)
    with pytest.raises(Refused, match="since-unknown"):
        spans.since(text, now=NOW)


def test_a_block_cannot_end_before_it_begins_and_a_purge_cannot_begin_in_the_future():
    with pytest.raises(Refused, match="span-past"):
        spans.until("2026-01-01", now=NOW)
    with pytest.raises(Refused, match="since-future"):
        spans.since("2027-01-01", now=NOW)
