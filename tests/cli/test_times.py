"""Times as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from wakedock_operator.cli.times import age, clock, span

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "seconds, text",
    [
        (-5, "0 ms"),
        (0.0204, "20 ms"),
        (0.9999, "1000 ms"),
        (1.25, "1.2 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1m"),
        (300, "5m"),
        (3599, "1h"),
        (7500, "2h 5m"),
        (86_400, "1d"),
        (190_000, "2d 4h"),
    ],
)
def test_spans_have_one_or_two_parts(seconds: float, text: str):
    assert span(seconds) == text


def test_an_age_is_the_span_since():
    assert age((NOW - timedelta(minutes=3)).isoformat(), NOW) == "3m"
    assert age(None, NOW) == "-"


def test_another_day_is_named():
    assert clock(NOW.isoformat(), NOW) == f"{NOW.astimezone():%H:%M:%S}"
    assert clock((NOW - timedelta(days=3)).isoformat(), NOW).startswith("2026-02-27 ")
