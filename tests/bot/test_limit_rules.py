from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.limits.days import day_of
from bot.limits.rules import SCOPES, Rule, Target, Whose, candidates, decided
from bot.policy import DIMENSIONS, LIMIT_NAMES, NUMBER_NAMES, OperatorLimits, Rules

DEFAULT = Rules(pictures_per_day=60, places_in_line=10, pixels=512 * 512, steps=50, account_days=3)
CEILING = Rules(pictures_per_day=100, places_in_line=20, pixels=1024 * 1024, steps=100, account_days=3)
OPERATOR = OperatorLimits(default=DEFAULT, ceiling=CEILING)
IDS = {"server": 0, "channel": 70, "role": 5, "member": 1}
ANN = Whose(user_id=1, guild_id=7, ruling_channel_id=70, role_ids=(5, 6))
NOW = 1_785_585_600.0


def rule(scope="server", value=30, name="steps", *, scope_id=None, **more):
    target = Target(scope=scope, scope_id=IDS[scope] if scope_id is None else scope_id)
    return Rule(target=target, name=name, value=value, **more)


def decision(*rules, whose=ANN):
    return decided(OPERATOR, rules, whose, now=NOW)


# which rule decides


def test_where_nobody_set_anything_the_operator_s_default_holds():
    assert decision().rules == DEFAULT
    assert decision().by == {}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_most_specific_rule_wins_whatever_it_says(count):
    rules = [rule(scope, 10 * count) for count, scope in enumerate(("server", "channel", "role", "member"), start=1)]
    held = decision(*rules[:count])
    assert held.rules.steps == 10 * count
    assert held.by["steps"] == (rules[count - 1],)


def test_rules_for_others_do_not_hold():
    others = [rule("channel", scope_id=71), rule("role", scope_id=7), rule("member", scope_id=2)]
    assert decision(*others).rules == DEFAULT


def test_the_best_of_a_member_s_roles_holds():
    assert decision(rule("role", 30), rule("role", 40, scope_id=6)).rules.steps == 40


def test_of_days_the_fewest_are_the_best():
    rules = [rule("role", 30, "account_days"), rule("role", 10, "account_days", scope_id=6)]
    assert decision(*rules).rules.account_days == 10


def test_several_roles_allow_what_any_of_them_allows():
    rules = [rule("role", ("emoji",), "models"), rule("role", ("sd", "emoji"), "models", scope_id=6)]
    held = decision(*rules)
    assert held.rules.models == ("emoji", "sd")
    assert held.by["models"] == tuple(rules)
    assert decision(*rules, rule("role", None, "models", scope_id=6)).rules.models is None


def test_of_numbers_and_pots_of_several_roles_all_stay_that_may_leave_most():
    number, less, pot = rule("role", 10), rule("role", 5, scope_id=6), rule("role", 99, scope_id=6, is_pool=True)
    assert candidates([less, pot, number], ANN, now=NOW) == {"steps": (number, pot)}


def test_an_expired_rule_has_no_effect():
    assert decision(rule("member", 10, expires_at=NOW), rule(value=20, expires_at=NOW + 1)).rules.steps == 20


def test_a_limit_of_nothing_is_a_limit():
    assert decision(rule(value=0, name="pictures_per_day")).rules.pictures_per_day == 0


def test_a_pot_is_as_large_as_moderators_say():
    assert decision(rule(value=5000, name="pictures_per_day", is_pool=True)).rules.pictures_per_day == 5000


def test_in_direct_messages_no_rule_of_a_member_s_servers_is_asked():
    whose = Whose(user_id=1, guild_id=None)
    assert decision(rule("channel"), rule("role"), whose=whose).rules == DEFAULT


numbers = st.builds(
    rule,
    st.sampled_from(SCOPES),
    st.integers(0, 10_000_000),
    st.sampled_from([name for name in NUMBER_NAMES if DIMENSIONS[name].kind == "most"]),
)


@given(st.lists(numbers, max_size=8))
def test_nobody_exceeds_the_operator_s_ceiling(rules):
    held = decision(*rules).rules
    ceilings = {name: getattr(CEILING, name) for name in LIMIT_NAMES if DIMENSIONS[name].kind == "most"}
    assert all(ceiling is None or getattr(held, name) <= ceiling for name, ceiling in ceilings.items())


def test_of_days_no_moderator_asks_for_fewer_than_the_operator():
    assert decision(rule("member", 0, "account_days")).rules.account_days == 3


# a server's days


@pytest.mark.parametrize(
    ("zone", "moment", "hours"),
    [
        ("UTC", datetime(2026, 8, 1, 12, tzinfo=UTC), 24),
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 12, tzinfo=UTC), 23),
        ("Africa/Cairo", datetime(2026, 4, 24, 12, tzinfo=UTC), 23),
        ("Africa/Cairo", datetime(2026, 10, 29, 12, tzinfo=UTC), 25),
        ("Asia/Kathmandu", datetime(2026, 8, 1, 12, tzinfo=UTC), 24),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight_by_the_server_s_clocks(zone, moment, hours):
    day = day_of(moment.timestamp(), zone)
    assert day.ends - day.begins == hours * 3600
    begins, ends = (datetime.fromtimestamp(at, ZoneInfo(zone)) for at in (day.begins, day.ends))
    assert (ends.hour, ends.minute, ends.date().toordinal() - begins.date().toordinal()) == (0, 0, 1)
    assert day.refills_at.timestamp() == day.ends


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Asia/Beirut",
    "Pacific/Apia",
    "Australia/Lord_Howe",
]


@given(st.integers(1_200_000_000, 2_000_000_000), st.sampled_from(ZONES))
def test_every_moment_lies_in_one_day_and_the_next_begins_where_it_ends(moment, zone):
    day = day_of(moment, zone)
    assert day.begins <= moment < day.ends
    assert day_of(day.begins, zone) == day
    assert day_of(day.ends, zone).begins == day.ends
