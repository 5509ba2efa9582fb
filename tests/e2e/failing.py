"""What the failure tests share: apps that misbehave as told, and how to read what became of them."""

import os
import sys
from pathlib import Path
from typing import Any

from tests.e2e.apps.faulty import __file__ as _faulty
from tests.e2e.connection import Answer
from tests.e2e.installation import Installation
from tests.e2e.standing import Plan


def faulty(name: str, ledger: Path, behaviour: str) -> list[str]:
    """The command of an app that behaves so."""
    return [sys.executable, "-I", "-S", str(_faulty), behaviour, name, str(ledger), "$(PORT)"]


def behaving(plan: Plan, name: str, behaviour: str, **spec: Any) -> str:
    """A service at NAME.test whose app behaves so; returns its name."""
    return plan.service(name, app={"command": faulty(name, plan.ledger, behaviour)} | spec.pop("app", {}), **spec)


def problem(answer: Answer) -> tuple[int, str, str | None]:
    """Status, kind and class of the cause of a problem document."""
    assert answer.header("content-type") == "application/problem+json", answer
    assert answer.header("cache-control") == "no-store"
    document = answer.json()
    assert document["status"] == answer.status
    return answer.status, document["type"].rpartition("/")[2], document.get("cause")


def running(pid: int) -> bool:
    """Whether a process is there (a zombie is not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until_nothing_runs(installation: Installation, name: str) -> dict[str, Any]:
    """Wait until the service sleeps and nothing of its process is left; returns its record."""
    return await installation.until(name, lambda record: record["serving"] == "Asleep" and installation.instance(name) is None)


def condition(record: dict[str, Any], of: str) -> tuple[str, str, str]:
    """Status, reason and message of one condition of a record."""
    found = next(condition for condition in record["conditions"] if condition["type"] == of)
    return found["status"], found["reason"], found["message"]


def unprivileged(folder: Path) -> dict[str, Any]:
    """An `app` that this user is not permitted to run: as root for a user who may not enter the folder, else as root."""
    program = folder / "private" / "program"
    program.parent.mkdir(mode=0o700)
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    return {"command": [str(program)], "user": "65534" if os.geteuid() == 0 else "0"}
