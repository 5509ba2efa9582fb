from hypothesis import given
from hypothesis import strategies as st

from wakedock_operator.core.idleness import SHORTEST_LOOK, Idleness, adopted

timeouts = st.floats(min_value=1.0, max_value=7200.0)


def when_idle(state: Idleness, requests: list[float], *, begin: float = 0.0) -> float:
    """Look whenever the state asks for it, until it is idle; a look is active when a request came since the one before."""
    now = begin
    while not state.idle():
        before = state.looked if state.looked is not None else -1.0
        state = state.after_look(now, active=any(before < request <= now for request in requests))
        following = state.next_look()
        assert following >= now + SHORTEST_LOOK / 2
        now, looked = following, now
    return looked


@given(timeouts, st.lists(st.floats(min_value=0.0, max_value=20_000.0), max_size=20))
def test_an_app_is_idle_between_t_and_1_1_t_after_its_last_request_or_while_one_is_far_off(timeout: float, times: list[float]):
    requests: list[float] = []
    for time in sorted(times):
        if not requests or time - requests[-1] < timeout:  # a later one would find it asleep
            requests.append(time)
    requests = [0.0, *(r - requests[0] for r in requests)]
    asleep = when_idle(Idleness(timeout), requests)
    assert timeout * (1 - 1e-9) <= asleep - max(requests) <= 1.1 * timeout + SHORTEST_LOOK


@given(timeouts, st.floats(min_value=0.0, max_value=10_000.0))
def test_after_a_restart_the_quiet_time_before_it_counts(timeout: float, quiet_for: float):
    state = adopted(timeout, now=100.0, quiet_for=quiet_for)
    assert not state.idle()
    asleep = when_idle(state, [], begin=100.0)
    left = max(0.0, timeout - quiet_for)
    assert left * (1 - 1e-9) - 1e-6 <= asleep - 100.0 <= left + SHORTEST_LOOK + 1e-6


def test_a_clock_that_went_backwards_over_the_restart_counts_as_no_quiet_time():
    assert adopted(60.0, now=100.0, quiet_for=-5.0).since == 100.0


def test_nobody_who_has_not_looked_calls_an_app_idle():
    assert not Idleness(60.0).idle()
    assert Idleness(60.0).next_look() == 0.0


def test_an_active_look_begins_the_time_out_anew():
    state = Idleness(10.0).after_look(0.0, active=False).after_look(9.9, active=True)
    assert state.since is None
    assert not state.after_look(10.0, active=False).idle()


def test_looks_go_on_at_their_pace_once_it_is_idle():
    state = Idleness(10.0).after_look(0.0, active=False).after_look(10.0, active=False)
    assert state.idle()
    assert state.next_look() == 10.5
