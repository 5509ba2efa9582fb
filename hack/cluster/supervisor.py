"""The node's first process once the node is prepared: parent of all daemons, reaper of all orphans, and taker of orders."""

import json
import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


class Supervisor:
    """Starts daemons and sends them signals. It starts nothing again by itself: what a test ended stays ended."""

    def __init__(self, commands: Mapping[str, tuple[str, ...]], logs: Path) -> None:
        self._commands = commands
        self._logs = logs
        self._pids: dict[str, int] = {}
        self._lock = threading.Lock()
        self._born = threading.Event()

    def run(self, control: Path) -> None:
        """Take orders on the unix socket `control` and reap, for ever."""
        threading.Thread(target=self._take_orders, args=(control,), daemon=True).start()
        while True:
            try:
                pid, _ = os.wait()
            except ChildProcessError:
                self._born.wait()
                self._born.clear()
                continue
            with self._lock:
                self._pids = {name: running for name, running in self._pids.items() if running != pid}

    def states(self) -> dict[str, str]:
        """`running`, `frozen` or `stopped` for each daemon."""
        with self._lock:
            return {name: state(self._pids[name]) if name in self._pids else "stopped" for name in self._commands}

    def start(self, name: str) -> None:
        """Start the daemon unless it runs; its log goes on where it ended."""
        command, log = self._commands[name], self._logs / f"{name}.log"
        with self._lock:  # the reaper waits, so that it cannot miss a child that ends at once
            if name in self._pids:
                return
            files = [
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ]
            self._pids[name] = os.posix_spawnp(command[0], command, ENVIRONMENT, file_actions=files, setsid=True)
        self._born.set()

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a running daemon; nothing happens to one that does not run."""
        with self._lock:
            if pid := self._pids.get(name):
                os.kill(pid, number)

    def _take_orders(self, control: Path) -> None:
        control.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(control))
            control.chmod(0o600)
            listener.listen()
            while True:
                connection, _ = listener.accept()
                with connection, connection.makefile("rw") as stream:
                    stream.write(json.dumps(self._obey(json.loads(stream.readline()))) + "\n")

    def _obey(self, order: dict[str, str]) -> dict[str, str]:
        try:
            if order["do"] == "start":
                self.start(order["daemon"])
            elif order["do"] == "signal":
                self.signal(order["daemon"], int(order["signal"]))
        except (OSError, KeyError) as error:
            return {"error": f"{order}: {error!r}"}
        return self.states()


def state(pid: int) -> str:
    """Of a process that was ours; one that was reaped at this moment has stopped."""
    try:
        letter = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "stopped"
    return {"T": "frozen", "Z": "stopped"}.get(letter, "running")
