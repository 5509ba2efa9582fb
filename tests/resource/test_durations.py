from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakedock_operator.resource.durations import LONGEST, format_duration, parse_duration

milliseconds = st.integers(0, LONGEST // timedelta(milliseconds=1))
parts = st.lists(st.tuples(st.integers(0, 9999), st.sampled_from(["h", "m", "s", "ms"])), min_size=1, max_size=4)


@given(milliseconds)
def test_what_is_written_is_read_back(number: int):
    duration = timedelta(milliseconds=number)
    assert parse_duration(format_duration(duration)) == duration


@given(parts)
def test_every_spelling_has_one_canonical_form(pieces: list[tuple[int, str]]):
    text = "".join(f"{number}{unit}" for number, unit in pieces)
    canonical = format_duration(parse_duration(text))
    assert format_duration(parse_duration(canonical)) == canonical
    assert parse_duration(canonical) == parse_duration(text)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_sentence(text: str):
    try:
        duration = parse_duration(text)
    except ValueError as error:
        refused = str(error)
    else:
        refused = ""
        assert duration >= timedelta()
    assert not refused or "not a duration" in refused or "too long" in refused


@pytest.mark.parametrize(
    "text, seconds",
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("500ms", 0.5), ("0s", 0), ("30m1h", 5400), ("1s1s", 2), ("00010s", 10)],
)
def test_durations_of_the_gateway_api_are_read(text: str, seconds: float):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "-5s", "+5s", "1.5h", "1d", "5 s", "5S", "1h2m3s4ms5s", "5s\n", "\u0665s", "1us"])
def test_other_spellings_are_refused(text: str):
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["99999h60m", "100000s", "1h100000s", "000001s"])
def test_more_than_can_be_written_is_refused(text: str):
    with pytest.raises(ValueError, match="too long"):
        parse_duration(text)


@pytest.mark.parametrize("duration", [timedelta(seconds=-1), timedelta(microseconds=1), LONGEST + timedelta(milliseconds=1)])
def test_what_has_no_spelling_is_not_written(duration: timedelta):
    with pytest.raises(ValueError, match="cannot be written"):
        format_duration(duration)
