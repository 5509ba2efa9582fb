from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakedock_operator.core.schedule import next_edge, window_at
from wakedock_operator.resource import ScheduleRule, ScheduleState, Weekday

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham"]


def rule(start: str, end: str, *, days: str = "", zone: str = "UTC", state: str = "Awake") -> ScheduleRule:
    given: dict[str, object] = {"from": start, "to": end, "timeZone": zone, "state": state}
    if days:
        given["days"] = days.split()
    return ScheduleRule.model_validate(given)


def at(text: str, zone: str = "UTC") -> datetime:
    """A local wall-clock time; of a doubled one the first, unless it ends in `'`."""
    return datetime.fromisoformat(text.removesuffix("'")).replace(tzinfo=ZoneInfo(zone), fold=int(text.endswith("'"))).astimezone(UTC)


# 2026-03-02 is a Monday.
OFFICE = rule("08:30", "18:00", days="Mon Tue Wed Thu Fri", zone="Europe/Berlin")
NIGHT = rule("22:00", "06:00", days="Fri", state="Asleep")


@pytest.mark.parametrize(
    "rules, now, window",
    [
        pytest.param([OFFICE], at("2026-03-02T08:29", "Europe/Berlin"), None, id="a minute before it begins"),
        pytest.param(
            [OFFICE], at("2026-03-02T08:30", "Europe/Berlin"), ("2026-03-02T07:30", "2026-03-02T17:00", True), id="when it begins"
        ),
        pytest.param([OFFICE], at("2026-03-02T18:00", "Europe/Berlin"), None, id="its end is no longer part of it"),
        pytest.param([OFFICE], at("2026-03-07T12:00", "Europe/Berlin"), None, id="not on other days"),
        pytest.param(
            [NIGHT],
            at("2026-03-07T05:59"),
            ("2026-03-06T22:00", "2026-03-07T06:00", False),
            id="over midnight into a day that is not named",
        ),
        pytest.param([NIGHT], at("2026-03-06T05:00"), None, id="not the morning of the day it begins"),
        pytest.param(
            [rule("20:00", "24:00")],
            at("2026-03-02T23:59"),
            ("2026-03-02T20:00", "2026-03-03T00:00", True),
            id="24:00 is the end of the day",
        ),
        pytest.param(
            [rule("09:00", "09:00", days="Mon")], at("2026-03-03T08:59"), ("2026-03-02T09:00", "2026-03-03T09:00", True), id="a whole day"
        ),
        pytest.param(
            [rule("08:00", "18:00"), rule("12:00", "13:00", state="Asleep")],
            at("2026-03-02T12:30"),
            ("2026-03-02T08:00", "2026-03-02T18:00", True),
            id="Awake wins over Asleep",
        ),
        pytest.param(
            [rule("08:00", "12:00"), rule("08:00", "18:00", state="Asleep")],
            at("2026-03-02T12:30"),
            ("2026-03-02T12:00", "2026-03-02T18:00", False),
            id="which comes in force at the end of Awake",
        ),
        pytest.param(
            [rule("08:00", "18:00"), rule("12:00", "20:00")],
            at("2026-03-02T12:30"),
            ("2026-03-02T12:00", "2026-03-02T20:00", True),
            id="of two alike the later one",
        ),
        pytest.param([], at("2026-03-02T12:00"), None, id="no rules"),
    ],
)
def test_the_window_in_force(rules: list[ScheduleRule], now: datetime, window: tuple[str, str, bool] | None):
    found = window_at(rules, now)
    assert (found and (found.began, found.ends, found.awake)) == (window and (at(window[0]), at(window[1]), window[2]))


@pytest.mark.parametrize(
    "start, end, began, ends",
    [
        # In Berlin 02:00 becomes 03:00 on 2026-03-29, and 03:00 becomes 02:00 on 2026-10-25.
        pytest.param("02:30", "04:00", "2026-03-29T03:30", "2026-03-29T04:00", id="a beginning that does not exist comes an hour later"),
        pytest.param("01:00", "02:30", "2026-03-29T01:00", "2026-03-29T03:30", id="so does an end"),
        pytest.param("02:10", "02:20", "2026-03-29T03:10", "2026-03-29T03:20", id="so do both"),
        pytest.param("01:00", "04:00", "2026-03-29T01:00", "2026-03-29T04:00", id="a window over the missing hour keeps its edges"),
        pytest.param("02:30", "04:00", "2026-10-25T02:30", "2026-10-25T04:00", id="of a doubled beginning the first one counts"),
        pytest.param("01:00", "02:30", "2026-10-25T01:00", "2026-10-25T02:30'", id="of a doubled end the last one"),
        pytest.param("22:00", "03:30", "2026-10-24T22:00", "2026-10-25T03:30", id="a night keeps its edges"),
    ],
)
def test_windows_keep_their_wall_clock_edges_when_the_clocks_change(start: str, end: str, began: str, ends: str):
    zone = "Europe/Berlin"
    found = window_at([rule(start, end, zone=zone)], at(began, zone))
    assert found is not None
    assert (found.began, found.ends) == (at(began, zone), at(ends, zone))


