"""The machine's clocks."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """`Clock` of this machine."""

    def monotonic(self) -> float:
        """See Clock. The clock of the event loop, so that deadlines and measurements agree."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """See Clock."""
        return datetime.fromtimestamp(time.time(), UTC)
