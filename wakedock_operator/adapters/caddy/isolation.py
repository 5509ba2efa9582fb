"""Which services make Caddy refuse a configuration."""

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wakedock_operator.adapters.caddy.keeping import Keeping
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.adapters.caddy.output import plain
from wakedock_operator.adapters.caddy.render import render, sealed
from wakedock_operator.core.routing import Route
from wakedock_operator.resource import Key


async def find_unfit(keeping: Keeping, options: CaddyOptions, routes: Sequence[Route], longest_wake: float) -> dict[Key, str]:
    """The services without which Caddy takes the rest, each with Caddy's words; found by halving, beside the running Caddy.

    Empty where no service is the reason.
    """
    search = _Search(keeping, options, longest_wake)
    if await search.refusal([]) is None:
        await search.accept([], list(routes))
    return search.unfit


class _Search:
    def __init__(self, keeping: Keeping, options: CaddyOptions, longest_wake: float) -> None:
        self.unfit: dict[Key, str] = {}
        self._keeping = keeping
        self._options = options
        self._longest_wake = longest_wake

    async def accept(self, base: list[Route], candidates: list[Route]) -> list[Route]:
        """Those of the candidates that go together with `base`."""
        refusal = await self.refusal(base + candidates)
        if refusal is None:
            return candidates
        if len(candidates) == 1:
            self.unfit[candidates[0].key] = refusal
            return []
        half = len(candidates) // 2
        left = await self.accept(base, candidates[:half])
        right = await self.accept(base + left, candidates[half:])
        return left + right

    async def refusal(self, routes: Sequence[Route]) -> str | None:
        """Caddy's words, or None where it would take them."""
        content, _ = await asyncio.to_thread(lambda: sealed(render(self._options, routes, self._longest_wake)))
        with tempfile.NamedTemporaryFile(dir=self._options.runtime, prefix="candidate-", suffix=".json") as candidate:
            await asyncio.to_thread(Path(candidate.name).write_bytes, content)
            process = await asyncio.create_subprocess_exec(
                *self._keeping.command,
                "validate",
                "--config",
                candidate.name,
                env=self._keeping.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                _, said = await process.communicate()
            except asyncio.CancelledError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                raise
        if process.returncode == 0:
            return None
        return plain((said.decode(errors="replace").strip().splitlines() or ["no words"])[-1])