def test_a_window_whose_end_the_missing_hour_swallows_is_left_out_that_day():
    rules = [rule("02:50", "03:10", zone="Europe/Berlin")]
    morning = at("2026-03-29T01:59", "Europe/Berlin")
    assert [window_at(rules, morning + timedelta(minutes=m)) for m in range(120)] == [None] * 120
    assert next_edge(rules, morning) == at("2026-03-30T02:50", "Europe/Berlin")


@pytest.mark.parametrize(
    "rules, now, edge",
    [
        pytest.param([OFFICE], at("2026-03-02T07:30"), at("2026-03-02T17:00"), id="inside: the end"),
        pytest.param([OFFICE], at("2026-03-06T17:00"), at("2026-03-09T07:30"), id="over a weekend: the next beginning"),
        pytest.param([rule("08:00", "09:00", days="Mon")], at("2026-03-02T09:00"), at("2026-03-09T08:00"), id="once a week"),
        pytest.param([], at("2026-03-02T12:00"), None, id="no rules, no edge"),
    ],
)
def test_the_next_edge(rules: list[ScheduleRule], now: datetime, edge: datetime | None):
    assert next_edge(rules, now) == edge


clock = st.times().map(lambda t: time(t.hour, t.minute))
some_rules = st.lists(
    st.builds(
        lambda days, start, end, zone, state: ScheduleRule(days=tuple(days), from_=start, to=end, time_zone=zone, state=state),
        st.sets(st.sampled_from(Weekday), min_size=1).map(sorted),
        clock,
        clock,
        st.sampled_from(ZONES),
        st.sampled_from(ScheduleState),
    ),
    min_size=1,
    max_size=3,
)
# Moments close to changes of the clocks come up as often as others.
moments = st.one_of(
    st.integers(0, 3 * 366 * 24 * 60).map(lambda minutes: at("2025-01-01T00:00") + timedelta(minutes=minutes)),
    st.builds(
        lambda day, minutes: day + timedelta(minutes=minutes),
        st.sampled_from(
            [at("2026-03-28T12:00"), at("2026-10-24T12:00"), at("2026-03-07T12:00"), at("2026-04-04T00:00"), at("2026-02-14T12:00")]
        ),
        st.integers(0, 3 * 24 * 60),
    ),
)


@given(some_rules, moments)
def test_the_window_in_force_contains_the_moment_and_lasts_at_most_a_day_and_a_changed_clock(rules: list[ScheduleRule], now: datetime):
    window = window_at(rules, now)
    assert window is None or now in window
    assert window is None or timedelta() < window.ends - window.began <= timedelta(hours=25)


@given(some_rules, moments, st.lists(st.floats(min_value=0.0, max_value=1.0), max_size=8))
def test_nothing_changes_before_the_next_edge(rules: list[ScheduleRule], now: datetime, points: list[float]):
    edge = next_edge(rules, now)
    assert edge is not None
    assert now < edge <= now + timedelta(days=9)
    moments_before = [now + (edge - now) * point for point in points] + [edge - timedelta(microseconds=1)]
    assert {window_at(rules, moment) for moment in moments_before if now <= moment < edge} <= {window_at(rules, now)}


@given(some_rules, moments)
def test_at_the_next_edge_a_window_begins_or_ends(rules: list[ScheduleRule], now: datetime):
    edge = next_edge(rules, now)
    assert edge is not None
    alone = [(window_at([each], edge - timedelta(microseconds=1)), window_at([each], edge)) for each in rules]
    assert any(before != after for before, after in alone)


@given(st.sampled_from(ZONES), clock, clock, moments)
def test_far_from_a_change_of_the_clocks_a_window_is_what_the_wall_clock_says(zone: str, start: time, end: time, now: datetime):
    local = now.astimezone(ZoneInfo(zone))
    offsets = {(local + timedelta(days=days)).utcoffset() for days in range(-2, 3)}
    if len(offsets) == 1:
        inside = start <= local.time() < end if start < end else not end <= local.time() < start
        window = window_at([ScheduleRule(from_=start, to=end, time_zone=zone, state=ScheduleState.AWAKE)], now)
        assert (window is not None) == inside
