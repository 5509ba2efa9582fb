"""Services whose apps write down what they serve, and what the books say in the end."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.e2e.installation import Installation
from tests.soak.generator import Load

LEDGER = Path(__file__).parents[1] / "e2e" / "apps" / "ledger.py"


def app_of(book: Path, *, stop_signal: str) -> dict[str, Any]:
    return {"command": [sys.executable, "-I", "-S", str(LEDGER), "$(PORT)", str(book)], "stopSignal": stop_signal}


def serve(installation: Installation, name: str, book: Path, *, stop_signal: str, idle: str) -> None:
    installation.define(name, hosts=[f"{name}.localhost"], app=app_of(book, stop_signal=stop_signal), idleTimeout=idle)


def served_in(book: Path) -> Counter[str]:
    """How often each request was served."""
    return Counter(line.split()[1] for line in book.read_text().splitlines())


def verdict(load: Load, book: Path) -> tuple[list[str], dict[str, int]]:
    """What was lost and what was served twice."""
    served = served_in(book)
    unknown = [name for name in load.ids if name not in served and not any(loss.startswith(f"{name}:") for loss in load.lost)]
    return load.lost + unknown, {name: count for name, count in served.items() if count > 1}
