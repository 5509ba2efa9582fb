"""A start that is known to fail before the app has run."""

from wakedock_operator.core.status import FailureReason


class StartRefused(Exception):
    """The app cannot be started: why, in a sentence that says what to do."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
