"""The schedule: in which window a service is, and when that changes next.

A window begins at local wall-clock `from` on one of the rule's days and ends at the next `to` after it. Local times become instants before
they are compared, so a window keeps its wall-clock edges when the clocks change: an edge that does not exist that day comes as much later
as the clocks jumped, a doubled `from` is the first one and a doubled `to` the last one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from wakedock_operator.resource import ScheduleRule, ScheduleState, Weekday

_WEEK = 7


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of a rule, in UTC; `ends` is no longer part of it. Of one in force `began` is since when: others may have covered it."""

    began: datetime
    ends: datetime
    awake: bool

    def __contains__(self, moment: datetime) -> bool:
        return self.began <= moment < self.ends


def window_at(rules: Sequence[ScheduleRule], now: datetime) -> Window | None:
    """The window in force at `now` (aware). Where windows overlap, `Awake` beats `Asleep`; of equals the one that began last counts."""
    begun = [window for window in _windows(rules, now, days_before=2, days_after=0) if window.began <= now]
    found = max((window for window in begun if now in window), key=_rank, default=None)
    if found is None:
        return None
    covered = (window.ends for window in begun if found.began < window.ends <= now and _rank(window) > _rank(found))
    return replace(found, began=max(covered, default=found.began))


def _rank(window: Window) -> tuple[bool, datetime]:
    return window.awake, window.began


def next_edge(rules: Sequence[ScheduleRule], now: datetime) -> datetime | None:
    """The next moment after `now` at which a window begins or ends; None without rules. At most nine days away."""
    edges = (edge for window in _windows(rules, now, days_before=2, days_after=_WEEK + 1) for edge in (window.began, window.ends))
    return min((edge for edge in edges if edge > now), default=None)


def _windows(rules: Sequence[ScheduleRule], now: datetime, *, days_before: int, days_after: int) -> Iterator[Window]:
    for rule in rules:
        today = now.astimezone(rule.zone).date()
        for offset in range(-days_before, days_after + 1):
            day = today + timedelta(days=offset)
            if tuple(Weekday)[day.weekday()] in rule.days:
                window = _window(rule, day)
                if window.began < window.ends:
                    yield window


def _window(rule: ScheduleRule, day: date) -> Window:
    over_midnight = rule.to <= rule.from_
    last_day = day + timedelta(days=1) if over_midnight else day
    began = datetime.combine(day, rule.from_, tzinfo=rule.zone).replace(fold=0).astimezone(UTC)
    # fold=1 is the last of a doubled time, but comes too early for one that does not exist.
    ends = max(datetime.combine(last_day, rule.to, tzinfo=rule.zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return Window(began, ends, rule.state is ScheduleState.AWAKE)
