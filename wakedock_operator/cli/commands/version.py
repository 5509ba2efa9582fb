"""`wakedock version`."""

import platform

from wakedock_operator import __version__


def command() -> None:
    """Print the versions of WakeDock and Python."""
    print(f"wakedock {__version__}")
    print(f"Python {platform.python_version()}")
