from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot import spans
from bot.admission import Refused

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
HOUR = 3600
TOKYO = ZoneInfo("Asia/Tokyo")


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


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=TOKYO)),
        ("2026-12-1", datetime(2026, 12, 1, tzinfo=TOKYO)),
        ("2026-12-01 18:30", datetime(2026, 12, 1, 18, 30, tzinfo=TOKYO)),
        ("2026-12-1 9:05", datetime(2026, 12, 1, 9, 5, tzinfo=TOKYO)),
        ("2026-12-01T18:30", datetime(2026, 12, 1, 18, 30, tzinfo=TOKYO)),
        ("2026-12-01 18:30+00:00", datetime(2026, 12, 1, 18, 30, tzinfo=UTC)),
        ("<t:1796000000>", datetime.fromtimestamp(1796000000, UTC)),
        (" <t:1796000000:R> ", datetime.fromtimestamp(1796000000, UTC)),
    ],
)
def test_a_date_is_one_where_the_server_is_and_a_moment_the_same_everywhere(text, moment):
    assert spans.until(text, now=NOW, time_zone="Asia/Tokyo") == moment.timestamp()
    assert spans.since(text, now=NOW + 366 * 24 * HOUR, time_zone="Asia/Tokyo") == moment.timestamp()


@pytest.mark.parametrize("text", ["soon", "", "10", "2026-13-01", "9999999d", "hours 2"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(Refused, match="span-unknown"):
        spans.until(text, now=NOW, time_zone="Asia/Tokyo")
    with pytest.raises(Refused, match="since-unknown"):
        spans.since(text, now=NOW, time_zone="Asia/Tokyo")


@pytest.mark.parametrize("text", ["999999 weeks", "9999-12-31", "<t:99999999999>"])
def test_what_is_not_for_good_ends_within_ten_years(text):
    with pytest.raises(Refused, match="span-too-long"):
        spans.until(text, now=NOW)
    assert spans.until("520 weeks", now=NOW) is not None


def test_a_block_cannot_end_before_it_begins_and_a_purge_cannot_begin_in_the_future():
    with pytest.raises(Refused, match="span-past"):
        spans.until("2026-01-01", now=NOW)
    with pytest.raises(Refused, match="span-past"):
        spans.until("0001-01-01", now=NOW, time_zone="Asia/Tokyo")
    with pytest.raises(Refused, match="since-future"):
        spans.since("2027-01-01", now=NOW)
