"""What `CaddyEdge` needs of whoever keeps its Caddy running."""

import asyncio
from typing import Protocol


class Keeping(Protocol):
    """One Caddy, kept running by this process or by somebody else."""

    changing: asyncio.Lock
    """Held while the configuration file and the running configuration may differ."""
    restarts: int
    """How often Caddy was started again after it had ended by itself, as far as this process knows."""

    @property
    def pid(self) -> int | None:
        """The running Caddy; None where it does not run, or its pid is not this process's business."""
        ...

    @property
    def command(self) -> list[str]:
        """The program, for other uses of it. Empty before the start."""
        ...

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which Caddy runs."""
        ...

    async def start(self) -> bool:
        """Find a Caddy that runs (True), or make sure that one without listeners comes (False). Raises CaddyError with a sentence."""
        ...

    async def stop(self) -> None:
        """End Caddy where it is this process's to end; in any case nothing more is asked of it."""
        ...

    async def release(self) -> None:
        """Leave Caddy as it is."""
        ...
