"""charts/wakedock/README.md: how to install, and every value."""

import json
from collections.abc import Iterator

from hack.chart.values import CHART, read_values

PLACE = "<!-- values -->\n"


def text() -> str:
    """README.md.in with the table in its place."""
    before, after = (CHART / "README.md.in").read_text().split(PLACE)
    return before + "".join(_table()) + after


def _table() -> Iterator[str]:
    yield "| value | default | meaning |\n|---|---|---|\n"
    for top in read_values():
        for value in top.leaves():
            name = ".".join(value.path)
            default = json.dumps(value.default, ensure_ascii=False)
            allowed = " ".join(f"`{one}`" for one in value.schema.get("enum", ()) if one)
            meaning = " ".join(filter(None, (value.description, f"One of {allowed}." if allowed else "")))
            yield f"| `{name}` | `{default}` | {meaning} |\n"
