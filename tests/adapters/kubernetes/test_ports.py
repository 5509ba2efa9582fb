import pytest

from wakedock_operator.adapters.kubernetes.callers.ports import REST, NoPortLeft, Ports
from wakedock_operator.resource import Key

A, B, C = (Key("default", name) for name in "abc")


class Time:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def ports(time: Time) -> Ports:
    return Ports(time, lambda port: None, first=20_000, last=20_001)


def test_every_service_has_a_port_of_its_own_and_keeps_it(ports: Ports):
    assert {ports.give(A), ports.give(B)} == {20_000, 20_001}
    assert ports.give(A) == ports.give(A)
    with pytest.raises(NoPortLeft, match="between 20000 and 20001"):
        ports.give(C)


def test_a_port_that_is_given_back_rests_for_an_hour(ports: Ports, time: Time):
    first = ports.give(A)
    ports.give(B)
    ports.free(A)
    with pytest.raises(NoPortLeft):
        ports.give(C)
    time.now = REST - 1
    with pytest.raises(NoPortLeft):
        ports.give(C)
    time.now = REST
    assert ports.give(C) == first


def test_a_port_on_record_is_claimed_once(ports: Ports):
    assert ports.claim(A, 20_001)
    assert ports.claim(A, 20_001)
    assert not ports.claim(B, 20_001)
    assert ports.give(B) == 20_000
    assert not ports.claim(C, 80)


def test_a_service_that_claims_another_port_gives_its_own_back(ports: Ports, time: Time):
    assert ports.claim(A, 20_000)
    assert ports.claim(A, 20_001)
    time.now = REST
    assert ports.give(B) == 20_000


def test_what_another_process_gave_back_rests_on_and_what_nobody_has_any_more_rests_from_now(time: Time):
    freed: list[int] = []
    ports = Ports(time, freed.append, first=20_000, last=20_003)
    time.now = 10_000.0
    ports.claim(A, 20_000)
    assert ports.given() == {20_000}
    assert ports.remember({20_000: None, 20_001: None, 20_002: 10_060.0, 20_003: 9_999.0}) == (20_003,)
    assert freed == [20_001]
    assert [ports.rests(port) for port in range(20_000, 20_004)] == [None, 10_000.0 + REST, 10_060.0, None]
    assert ports.give(B) == 20_003
    time.now = 10_060.0
    assert ports.give(C) == 20_002
    ports.free(C)
    assert freed[1:] == [20_002]
    assert ports.rests(20_002) == 10_060.0 + REST
