"""What came of asking an app."""

import os
from dataclasses import dataclass
from typing import Self


class NoAnswer(Exception):
    """Nobody answered. The message says what was seen, such as "connection refused"."""

    @classmethod
    def because(cls, error: OSError) -> Self:
        """In the system's words; asyncio puts addresses where they stood."""
        return cls(os.strerror(error.errno).lower() if error.errno else str(error))


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how an app is asked. `address` is `host:port`, `host` what the Host header says."""

    address: str
    host: str
    protocol: str
