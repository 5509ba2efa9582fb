"""What an earlier start left running with another runtime directory, where this one would not find it."""

from collections.abc import Iterator

from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.adapters.caddy.process import Process
from wakedock_operator.adapters.process.procfs import boot_id, stat
from wakedock_operator.adapters.process.record import RecordFolder
from wakedock_operator.adapters.process.workloads import RECORDS
from wakedock_operator.cli.directories import Directories

_NAMED = 3


def left_running(former: Directories) -> str:
    """Who runs there, as the subject of a sentence; empty when nobody does."""
    found = list(_found(former))
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def _found(former: Directories) -> Iterator[str]:
    options = CaddyOptions(runtime=former.runtime, data=former.data)
    caddy = Process.listening(options.admin_socket) or Process.recorded(options.pid_file)
    if caddy is not None:
        yield f"Caddy (process {caddy.pid})"
    folder = former.runtime / RECORDS
    if not folder.is_dir():
        return
    for key, record in RecordFolder(folder).read_all():
        process = stat(record.pid) if record.pid and record.boot == boot_id() else None
        if process is not None and process.start_ticks == record.start_ticks and not process.ended:
            yield f"{key} (process {process.pid})"
