import pytest

from wakedock_operator.core.backoff import backoff


@pytest.mark.parametrize("failures, seconds", [(-1, 0), (0, 0), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (10_000, 60)])
def test_the_backoff_doubles_from_a_second_to_a_minute(failures: int, seconds: int):
    assert backoff(failures) == seconds
