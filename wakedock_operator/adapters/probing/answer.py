"""What came of asking an app."""

from dataclasses import dataclass


class NoAnswer(Exception):
    """Nobody answered. The message says what was seen, such as "connection refused"."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how an app is asked. `address` is `host:port`, `host` what the Host header says."""

    address: str
    host: str
    protocol: str
