"""A Caddy that somebody else keeps running, such as the container beside this one: it starts with the file that WakeDock writes."""

import asyncio
import json
import os

import structlog

from wakedock_operator.adapters.caddy.admin import Admin
from wakedock_operator.adapters.caddy.binary import find_caddy
from wakedock_operator.adapters.caddy.listeners import check_socket_path
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.adapters.caddy.render import skeleton
from wakedock_operator.adapters.caddy.supervisor import replace_file
from wakedock_operator.ports.edge import EdgeUnavailable

log = structlog.get_logger(__name__)


class Neighbour:
    """The configuration file is there before Caddy is; afterwards it holds what is in force, for a Caddy that is started again."""

    def __init__(self, options: CaddyOptions, admin: Admin) -> None:
        self.changing = asyncio.Lock()
        self.restarts = 0
        self._options = options
        self._admin = admin
        self._command: list[str] = []

    def __repr__(self) -> str:
        return f"<Neighbour {self._options.admin_socket}>"

    @property
    def pid(self) -> int | None:
        """Of another container: it says nothing here."""
        return None

    @property
    def command(self) -> list[str]:
        """A Caddy of this process's own, which tells what is wrong with a configuration that the neighbour refused."""
        return self._command

    @property
    def environment(self) -> dict[str, str]:
        home = str(self._options.home)
        return dict(os.environ) | {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_DATA_HOME": f"{home}/share"}

    async def start(self) -> bool:
        """True when Caddy answers already. Else a configuration without listeners waits for it, unless one of an earlier run does."""
        options = self._options
        check_socket_path(str(options.admin_socket))
        check_socket_path(str(options.activator_socket))
        self._command = [str((await find_caddy(options.binary)).path)]
        options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if await self._answers():
            log.info("caddy is there already")
            return True
        if not options.configuration.exists():
            replace_file(options.configuration, json.dumps(skeleton(options)).encode())
        return False

    async def _answers(self) -> bool:
        try:
            await self._admin.read("/config/admin")
        except EdgeUnavailable:
            return False
        return True

    async def stop(self) -> None:
        """Whoever started Caddy ends it."""

    async def release(self) -> None:
        """Nothing is watched."""
