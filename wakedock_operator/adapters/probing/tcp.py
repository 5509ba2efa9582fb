"""A connection that is opened and closed again."""

import asyncio
from datetime import timedelta

from wakedock_operator.adapters.probing.answer import NoAnswer
from wakedock_operator.resource import format_duration


async def connect(address: str, timeout: timedelta) -> None:  # noqa: ASYNC109 - a part of the definition
    """Return when `host:port` accepted a connection. Raises NoAnswer, after `timeout` at the latest."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.close()
            await writer.wait_closed()
    except TimeoutError:
        raise NoAnswer(f"no connection within {format_duration(timeout)}") from None
    except OSError as error:
        raise NoAnswer.because(error) from None
