"""A thousand requests that wait for one app."""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from .place import Place, wakedock, wakedock_pid
from .procfs import memory
from .rows import Row

FOREVER = 3600.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many wait."""

    requests: int = 1000


FULL, QUICK = Size(), Size(requests=20)


async def measure(size: Size, where: Place) -> list[Row]:
    """What each of them adds to the memory of both processes."""
    async with wakedock(where, {"app": FOREVER}, wake={"timeout": "10m", "maxHeld": size.requests + 1}) as installation:
        pids = {"python": wakedock_pid(installation), "caddy": installation.caddy_pid()}
        first = await _ask(installation.port)
        await installation.until("app", lambda record: any(entry["holding"] for entry in record["gateways"]))
        before = {name: memory(pid) for name, pid in pids.items()}
        waiting = [await _ask(installation.port) for _ in range(size.requests)]
        await _all_held(pids["python"], size.requests)
        each = {name: (memory(pid) - before[name]) * 1e3 / size.requests for name, pid in pids.items()}
        for writer in (first, *waiting):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return [
        Row(
            f"memory per held request, {size.requests:,} held",
            f"{each['python']:.0f} kB (Python)",
            f"Caddy: {each['caddy']:.0f} kB",
            samples={"kb_per_request": each},
        )
    ]


async def _ask(port: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: app.localhost\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n")
    await writer.drain()
    return writer


async def _all_held(pid: int, requests: int) -> None:
    """Each takes a descriptor in the Python process."""
    while len(list(Path(f"/proc/{pid}/fd").iterdir())) < requests:
        await asyncio.sleep(0.05)
