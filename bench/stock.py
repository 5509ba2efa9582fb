"""Caddy as anybody would run it: a static upstream behind one host."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.installation import free_port
from wakedock_operator.adapters.caddy.binary import find_caddy

from .asking import until_answered


@dataclass(frozen=True, slots=True)
class StockCaddy:
    """One that runs."""

    pid: int
    port: int


@asynccontextmanager
async def stock_caddy(folder: Path, host: str, upstream: str, *, tuned: bool) -> AsyncIterator[StockCaddy]:
    """With default settings, or `tuned` with the knobs that WakeDock's Caddy has."""
    port = free_port()
    folder.mkdir()
    configuration = folder / "caddy.json"
    configuration.write_text(json.dumps(_configuration(folder, port, host, upstream, tuned=tuned)))
    environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    if tuned:
        environment["GOGC"] = "200"
    caddy = await find_caddy()
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            caddy.path, "run", "--config", str(configuration), env=environment, stdout=log, stderr=log
        )
    try:
        await until_answered(port, 0.02)
        yield StockCaddy(process.pid, port)
    finally:
        process.terminate()
        await process.wait()


def _configuration(folder: Path, port: int, host: str, upstream: str, *, tuned: bool) -> dict[str, Any]:
    proxy: dict[str, Any] = {"handler": "reverse_proxy", "upstreams": [{"dial": upstream}]}
    configuration: dict[str, Any] = {"admin": {"disabled": True, "config": {"persist": False}}}
    if tuned:
        proxy["flush_interval"] = "100ms"
        proxy["transport"] = {
            "protocol": "http",
            "dial_timeout": "1s",
            "keep_alive": {"max_idle_conns_per_host": 256, "idle_timeout": "500ms"},
        }
        configuration["logging"] = {"logs": {"default": {"level": "ERROR", "exclude": ["http.handlers.reverse_proxy", "http.log.error"]}}}
    server = {
        "listen": [f"127.0.0.1:{port}"],
        "automatic_https": {"disable": True},
        "routes": [{"match": [{"host": [host]}], "terminal": True, "handle": [proxy]}],
    }
    configuration["storage"] = {"module": "file_system", "root": str(folder / "storage")}
    configuration["apps"] = {"http": {"servers": {"stock": server}}}
    return configuration
